"""A network as a source: what an LSTM makes of the last steps, asked where it has paid of late."""

from collections import deque
from collections.abc import Sequence
from typing import Final, final

import numpy as np
from numpy.typing import NDArray

from telltale.models.graph_scorer import open_session
from telltale.models.succession.gate import Gate
from telltale.models.succession.tokens import OTHER, item_after, step_between

N_CELLS: Final = 10
# Where nothing it says pays, it is asked at one step in so many.
_IDLE: Final = 16


@final
class Network:
    """A graph from the last tokens to the likeliest next ones; shared by all that follow, and by threads.

    Args:
        graph: ONNX: `tokens`, int64 of shape (1, length), to `likely` (float32) and `next` (int64), each of shape (1, 4).
        vocabulary: steps by token, from 1.
        length: tokens that the graph reads.
        where: for messages.

    Raises:
        BundleError: it is no graph.
    """

    def __init__(self, graph: bytes, vocabulary: Sequence[str], *, length: int, where: str) -> None:
        self._run = open_session(graph, where=where).run
        self._steps = ("", *vocabulary)
        self._token = {step: token for token, step in enumerate(self._steps) if token}
        self.length = length

    def token(self, step: str) -> int:
        """Its token."""
        return self._token.get(step, OTHER)

    def likeliest(self, tokens: Sequence[int]) -> list[tuple[str, float]]:
        """Which steps come next, and how likely, the likeliest first; what is not in the vocabulary is left out."""
        row: NDArray[np.int64] = np.array([tokens], dtype=np.int64)
        likely, found = self._run(("likely", "next"), {"tokens": row})
        pairs = zip(found[0].tolist(), likely[0].tolist(), strict=True)
        return [(self._steps[token], share) for token, share in pairs if token != OTHER]


@final
class NetworkSource:
    """The last steps of one entity, and what the network says of them.

    Args:
        first_cell: where its cells begin: tenths of how likely the network says that a step is.
        network: of the version.
    """

    __slots__ = ("_address", "_cell", "_has_paid", "_n_steps", "_network", "_tokens")

    def __init__(self, first_cell: int, network: Network) -> None:
        self._cell, self._network = first_cell, network
        self._tokens: deque[int] = deque([OTHER] * network.length, maxlen=network.length)
        self._address: int | None = None
        self._n_steps = 0
        self._has_paid = True

    def step(self, item: str) -> None:
        """The entity came to an item."""
        step, address = step_between(self._address, item)
        self._tokens.append(self._network.token(step))
        self._address = self._address if address is None else address
        self._n_steps += 1

    def offer(self, gate: Gate) -> None:
        """Hand the likeliest next ones to the gate. After a step that is not in the vocabulary nothing is asked."""
        if self._tokens[-1] == OTHER or not (self._has_paid or self._n_steps % _IDLE == 0):
            return
        gate.begin_walk()
        self._has_paid = False
        for step, likely in self._network.likeliest(self._tokens):
            item = item_after(self._address, step)
            if item is None:
                continue
            if not gate.offer(item, self._cell + min(int(likely * N_CELLS), N_CELLS - 1)):
                return
            self._has_paid = True
