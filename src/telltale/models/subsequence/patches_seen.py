"""Patches seen before, as a stream: how far the last few values are from all that were learned, in usual distances."""

from bisect import bisect_left
from math import sqrt
from typing import Final, final

import numpy as np
from numpy.typing import NDArray

from telltale.models.series.running_mean import RunningMean
from telltale.models.subsequence.memory import furthest_first

# What each of the last values counts, the last one first: half as much as the one after it, as in windows.
_WEIGHTS: Final = (0.5, 0.25, 0.125, 0.0625)
_WIDTH: Final = len(_WEIGHTS)
_MOST_PATCHES: Final = 200
_MOST_NEW: Final = 120  # that wait to be learned
# What was seen is learned when the rows have doubled: until then an event does not become usual by lasting.
_FIRST_ROWS: Final = 50
_GROWTH: Final = 2
_USUAL_ROWS: Final = 1_000.0
_FEW: Final = 10  # distances that make no usual one yet
_MOST_UNITS: Final = 10.0  # what one row teaches of the usual distance
_ROUNDING: Final = 1e-9  # of the largest value

Patches = list[float]  # values of one patch after the other, each the last one first


@final
class PatchesSeen:
    """At most 200 patches of four values that stand for all learned so far, and the distance of the last one to the nearest.

    A patch is kept where none is that near already; where there is no room, those that are furthest apart stay.

    Not for: counters that only rise.

    References:
        Charikar, Chekuri, Feder & Motwani, "Incremental Clustering and Dynamic Information Retrieval", STOC 1997.
    """

    __slots__ = ("_due", "_last", "_n", "_n_told", "_new", "_new_radius", "_patches", "_radius", "_usual")

    def __init__(self) -> None:
        self._last: Patches = []
        self._patches: Patches = []  # by their last values, rising
        self._radius = 0.0
        self._new: Patches = []
        self._new_radius = 0.0
        self._usual = RunningMean(_USUAL_ROWS)
        self._n_told = 0
        self._due = _FIRST_ROWS
        self._n = 0

    def step(self, value: float, *, largest: float) -> float:
        """The distance in usual ones, >= 0, around 1; 0 for the first 60. The value is kept, to be learned later.

        Args:
            value: finite; its square is, too.
            largest: of all values so far, in size.
        """
        self._last = [value, *(self._last[:-1] or [value] * (_WIDTH - 1))]
        self._n += 1
        found = 0.0
        distance = float("inf")
        if self._patches:
            distance = _nearest(self._patches, self._last)
            found = self._in_usual(distance, least=_ROUNDING * largest)
        if distance > self._radius and _is_far(self._new, self._last, self._new_radius):
            self._new.extend(self._last)
            if len(self._new) > _MOST_NEW * _WIDTH:
                self._new, self._new_radius = _thinned(self._new, _MOST_NEW // 2)
        if self._n >= self._due:
            self._learn()
        return found

    def _in_usual(self, distance: float, *, least: float) -> float:
        usual = self._usual.value + least
        few = self._n_told < _FEW
        self._usual.add(distance if few else min(distance, _MOST_UNITS * usual))
        self._n_told += 1
        return 0.0 if few or usual <= 0.0 else distance / usual

    def _learn(self) -> None:
        patches, radius = _thinned(self._patches + self._new, _MOST_PATCHES)
        self._radius = max(self._radius, radius)
        self._patches, self._new, self._new_radius = patches, [], 0.0
        self._due = self._n * _GROWTH


def _nearest(patches: Patches, last: Patches) -> float:
    """The distance to the nearest: outwards from the place of the last value, until that alone is too far."""
    starts = range(0, len(patches), _WIDTH)
    value, before, third, fourth = last
    a, b, c, d = _WEIGHTS
    place = bisect_left(starts, value, key=patches.__getitem__)
    best = float("inf")
    for side in (range(place, len(starts)), range(place - 1, -1, -1)):
        for one in side:
            at = one * _WIDTH
            square = a * (patches[at] - value) ** 2
            if square >= best:
                break
            square += (
                b * (patches[at + 1] - before) ** 2
                + c * (patches[at + 2] - third) ** 2
                + d * (patches[at + 3] - fourth) ** 2
            )
            best = min(best, square)
    return sqrt(best)


def _is_far(patches: Patches, last: Patches, radius: float) -> bool:
    """Whether all of them, in any order, are further away."""
    if not patches:
        return True
    apart = _rows(patches) - _weighed(np.array(last))
    return bool((apart**2).sum(axis=1).min() > radius**2)


def _thinned(patches: Patches, most: int) -> tuple[Patches, float]:
    """So many of them that are far apart, by their last values; and how far the others are from these at most."""
    rows = _rows(patches)
    chosen = furthest_first(rows, most)
    left = np.full(len(rows), np.inf)
    for place in chosen.tolist():
        left = np.minimum(left, ((rows - rows[place]) ** 2).sum(axis=1))
    kept = np.array(patches).reshape(-1, _WIDTH)[chosen]
    ordered = kept[np.argsort(kept[:, 0], kind="stable")]
    return ordered.ravel().tolist(), float(np.sqrt(left.max()))


def _rows(patches: Patches) -> NDArray[np.float64]:
    """Where patches lie, shape (n, 4)."""
    return _weighed(np.array(patches).reshape(-1, _WIDTH))


def _weighed(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return values * np.sqrt(_WEIGHTS)
