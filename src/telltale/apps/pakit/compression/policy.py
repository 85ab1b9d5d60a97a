"""How a store asks: one decision for a run of blocks of an object, and none where deciding would cost more than it saves."""

from collections.abc import Sequence
from typing import Final, final

from telltale.apps.pakit.compression.strategy import LEAST_BYTES, RUN_BYTES, VANISHING_RATIO, Way, best_strategy
from telltale.apps.pakit.compression.trials import trial_ratios
from telltale.apps.pakit.schema import TRIALS, TRIED_CODECS
from telltale.apps.pakit.statistics import STATISTICS, block_statistics, byte_statistics
from telltale.contract.answer import CheckedRow, ChoiceAnswer
from telltale.models.choice_tree import leaf_of
from telltale.models.choose_runtime import ChooseRuntime

# A block is as one before it in its object where LZ4's ratio on a sample is within such a share of the last one's, or within
# such a share and the entropy of its bytes within so many bits: then it takes the codec of that one, and the model is not asked.
# Beyond two questions for an object and one for every eight runs, it takes the codec of the one that it is most like.
_SAME_RATIO: Final = 0.05
_NEAR_RATIO, _NEAR_BITS = 0.15, 0.25
_RUNS_PER_QUESTION: Final = 8
_LZ4, _BESIDE_LZ4 = TRIED_CODECS[:1], TRIED_CODECS[1:]
_Seen = tuple[float, float, str]  # entropy, ratio, codec


@final
class CodecPolicy:
    """Codecs for the blocks of objects, at one bandwidth and number of reads. It remembers nothing of the objects.

    What each way to decide is worth is settled when it is made, on training rows (`strategy.py`): the usual codec for all, or
    for each run of 1 MiB a codec by what LZ4 makes of a sample, or by the model, asked of the block in the middle (the first
    blocks of a file are often unlike the rest). An object takes the way that is expected to save most on one of its size,
    deciding counted.

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
        self._names = runtime.choices.names
        self.strategy = best_strategy(runtime.sample(self._given), runtime.columns)
        self._is_all_asked = bool({*STATISTICS[3:]} & {*runtime.columns})

    def usual(self, n_bytes: int) -> str:
        """The codec of a block that is not looked at."""
        return self._names[leaf_of(self.strategy.usual, n_bytes)]

    def choose(self, blocks: Sequence[bytes]) -> list[str]:
        """A codec for each block of one object, in order, all of one size but the last; none of them is empty."""
        n = len(blocks)
        if not n:
            return []
        n_bytes, n_last = len(blocks[0]), len(blocks[-1])
        chosen = [self.usual(n_bytes)] * n
        length = max(RUN_BYTES // n_bytes, 1)
        n_runs = -(-n // length)
        way, most = self.strategy.best_way(n * n_bytes, n_runs), 2 + n_runs // _RUNS_PER_QUESTION
        if way is not None:
            seen: list[_Seen] = []
            for start in range(0, n, length):
                run = blocks[start : start + length]
                chosen[start : start + length] = [self._asked(run[len(run) // 2], way, seen, most=most)] * len(run)
        if n_last < LEAST_BYTES and n_last < n_bytes:
            chosen[-1] = self.usual(n_last)
        return chosen

    def answers(self, blocks: Sequence[bytes]) -> Sequence[ChoiceAnswer]:
        """The choice for each block by itself, and what each codec is predicted to cost, whatever it costs to ask."""
        rows: list[CheckedRow] = []
        for block, statistics in zip(blocks, block_statistics(blocks).tolist(), strict=True):
            known = dict(zip((*STATISTICS, *TRIALS), (*statistics, *trial_ratios(block)), strict=True))
            rows.append((self._values(len(block), known), 0.0, None, False))
        return self._runtime.answer_rows(rows)

    def _asked(self, block: bytes, way: Way, seen: list[_Seen], *, most: int) -> str:
        """The codec for a block that is looked at: LZ4 on a sample first, and more where that does not say it all."""
        lz4 = trial_ratios(block, of=_LZ4)[0]
        if lz4 < VANISHING_RATIO:
            return self._names[self.strategy.vanishing]
        if way.asks == "trial":
            return self._names[leaf_of(way.by_ratio, lz4)]
        if seen and abs(lz4 - seen[-1][1]) < _SAME_RATIO * lz4:
            return seen[-1][2]
        counted = byte_statistics(block)
        if seen:
            distance, codec = min(
                (max(abs(counted[0] - entropy) / _NEAR_BITS, abs(lz4 - ratio) / (_NEAR_RATIO * lz4)), codec)
                for entropy, ratio, codec in seen
            )
            if distance < 1.0 or len(seen) >= most:
                return codec
        codec = self._foretold(block, counted, lz4, margin=way.margin)
        seen.append((counted[0], lz4, codec))
        return codec

    def _foretold(self, block: bytes, counted: tuple[float, ...], lz4: float, *, margin: float) -> str:
        """The model's choice."""
        if self._is_all_asked:
            statistics = dict(zip(STATISTICS, block_statistics([block])[0].tolist(), strict=True))
        else:
            statistics = dict(zip(STATISTICS, counted, strict=False))
        trials = dict(zip(TRIALS, (lz4, *trial_ratios(block, of=_BESIDE_LZ4)), strict=True))
        costs = self._runtime.answer_row(self._values(len(block), statistics | trials), 0.0).costs
        usual, cheapest = self.usual(len(block)), min(costs, key=costs.__getitem__)
        return cheapest if costs[cheapest] * (1.0 + margin) < costs[usual] else usual

    def _values(self, n_bytes: int, statistics: dict[str, float]) -> list[float | None]:
        known: dict[str, float | None] = {**self._given, **statistics, "block_size": float(n_bytes)}
        return [known.get(name) for name in self._runtime.columns]
