"""What of that which is foretold is worth fetching: running precision, kind by kind, against a budget of wasted fetches.

Every source says of what kind each of its foretellings is: a few hundred *cells* in all, such as "the third block of a run
that is eight long, where the block before it was followed the last time". Of each cell the gate keeps how often it came true
of late, whether or not it was fetched then (of those refused, one in four is watched). A cell below the break-even issues
nothing. The break-even is not fixed: it rises with what was fetched in vain, so that this stays within a budget.
"""

from collections.abc import Collection, Sequence
from typing import Final, final

from telltale.contract.learners import Foretold

SOURCES: Final = ("stride", "association", "network")

# What is foretold has this many steps to come, and at most twice as many.
_HORIZON: Final = 1_000
# Beyond this a cell's counts are halved: what it rests on is recent.
_MOST_TRIED: Final = 200.0
_WATCHED: Final = 4
MOST_AHEAD: Final = 32
_LEAST_AHEAD, _PER_STEP_AHEAD = 2, 64
_COUNTED: Final = 10_000.0
_LOOKED_AT: Final = 50
# The share of the budget that costs nothing, and the break-even where all of it is spent, and beyond.
_FREE, _AT_BUDGET, _HIGHEST = 0.5, 0.75, 0.95
NOTHING: Final = Foretold(items=(), scores=(), source="none", precision=None)


