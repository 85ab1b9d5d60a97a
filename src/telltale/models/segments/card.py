"""A card of points: each feature falls between two cuts and gives whole points, whose sum decides the segment."""

from typing import Any, Final, final

import numpy as np
from numpy.typing import NDArray

from telltale.contract.errors import BundleError
from telltale.contract.estimator import Features, Floats, Parts, Points

Whole = NDArray[np.int64]

# Cuts of all features one after another; how many each has; points of each bin, one more than cuts, and by which factor (its
# logarithm) it moves what is expected; logarithms of what is expected before any bin, and at most; the points from which each
# segment begins, the best first but without the last; and the mean points of each.
ARRAYS: Final = ("cuts", "n_cuts", "points", "expected", "base", "most", "levels", "middles")


@final
class Card:
    """A fitted card at work. Row-wise to the last bit: every sum goes feature by feature.

    Args:
        parts: with the arrays of `ARRAYS`.
        where: names the model in errors.

    Raises:
        BundleError: an array is missing, or they do not fit each other.
    """

    def __init__(self, parts: Parts, *, where: str) -> None:
        missing = set(ARRAYS) - parts.arrays.keys()
        if missing:
            raise _broken(f"the bundle lacks {sorted(missing)}", where)
        arrays: dict[str, NDArray[Any]] = parts.arrays
        n_cuts = arrays["n_cuts"].astype(np.int64)
        n_bins = n_cuts + 1
        if int(n_cuts.sum()) != len(arrays["cuts"]) or not (
            int(n_bins.sum()) == len(arrays["points"]) == len(arrays["expected"])
        ):
            raise _broken("cuts, points and expectations of the card do not fit each other", where)
        ends = np.cumsum(n_bins)[:-1]
        self.cuts: list[Floats] = np.split(arrays["cuts"].astype(np.float64), np.cumsum(n_cuts)[:-1])
        self.points_of: list[Whole] = np.split(arrays["points"].astype(np.int64), ends)
        self._expected: list[Floats] = np.split(arrays["expected"].astype(np.float64), ends)
        self._base = arrays["base"].astype(np.float64)
        self._most = arrays["most"].astype(np.float64)
        self.levels = arrays["levels"].astype(np.int64)
        self._middles = arrays["middles"].astype(np.float64)

    @property
    def n_segments(self) -> int:
        """How many there are; 0 is the best."""
        return len(self.levels) + 1

    def assign(self, features: Features) -> tuple[Whole, Floats]:
        """The segment of each row, and how many points it is from the segment's mean."""
        return self._segments(self._sum(self._bins(features)))

    def points(self, features: Features) -> Points:
        """What each feature of each row gives, and what is expected of the row, above 0."""
        bins = self._bins(features)
        of = np.column_stack([points[own] for points, own in zip(self.points_of, bins, strict=True)])
        expected = np.repeat(self._base[None], len(features), axis=0)
        for table, own in zip(self._expected, bins, strict=True):
            expected += table[own]
        return Points(of=of, expected=np.exp(np.minimum(expected, self._most)))

    def _bins(self, features: Features) -> list[Whole]:
        return [
            np.searchsorted(cuts, column, side="right").astype(np.int64)
            for cuts, column in zip(self.cuts, features.T.astype(np.float64), strict=True)
        ]

    def _sum(self, bins: list[Whole]) -> Whole:
        total = np.zeros(len(bins[0]), dtype=np.int64)
        for points, own in zip(self.points_of, bins, strict=True):
            total += points[own]
        return total

    def _segments(self, points: Whole) -> tuple[Whole, Floats]:
        # Levels fall from the best segment to the last: a row is below each that it does not reach.
        which = (points[:, None] < self.levels[None, :]).sum(axis=1).astype(np.int64)
        return which, np.abs(points - self._middles[which])


def _broken(what: str, where: str) -> BundleError:
    return BundleError(what, where=where, mend="Restore the bundle, or train the version again.")
