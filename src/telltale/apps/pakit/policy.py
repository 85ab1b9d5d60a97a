"""How a store asks: one decision for a run of blocks of an object, and none where deciding would cost more than it wins."""

from collections.abc import Sequence
from typing import Final, final

import numpy as np

from telltale.apps.pakit.features import DEFAULT_BANDWIDTH_MB_S
from telltale.apps.pakit.schema import BLOCK_BYTES
from telltale.apps.pakit.statistics import STATISTICS, block_statistics
from telltale.contract.answer import CheckedRow, ChoiceAnswer
from telltale.models.choose_runtime import ChooseRuntime

# What a decision takes, in seconds, about: statistics of four blocks, plan, model, all in Python on one core.
_DECISION_S: Final = 3e-4
# Deciding may take this share of the time that sending the run takes. Of shares from .002 to .1 and of one, two and four
# blocks looked at, these had the least regret at the default bandwidth on large files of a Debian machine.
_MOST_SHARE: Final = 0.002
# The blocks of a mebibyte of one object are alike. While decisions agree, the next run is twice as long.
_SHORTEST_RUN, _LONGEST_RUN = 16, 256
_LOOKED_AT: Final = 4
_MB: Final = 1e6


@final
class CodecPolicy:
    """Codecs for the blocks of objects, at one bandwidth and number of reads. It remembers nothing of the objects.

    A run of blocks takes the codec that four of them, evenly spread, are predicted to cost least with, if none of the
    four is predicted to cost more with it than with the usual one; else, and where a run is too short to be worth a
    decision, the usual one.

    Args:
        runtime: a version of `pakit/compression`.
        bandwidth_mb_s: of the way to the disk or the peer, in 1e6 bytes per second; None for the default.
        reads: how often a block will be read back; None for the default.
    """

    def __init__(
        self, runtime: ChooseRuntime, *, bandwidth_mb_s: float | None = None, reads: float | None = None
    ) -> None:
        self._runtime = runtime
        self._names = runtime.choices.names
        self._given = {"bandwidth_mb_s": bandwidth_mb_s, "reads": reads}
        bandwidth = DEFAULT_BANDWIDTH_MB_S if bandwidth_mb_s is None else bandwidth_mb_s
        self._least_bytes = _DECISION_S / _MOST_SHARE * bandwidth * _MB
        self._first_run = max(_SHORTEST_RUN, -(-int(self._least_bytes) // BLOCK_BYTES))
        typical: CheckedRow = (self._values(BLOCK_BYTES, {}), 0.0, None, False)
        self.usual = runtime.answer_rows([typical])[0].choice

    def choose(self, blocks: Sequence[bytes]) -> list[str]:
        """A codec for each block of one object, in order; none of them is empty."""
        chosen: list[str] = []
        length, before = self._first_run, ""
        while len(chosen) < len(blocks):
            run = blocks[len(chosen) : len(chosen) + length]
            is_worth_it = sum(map(len, run)) >= self._least_bytes
            codec = self._decide(run) if is_worth_it else before or self.usual
            chosen += [codec] * len(run)
            length = min(2 * length, max(_LONGEST_RUN, self._first_run)) if codec == before else self._first_run
            before = codec
        return chosen

    def answers(self, blocks: Sequence[bytes]) -> Sequence[ChoiceAnswer]:
        """The choice for each block by itself, and what each codec is predicted to cost, whatever it costs to ask."""
        rows: list[CheckedRow] = []
        for block, statistics in zip(blocks, block_statistics(blocks).tolist(), strict=True):
            rows.append((self._values(len(block), dict(zip(STATISTICS, statistics, strict=True))), 0.0, None, False))
        return self._runtime.answer_rows(rows)

    def _decide(self, run: Sequence[bytes]) -> str:
        n = min(_LOOKED_AT, len(run))
        looked_at = [run[(2 * number + 1) * len(run) // (2 * n)] for number in range(n)]
        costs = np.array([list(answer.costs.values()) for answer in self.answers(looked_at)])
        best, usual = int(costs.mean(axis=0).argmin()), self._names.index(self.usual)
        return self.usual if (costs[:, best] > costs[:, usual]).any() else self._names[best]

    def _values(self, n_bytes: int, statistics: dict[str, float]) -> list[float | None]:
        known: dict[str, float | None] = {**self._given, **statistics, "block_size": float(n_bytes)}
        return [known.get(name) for name in self._runtime.columns]
