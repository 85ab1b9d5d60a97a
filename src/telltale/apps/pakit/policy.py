"""How a store asks: one decision for a run of blocks of an object, and none where deciding would cost more than it wins."""

from collections.abc import Sequence
from typing import Final, final

from telltale.apps.pakit.features import DEFAULT_BANDWIDTH_MB_S
from telltale.apps.pakit.schema import BLOCK_BYTES
from telltale.apps.pakit.statistics import STATISTICS, block_statistics
from telltale.contract.answer import CheckedRow, ChoiceAnswer
from telltale.models.choose_runtime import ChooseRuntime

# What a decision takes, in seconds, about: statistics of a block, plan, model, all in Python on one core.
_DECISION_S: Final = 1.4e-4
# Deciding may take this share of the time that sending the run takes. Of shares from .002 to .1, and of one, two and four
# blocks looked at, this share and one block had the least regret on 36 large files of a Debian machine, summed over 20, 100
# and 500 MB/s: most of what a decision can win is less than what it costs.
_MOST_SHARE: Final = 0.002
# The blocks of a mebibyte of one object are alike. While decisions agree, the next run is twice as long.
_SHORTEST_RUN, _LONGEST_RUN = 16, 256
_MB: Final = 1e6


@final
class CodecPolicy:
    """Codecs for the blocks of objects, at one bandwidth and number of reads. It remembers nothing of the objects.

    A run of blocks takes the codec that the block in its middle is predicted to cost least with (the first blocks of a
    file are often unlike the rest). A run too short to be worth a decision takes that of the run before it, or the usual
    one: the best single codec, by prediction, for blocks as those of training.

    Args:
        runtime: a version of `pakit/compression`.
        bandwidth_mb_s: of the way to the disk or the peer, in 1e6 bytes per second; None for the default.
        reads: how often a block will be read back; None for the default.
    """

    def __init__(
        self, runtime: ChooseRuntime, *, bandwidth_mb_s: float | None = None, reads: float | None = None
    ) -> None:
        self._runtime = runtime
        self._given = {"bandwidth_mb_s": bandwidth_mb_s, "reads": reads}
        bandwidth = DEFAULT_BANDWIDTH_MB_S if bandwidth_mb_s is None else bandwidth_mb_s
        self._least_bytes = _DECISION_S / _MOST_SHARE * bandwidth * _MB
        self._first_run = max(_SHORTEST_RUN, -(-int(self._least_bytes) // BLOCK_BYTES))
        self.usual = runtime.best_single(self._given)

    def choose(self, blocks: Sequence[bytes]) -> list[str]:
        """A codec for each block of one object, in order; none of them is empty."""
        chosen: list[str] = []
        length, before = self._first_run, ""
        while len(chosen) < len(blocks):
            run = blocks[len(chosen) : len(chosen) + length]
            is_worth_it = sum(map(len, run)) >= self._least_bytes
            codec = self.answers([run[len(run) // 2]])[0].choice if is_worth_it else before or self.usual
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

    def _values(self, n_bytes: int, statistics: dict[str, float]) -> list[float | None]:
        known: dict[str, float | None] = {**self._given, **statistics, "block_size": float(n_bytes)}
        return [known.get(name) for name in self._runtime.columns]