@final
class Gate:
    """The running precision of every cell, what is outstanding, and the break-even.

    Args:
        good: how often what a cell foretold came, per cell; a copy is kept.
        tried: how often it foretold.
        sources: the place in `SOURCES` of each cell's source.
        lowest: the break-even where nothing was fetched in vain.
        budget: fetches in vain per fetch that would be made without, at most.
        top_k: foretellings per step, at most.
        has: what the store holds, which is never foretold; None where nobody says.
    """

    __slots__ = (
        "_break_even",
        "_budget",
        "_ceiling",
        "_good",
        "_has",
        "_lowest",
        "_newer",
        "_older",
        "_refused",
        "_risked",
        "_sources",
        "_steps",
        "_told",
        "_top_k",
        "_tried",
        "came_true",
        "in_vain",
        "wanted",
    )

    def __init__(
        self,
        good: Sequence[float],
        tried: Sequence[float],
        *,
        sources: Sequence[int],
        lowest: float,
        budget: float,
        top_k: int,
        has: Collection[str] | None,
    ) -> None:
        self._good, self._tried, self._sources = list(good), list(tried), sources
        self._lowest = self._break_even = lowest
        self._budget, self._top_k, self._has = budget, top_k, has
        self._newer: dict[str, int] = {}  # outstanding: the cell, or ~cell where it is only watched
        self._older: dict[str, int] = {}
        self._told: list[tuple[float, int, str, int]] = []
        self._steps = self._refused = 0
        self._ceiling = 1.0
        self.came_true = self.in_vain = self.wanted = self._risked = 0.0

    def begin(self, *, came_true: float, in_vain: float, wanted: float) -> None:
        """Where training left off: what came, what was fetched in vain, and of how many."""
        weight = min(1.0, _COUNTED / wanted) if wanted else 0.0
        self.came_true, self.in_vain, self.wanted = came_true * weight, in_vain * weight, wanted * weight
        self._risked = self.in_vain
        self._weigh()

    def came(self, item: str, *, is_there: bool) -> int:
        """The entity came to an item: the cell because of which it was there, or would have been; -1 where there is none."""
        cell = self._newer.pop(item, None)
        if cell is None:
            cell = self._older.pop(item, None)
            if cell is None:
                return -1
        if cell < 0:
            self._good[~cell] += 1.0
            return -1
        if is_there or self._has is None:
            self._good[cell] += 1.0
            self.came_true += 1.0
            return cell
        self.in_vain += 1.0  # it was fetched, and had to leave too early
        return -1

    def begin_walk(self) -> None:
        """A source is about to offer one item after another."""
        self._ceiling = 1.0

    def offer(self, item: str, cell: int) -> bool:
        """A source foretells an item: whether to go on to what it foretells next."""
        likely = self._good[cell] / self._tried[cell]
        is_known = self._newer.get(item, -1) >= 0 or (self._has is not None and item in self._has)
        if likely < self._break_even:
            self._refused += 1
            if self._refused % _WATCHED == 0 and not is_known:
                self._tried[cell] += 1.0
                self._newer[item] = ~cell
            return False
        # What comes later on a walk is no likelier than what must come before it, whatever its cell says.
        self._ceiling = shown = min(likely, self._ceiling)
        if is_known:
            return True
        if len(self._told) >= self._top_k:
            return False
        self._tried[cell] += 1.0
        self._newer[item] = cell
        self._risked += 1.0 - likely
        self._told.append((-shown, len(self._told), item, cell))
        return True

    def foretold(self) -> Foretold:
        """What was taken since the last time, the likeliest first; a step ends with this."""
        self._steps += 1
        self.wanted += 1.0
        if self._steps % _LOOKED_AT == 0:
            self._weigh()
            if self._steps % _HORIZON == 0:
                self._age()
        if not self._told:
            return NOTHING
        told, self._told = self._told, []
        if len(told) > 1:
            told.sort()
        return Foretold(
            items=tuple([item for _, _, item, _ in told]),
            scores=tuple([-likely for likely, _, _, _ in told]),
            source=SOURCES[self._sources[told[0][3]]],
            precision=self.precision,
        )

    @property
    def reach(self) -> int:
        """How far ahead a source may look, so that what waits does not fill the store: a part of what it holds."""
        if self._has is None:
            return MOST_AHEAD
        return max(_LEAST_AHEAD, min(MOST_AHEAD, len(self._has) // _PER_STEP_AHEAD))

    @property
    def precision(self) -> float | None:
        """Which share of what was foretold came, of late; None before any of it could."""
        known = self.came_true + self.in_vain
        return self.came_true / known if known else None

    @property
    def counts(self) -> tuple[list[float], list[float]]:
        """Good and tried, per cell."""
        return self._good, self._tried

    def forget_outstanding(self) -> None:
        """As if nothing had been foretold yet."""
        self._newer, self._older = {}, {}

    def end(self) -> None:
        """The entity comes to nothing more: what is outstanding was fetched in vain."""
        for outstanding in (self._newer, self._older):
            self.in_vain += sum(1.0 for cell in outstanding.values() if cell >= 0)
        self.forget_outstanding()

    def _age(self) -> None:
        self.in_vain += sum(1.0 for cell in self._older.values() if cell >= 0)
        self._older, self._newer = self._newer, {}
        for cell, tried in enumerate(self._tried):
            if tried > _MOST_TRIED:
                self._tried[cell] = tried / 2.0
                self._good[cell] /= 2.0

    def _weigh(self) -> None:
        """Set the break-even by what was fetched in vain, or was likely to be when it was fetched: the first is known late."""
        if self.wanted > _COUNTED:
            self.wanted, self._risked = self.wanted / 2, self._risked / 2
            self.came_true, self.in_vain = self.came_true / 2, self.in_vain / 2
        if self.wanted:
            spent = max(self.in_vain, self._risked) / self.wanted
            self._break_even = break_even(spent / self._budget, lowest=self._lowest)


def break_even(spent: float, *, lowest: float) -> float:
    """The precision below which a cell issues nothing, where so much of the budget is spent.

    In proportion, not by steps up and down: a rule that adds them up shuts cells that pay, long after a bad moment.

    >>> [break_even(spent, lowest=0.25) for spent in (0.0, 0.5, 1.0, 3.0)]
    [0.25, 0.25, 0.75, 0.95]
    """
    if spent <= _FREE:
        return lowest
    if spent <= 1.0:
        return lowest + (_AT_BUDGET - lowest) * (spent - _FREE) / (1.0 - _FREE)
    return min(_HIGHEST, _AT_BUDGET + (spent - 1.0) * 2.0 * (_HIGHEST - _AT_BUDGET))
