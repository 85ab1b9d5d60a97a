"""An association prefetcher after MITHRIL, with sequential read-ahead beside it: what ours is compared with."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from telltale.contract.learners import Foretold
from telltale.models.sequential import ReadAheadFollower

_NOTHING: Final = Foretold(items=(), scores=(), source="none", precision=None)
_MOST_SUPPORT: Final = 8
_ROWS: Final = 1_250
_SUCCESSORS: Final = 2
_MOST_ASSOCIATED: Final = 131_072


@dataclass(frozen=True)
class Mining:
    """What is tuned: how often an item must have come, within how many misses its successor, and blocks read ahead (0: none)."""

    support: int
    reach: int
    degree: int


class MithrilLike:
    """Items that came about as often, each time shortly after one another, are fetched together.

    Misses are recorded with their number; an item that came `support` times goes to the mining table, one that came more than
    eight times is too frequent and leaves it. Once that is full, two of its items are associated if they came equally often, and
    each time within `reach`, at least once next to each other; then it begins anew. At a miss, and where what was fetched ahead is
    first used, the last two that were associated are fetched.

    References:
        Yang et al., "MITHRIL: mining sporadic associations for cache prefetching", SoCC 2017.
    """

    def __init__(self, mining: Mining, has: Collection[str]) -> None:
        self._mining, self._has = mining, has
        self._ahead = ReadAheadFollower(mining.degree, has) if mining.degree else None
        self._recorded: dict[str, list[int]] = {}
        self._mined: dict[str, list[int]] = {}
        self._successors: dict[str, list[str]] = {}
        self._fetched: dict[str, None] = {}
        self._n_misses = 0

    def step(self, item: str) -> Foretold:
        """What is fetched after this item."""
        sequential = self._ahead.step(item).items if self._ahead is not None else ()
        was_fetched = self._fetched.pop(item, self) is None
        is_there = item in self._has
        if is_there and not was_fetched:
            return self._told(sequential)
        if not is_there:
            self._record(item)
        associated = [one for one in self._successors.get(item, ()) if one not in self._has]
        if associated:
            if len(self._fetched) > _MOST_ASSOCIATED:
                self._fetched.clear()
            self._fetched.update(dict.fromkeys(associated))
        return self._told((*sequential, *associated))

    def bind(self, has: Collection[str]) -> None:
        """Go on with another cache, and what is known."""
        self._has = has
        self._ahead = ReadAheadFollower(self._mining.degree, has) if self._mining.degree else None
        self._fetched = {}

    def _told(self, items: tuple[str, ...]) -> Foretold:
        if not items:
            return _NOTHING
        return Foretold(items=items, scores=(1.0,) * len(items), source="association", precision=None)

    def _record(self, item: str) -> None:
        self._n_misses += 1
        times = self._mined.get(item)
        if times is not None:
            times.append(self._n_misses)
            if len(times) > _MOST_SUPPORT:
                del self._mined[item]
            return
        times = self._recorded.setdefault(item, [])
        times.append(self._n_misses)
        if len(times) >= self._mining.support:
            self._mined[item] = self._recorded.pop(item)
            if len(self._mined) >= _ROWS:
                self._mine()
        elif len(self._recorded) > _MOST_ASSOCIATED:
            del self._recorded[next(iter(self._recorded))]

    def _mine(self) -> None:
        rows = sorted(self._mined.items(), key=lambda row: row[1][0])
        reach = self._mining.reach
        for place, (item, times) in enumerate(rows):
            for other, its_times in rows[place + 1 :]:
                if its_times[0] - times[0] > reach:
                    break
                if len(times) != len(its_times):
                    continue
                gaps = [after - before for before, after in zip(times, its_times, strict=True)]
                if min(gaps) == 1 and max(gaps) <= reach:
                    self._associate(item, other)
        self._mined = {}

    def _associate(self, item: str, other: str) -> None:
        known = self._successors.setdefault(item, [])
        if other not in known:
            known.append(other)
            del known[:-_SUCCESSORS]
        if len(self._successors) > _MOST_ASSOCIATED:
            del self._successors[next(iter(self._successors))]
