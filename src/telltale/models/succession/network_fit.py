"""Training the LSTM over steps, and its graph: torch is needed here and nowhere else."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from telltale.contract.errors import NotEnoughDataError, UsageError
from telltale.contract.estimator import Parameter, Parameters, Parts, Tell
from telltale.models.lstm import by_onnx_gates
from telltale.models.neural.device import device_named, one_thread
from telltale.models.neural.graph import Weights
from telltale.models.succession.fitted import LENGTH, VOCABULARY
from telltale.models.succession.tokens import OTHER, steps_of, vocabulary_of

NETWORK_DEFAULTS: Final[Mapping[str, Parameter]] = {
    "max_vocab_size": 10_000,
    "length": 16,
    "hidden": 64,
    "epochs": 5,
    "windows_per_epoch": 16_384,
    "batch_size": 64,
    "learning_rate": 0.003,
    "device": "cpu",
}
_TOLD: Final = 4
_LEAST_WINDOWS: Final = 32
_OPSET, _IR_VERSION = 21, 10


def network_parts(sequences: Sequence[Sequence[str]], parameters: Parameters, *, seed: int, tell: Tell) -> Parts:
    """The trained network: its graph, its vocabulary, and how many steps it reads.

    Cross-entropy of the next step, given the `length` before it; windows are drawn anew each epoch, those whose next step is
    not in the vocabulary left out. Same seed, same CPU: same weights.

    Raises:
        NotEnoughDataError: too few steps.
        UsageError: a parameter is out of range, or there is no such device.
    """
    _check(parameters)
    length = int(parameters["length"])
    steps = [steps_of(items) for items in sequences]
    # One place of the vocabulary is for all that is not in it.
    vocabulary = vocabulary_of(steps, most=int(parameters["max_vocab_size"]) - 1)
    token = {step: place for place, step in enumerate(vocabulary, start=1)}
    padded = [[OTHER] * length + [token.get(step, OTHER) for step in one] for one in steps]
    tokens = np.array([place for one in padded for place in one], dtype=np.int64)
    ends = np.cumsum([0, *map(len, padded)])
    # Where a window ends and the next step is known: not in the padding, nor over the edge of a sequence.
    targets = np.concatenate([np.arange(start + length, end) for start, end in pairwise(ends.tolist())])
    targets = targets[tokens[targets] != OTHER]
    if len(targets) < _LEAST_WINDOWS:
        raise NotEnoughDataError(
            f"{len(targets)} steps to learn from", where="network", mend="Give some thousands of accesses."
        )
    with one_thread():
        weights = _train(tokens, targets, len(vocabulary) + 1, parameters, seed=seed, tell=tell)
    return Parts(
        onnx=network_graph(weights, length=length),
        arrays={LENGTH: np.array([length], dtype=np.int64)},
        names={VOCABULARY: vocabulary},
    )


def _check(parameters: Parameters) -> None:
    for name, least in (("max_vocab_size", _TOLD + 1), ("length", 1), ("hidden", 1), ("epochs", 1), ("batch_size", 1)):
        if int(parameters[name]) < least:
            raise UsageError(f"{name} is {parameters[name]}", where="network", mend=f"Give at least {least}.")


def _train(
    tokens: NDArray[np.int64],
    targets: NDArray[np.int64],
    n_tokens: int,
    parameters: Parameters,
    *,
    seed: int,
    tell: Tell,
) -> Weights:
    import torch
    from torch import nn

    device = device_named(str(parameters["device"]))
    rng = np.random.default_rng(seed)
    with torch.random.fork_rng(devices=[]):  # nobody else's random numbers move
        torch.random.manual_seed(seed)
        network = next_network(n_tokens, int(parameters["hidden"])).to(device)
    optimiser = torch.optim.Adam(network.parameters(), lr=float(parameters["learning_rate"]))
    loss_of = nn.CrossEntropyLoss()
    batch, offsets = int(parameters["batch_size"]), np.arange(-int(parameters["length"]), 0)
    for epoch in range(int(parameters["epochs"])):
        drawn = rng.permutation(targets)[: int(parameters["windows_per_epoch"])]
        total = 0.0
        for start in range(0, len(drawn), batch):
            ends = drawn[start : start + batch]
            windows = torch.from_numpy(tokens[ends[:, None] + offsets]).to(device)
            wanted = torch.from_numpy(tokens[ends]).to(device)
            optimiser.zero_grad()
            loss = loss_of(network(windows), wanted)
            loss.backward()
            nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            optimiser.step()
            total += float(loss.detach()) * len(ends)
        tell(f"network: epoch {epoch + 1}, cross-entropy {total / len(drawn):.3f}")
    return {name: value.detach().cpu().numpy() for name, value in network.state_dict().items()}


def next_network(n_tokens: int, hidden: int) -> Any:
    """The network in torch: tokens of shape (n, length) to logits of shape (n, n tokens)."""
    from torch import Tensor, nn

    class Network(nn.Module):  # type: ignore[misc]  # torch's types are not read
        def __init__(self) -> None:
            super().__init__()
            self.embedding = nn.Embedding(n_tokens, hidden // 2 or 1)
            self.lstm = nn.LSTM(hidden // 2 or 1, hidden, batch_first=True)
            self.head = nn.Linear(hidden, n_tokens)

        def forward(self, tokens: Tensor) -> Tensor:
            steps, _ = self.lstm(self.embedding(tokens))
            last: Tensor = self.head(steps[:, -1])
            return last

    return Network()


def network_graph(weights: Weights, *, length: int) -> bytes:
    """The network with softmax and the four likeliest tokens as a graph: `tokens` to `likely` and `next`."""
    from onnx import TensorProto, helper, numpy_helper

    gates = {way: by_onnx_gates(weights[f"lstm.weight_{way}_l0"])[None] for way in ("ih", "hh")}
    biases = np.concatenate([by_onnx_gates(weights[f"lstm.bias_{way}_l0"]) for way in ("ih", "hh")])[None]
    kept = {
        "embedding": weights["embedding.weight"],
        "w": gates["ih"],
        "r": gates["hh"],
        "b": biases,
        "head": np.ascontiguousarray(weights["head.weight"].T),
        "bias": weights["head.bias"],
        "first": np.array([0], dtype=np.int64),
        "k": np.array([min(_TOLD, len(weights["head.bias"]))], dtype=np.int64),
    }
    nodes = [
        helper.make_node("Gather", ["embedding", "tokens"], ["embedded"]),
        helper.make_node("Transpose", ["embedded"], ["in_time"], perm=(1, 0, 2)),  # ONNX Runtime knows only time first
        helper.make_node("LSTM", ["in_time", "w", "r", "b"], ["", "last"], hidden_size=gates["hh"].shape[-1]),
        helper.make_node("Squeeze", ["last", "first"], ["state"]),
        helper.make_node("Gemm", ["state", "head", "bias"], ["logits"]),
        helper.make_node("Softmax", ["logits"], ["shares"]),
        helper.make_node("TopK", ["shares", "k"], ["likely", "next"]),
    ]
    graph = helper.make_graph(
        nodes,
        "next",
        [helper.make_tensor_value_info("tokens", TensorProto.INT64, [None, length])],
        [
            helper.make_tensor_value_info("likely", TensorProto.FLOAT, [None, None]),
            helper.make_tensor_value_info("next", TensorProto.INT64, [None, None]),
        ],
        [numpy_helper.from_array(value, name) for name, value in kept.items()],
    )
    model = helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", _OPSET)], producer_name="telltale", ir_version=_IR_VERSION
    )
    return bytes(model.SerializeToString(deterministic=True))
