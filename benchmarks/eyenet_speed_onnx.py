"""The LSTM of eyenet as it is stored against the same weights in PyTorch, on real windows."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file

from benchmarks.eyenet_speed_home import LSTM, TASK, Trained, fleet_rows
from telltale.contract.errors import BundleError
from telltale.home.home import open_home
from telltale.models.lstm import lstm_network
from telltale.models.neural.rows import Scaler
from telltale.models.runtimes import scoring
from telltale.models.score_runtime import ScoreRuntime

Weights = Mapping[str, NDArray[np.float32]]
_BEST: Final = "best/"


def onnx_difference(trained: Trained, *, n_devices: int, seed: int) -> float:
    """How far a score of the stored graph is from PyTorch's at most, over every row of a fleet's windows.

    The weights are those that the training's checkpoint calls its best, so that what is compared did not pass through the
    graph; only the standardising is read from it.
    """
    with open_home(trained.folder) as home:
        runtime = scoring(home.load(TASK, str(trained.versions[LSTM]))[1])
        frame = fleet_rows(n_devices, rows=trained.rows, seed=seed)
        features = runtime.features_of(frame.sort("@entity", "@time", maintain_order=True))
        stored = runtime.score_features(features)
        scaler = _scaler(runtime)
        wanted = _in_torch(scaler.apply(features), _best_weights(trained.checkpoints), n_columns=len(scaler.centre))
    return float(np.abs(stored - wanted).max())


def _best_weights(checkpoints: Path) -> Weights:
    """Those of the one training that wrote there."""
    (file,) = checkpoints.glob("*/epoch-*.safetensors")
    arrays = load_file(file)
    return {name.removeprefix(_BEST): value for name, value in arrays.items() if name.startswith(_BEST)}


def _scaler(runtime: ScoreRuntime) -> Scaler:
    import onnx
    from onnx import numpy_helper

    model = onnx.load_from_string(runtime.bundle.parts.onnx or b"")
    values = {one.name: numpy_helper.to_array(one) for one in model.graph.initializer}
    read = {node.op_type: values[node.input[1]] for node in model.graph.node if node.op_type in {"Sub", "Mul"}}
    if read.keys() != {"Sub", "Mul"}:
        raise BundleError("the graph does not standardise as it did", where=LSTM, mend="Read `lstm_graph` again.")
    return Scaler(centre=read["Sub"].ravel(), scale=read["Mul"].ravel())


def _in_torch(rows: NDArray[np.float32], weights: Weights, *, n_columns: int) -> NDArray[np.float64]:
    """Probabilities, shape (n,)."""
    import torch

    hidden = weights["lstm.weight_hh_l0"].shape[1]
    n_layers = sum(name.startswith("lstm.weight_hh") for name in weights)
    network = lstm_network(n_columns, hidden, n_layers)
    network.load_state_dict({name: torch.from_numpy(value.copy()) for name, value in weights.items()})
    network.eval()
    with torch.no_grad():
        found = [torch.sigmoid(network(part)) for part in torch.from_numpy(rows).split(4_096)]
    return np.asarray(torch.cat(found)[:, 0].numpy(), dtype=np.float64)
