"""An LSTM over the last rows of an entity: what tells a labelled moment by what led to it."""

from collections.abc import Mapping
from typing import Any, Final, final

import numpy as np
from numpy.typing import NDArray

from telltale.contract.errors import UsageError
from telltale.contract.estimator import Choice, Features, Groups, Parameter, Parameters, Parts, Tell, Traits, silent
from telltale.contract.kinds import Kind
from telltale.models.graph_scorer import GraphScorer
from telltale.models.neural.graph import GraphDraft, Weights
from telltale.models.neural.rows import Scaler, neural_rows
from telltale.models.neural.schedule import Schedule
from telltale.models.neural.training import train_network

_HEAD: Final = 32


@final
class Lstm:
    """Score: the probability that the last of `sequence` rows is positive, as it is among the training rows.

    Two LSTM layers, the last step into a head of 64 to 32, ReLU, 32 to 1, sigmoid; Adam on binary cross-entropy, the
    best weights by the loss on rows kept for validation. Classes are not weighed, however rare the positives: a
    threshold of one half then means what it says. Each epoch sees `rows_per_epoch` rows, the next ones of a shuffled
    deck, and validates on no more, so that 20,000 rows of 30 x 9 take a minute on one core at most.

    Not for: rows without labels; entities whose rows come at uneven intervals, since it does not know the time.

    References:
        Hochreiter & Schmidhuber, "Long short-term memory", Neural Computation 9(8), 1997.
    """

    name = "lstm"
    kind: Kind = "score"
    traits = Traits(needs=("torch",), needs_labels=True, is_costly=True, validates=True)
    expected_failures: Mapping[str, str] = {
        "check_a_feature_that_never_moved_is_seen_when_it_does": "labels say nothing of a feature that never moved",
    }
    check_parameters: Mapping[str, Parameter] = {"sequence": 4, "hidden": 8, "epochs": 25, "learning_rate": 0.01}
    defaults: Mapping[str, Parameter] = {
        "sequence": 30,
        "hidden": 64,
        "layers": 2,
        "epochs": 100,
        "batch_size": 32,
        "learning_rate": 0.001,
        "halve_after": 0,
        "patience": 10,
        "rows_per_epoch": 1_024,
        "augment": 0,
        "device": "cpu",
        "checkpoint_dir": "",
        "tensorboard_dir": "",
    }
    search_space: Mapping[str, Choice] = {"learning_rate": Choice(kind="float", low=3e-4, high=1e-2, log=True)}
    grid: Mapping[str, tuple[Parameter, ...]] = {"learning_rate": (0.0003, 0.001, 0.003)}

    def fit(
        self,
        features: Features,
        *,
        labels: NDArray[np.int8] | None,
        parameters: Parameters,
        seed: int,
        tell: Tell = silent,
        groups: Groups | None = None,
    ) -> Parts:
        """Fit on labelled rows, shape (n, sequence * k), oldest first.

        Parameters as those of `telltale.models.mlp.Mlp.fit`.

        Raises:
            NotEnoughDataError: fewer than ten rows of a class, or groups that cannot be parted.
            UsageError: a parameter is out of range, there is no such device, or the loss is lost.
        """
        schedule = Schedule.of(parameters)
        sequence = int(parameters["sequence"])
        if sequence < 1 or features.shape[1] % sequence:
            raise UsageError(
                f"{features.shape[1]} features are no sequence of {sequence} rows",
                where=self.name,
                mend="Give a sequence of at least 1, and features made for it.",
            )
        rows = neural_rows(
            features,
            labels,
            sequence=sequence,
            most_validation=schedule.rows_per_epoch,
            where=self.name,
            groups=groups,
        )
        n_columns, hidden, layers = features.shape[1] // sequence, int(parameters["hidden"]), int(parameters["layers"])
        weights = train_network(
            lambda: lstm_network(n_columns, hidden, layers),
            rows,
            schedule=schedule,
            parameters=parameters,
            seed=seed,
            tell=tell,
        )
        return Parts(onnx=lstm_graph(rows.scaler, weights, sequence=sequence))

    def load(self, parts: Parts) -> GraphScorer:
        """A scorer that needs ONNX Runtime alone."""
        return GraphScorer(parts, where=self.name)


def lstm_network(n_columns: int, hidden: int, layers: int) -> Any:
    """The network in torch, without the sigmoid: shape (n, sequence * k) to (n, 1)."""
    from torch import Tensor, nn

    class Network(nn.Module):  # type: ignore[misc]  # torch's types are not read
        def __init__(self) -> None:
            super().__init__()
            self.lstm = nn.LSTM(n_columns, hidden, layers, batch_first=True)
            self.head = nn.Sequential(nn.Linear(hidden, _HEAD), nn.ReLU(), nn.Linear(_HEAD, 1))

        def forward(self, rows: Tensor) -> Tensor:
            steps, _ = self.lstm(rows.reshape(len(rows), -1, n_columns))
            last: Tensor = self.head(steps[:, -1])
            return last

    return Network()


def lstm_graph(scaler: Scaler, weights: Weights, *, sequence: int) -> bytes:
    """The network with its standardising and its sigmoid as a graph of raw features, flat."""
    n_columns = len(scaler.centre)
    draft = GraphDraft(name="lstm", n_columns=sequence * n_columns)
    draft.add("Reshape", np.array([0, sequence, n_columns], dtype=np.int64))
    draft.standardise(scaler)
    draft.add("Transpose", perm=(1, 0, 2))  # ONNX Runtime knows only time first
    hidden = weights["lstm.weight_hh_l0"].shape[1]
    n_layers = sum(name.startswith("lstm.weight_hh") for name in weights)
    for layer in range(n_layers):
        is_last = layer == n_layers - 1
        draft.add(
            "LSTM",
            by_onnx_gates(weights[f"lstm.weight_ih_l{layer}"])[None],
            by_onnx_gates(weights[f"lstm.weight_hh_l{layer}"])[None],
            np.concatenate([by_onnx_gates(weights[f"lstm.bias_{way}_l{layer}"]) for way in ("ih", "hh")])[None],
            hidden_size=hidden,
            n_outputs=2 if is_last else 1,
            use=1 if is_last else 0,  # the last step alone, or every step for the layer above
        )
        draft.add("Squeeze", np.array([0 if is_last else 1], dtype=np.int64))  # of the one direction there is
    draft.dense(weights["head.0.weight"], weights["head.0.bias"])
    draft.add("Relu")
    draft.dense(weights["head.2.weight"], weights["head.2.bias"])
    return draft.finish()


def by_onnx_gates(stacked: NDArray[np.float32]) -> NDArray[np.float32]:
    """Gates in, forget, cell, out of torch in the order of ONNX: in, out, forget, cell."""
    gate_in, forget, cell, out = np.split(stacked, 4)
    return np.concatenate([gate_in, out, forget, cell])


ESTIMATOR: Final = Lstm()
