"""How a card of points is fitted: a ridge regression on features as even as their bins, in whole points from 0 to 100."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from telltale.contract.estimator import Features, Floats, Parts
from telltale.models.segments.card import Card

# A cut parts off at least so many rows from the next one, and from either end.
_LEAST_BETWEEN, _LEAST_OUTSIDE = 0.05, 0.03
# The ridge penalty, per row, of what is expected: lighter than that of the points, which must come out the same again.
EXPECTED_SHRINKAGE: Final = 0.1
_N_STEPS: Final = 25
# Nobody is expected to bring more, or less, than so many times (its logarithm) the mean while the factors are sought.
_FURTHEST: Final = 6.0
# The logarithm of what is expected where nothing ever came.
_NOTHING: Final = -50.0
_TOTAL: Final = 100.0
# Shares of rows by segment, from the best: few are worth much, and a shop can look after few. The second goes on well below
# the first fifth, so that who is in that fifth is decided by what is expected and not by the edge of a segment.
SHARES: Final[dict[int, tuple[float, ...]]] = {
    3: (0.10, 0.40, 0.50),
    4: (0.06, 0.28, 0.30, 0.36),
    5: (0.05, 0.23, 0.20, 0.22, 0.30),
    6: (0.05, 0.23, 0.17, 0.15, 0.15, 0.25),
}


def fit_card(
    features: Features,
    outcomes: Floats,
    *,
    cuts: Sequence[Floats],
    rows: NDArray[np.intp],
    k: int,
    shrinkage: float,
) -> Parts:
    """A card of `k` segments.

    Args:
        features: shape (n, k features).
        outcomes: shape (n, m), 0 or more, NaN where not known.
        cuts: of each feature, those a person would think of.
        rows: places of the rows to fit on, any of them more than once; the first outcome is known of some.
        k: how many segments.
        shrinkage: the ridge penalty of the points, per row.

    Returns:
        Parts of a `Card`, without names.
    """
    own = features[rows].astype(np.float64)
    chosen = [thinned(column, candidates) for column, candidates in zip(own.T, cuts, strict=True)]
    n_cuts = np.array([len(cut) for cut in chosen], dtype=np.int64)
    bins = [np.searchsorted(cut, column, side="right") for cut, column in zip(chosen, own.T, strict=True)]
    value = outcomes[rows, 0]
    known = np.isfinite(value)
    middles = _middles(own, bins, n_cuts)
    seen = np.column_stack([middle[one] for middle, one in zip(middles, bins, strict=True)])
    slopes = _ridge(seen[known], as_value(value[known]), shrinkage)
    points = _whole([middle * slope for middle, slope in zip(middles, slopes.tolist(), strict=True)])
    by_outcome = [_expected(seen, outcome, middles) for outcome in outcomes[rows].T]
    card = Parts(
        arrays={
            "cuts": np.concatenate([*chosen, np.empty(0)]),
            "n_cuts": n_cuts,
            "points": points,
            "expected": np.column_stack([tables for tables, _, _ in by_outcome]),
            "base": np.array([base for _, base, _ in by_outcome]),
            "most": np.array([most for _, _, most in by_outcome]),
            "levels": np.empty(0, dtype=np.int64),
            "middles": np.zeros(1),
        }
    )
    sums = Card(card, where="card").points(features[rows]).of.sum(axis=1)
    levels = _levels(sums, SHARES[k])
    which = (sums[:, None] < levels[None, :]).sum(axis=1)
    mean_points = np.bincount(which, weights=sums, minlength=k) / np.maximum(np.bincount(which, minlength=k), 1)
    return Parts(arrays={**card.arrays, "levels": levels, "middles": mean_points})


def as_value(outcome: Floats) -> Floats:
    """Outcomes as they are told apart: logarithms, counted from about the middle of those that are not 0.

    Between nothing and the least lies less than between a little and much; without the middle, whether anybody comes back
    would be all that counts.
    """
    positive = outcome[outcome > 0]
    scale = float(np.median(positive)) if len(positive) else 1.0
    return np.log1p(np.maximum(outcome, 0.0) / scale)


def thinned(values: Floats, candidates: Floats) -> Floats:
    """Those of the candidates, which rise, that part rows from rows: none so close that hardly a row lies between."""
    ordered = np.sort(values)
    below = np.searchsorted(ordered, candidates) / len(values)
    found: list[float] = []
    last = 0.0
    for cut, share in zip(candidates.tolist(), below.tolist(), strict=True):
        least = _LEAST_BETWEEN if found else _LEAST_OUTSIDE
        if share - last >= least and 1 - share >= _LEAST_OUTSIDE:
            found.append(cut)
            last = share
    return np.array(found, dtype=np.float64)


def _middles(features: Floats, bins: Sequence[NDArray[np.intp]], n_cuts: NDArray[np.int64]) -> list[Floats]:
    """The mean of each feature in each of its bins: as a card sees it.

    Points lie along a line over these, so that more of a feature never says now more, now less; and a slope for each feature comes
    out the same again far more often than a step for each cut does.
    """
    found = []
    for column, own, n in zip(features.T, bins, (n_cuts + 1).tolist(), strict=True):
        counts = np.bincount(own, minlength=n)
        found.append(np.bincount(own, weights=column, minlength=n) / np.maximum(counts, 1))
    return found


def _ridge(seen: Floats, value: Floats, shrinkage: float) -> Floats:
    """Slopes of a ridge regression on features of equal spread, the level free."""
    moved, spread = _standardised(seen)
    penalty = shrinkage * len(seen) * np.eye(seen.shape[1])
    slopes = np.linalg.solve(moved.T @ moved + penalty, moved.T @ (value - value.mean()))
    return np.asarray(slopes / spread)


def _expected(seen: Floats, outcome: Floats, middles: Sequence[Floats]) -> tuple[Floats, float, float]:
    """Of one outcome, logarithms: the factor of each bin, what is expected before any, and at most.

    Poisson regression with a ridge penalty, by iteratively reweighted least squares: factors multiply, so that twice as many
    orders of twice the size are four times the spend; money needs to be no count for that (Gourieroux et al.).
    """
    measured = np.isfinite(outcome)
    n_bins = sum(map(len, middles))
    held = outcome[measured] if measured.any() else np.zeros(1)
    mean = float(held.mean())
    if mean <= 0:
        return np.zeros(n_bins), _NOTHING, _NOTHING
    moved, spread = _standardised(seen[measured])
    relative = held / mean
    slopes, level = np.zeros(seen.shape[1]), 0.0
    penalty = EXPECTED_SHRINKAGE * len(moved) * np.eye(len(slopes))
    for _ in range(_N_STEPS):
        logs = np.clip(moved @ slopes + level, -_FURTHEST, _FURTHEST)
        weight = np.exp(logs)
        aimed = logs + (relative - weight) / weight
        middle = weight @ moved / weight.sum()
        at = float(weight @ aimed / weight.sum())
        apart = moved - middle
        slopes = np.linalg.solve(apart.T @ (weight[:, None] * apart) + penalty, apart.T @ (weight * (aimed - at)))
        level = at - float(middle @ slopes)
    per_unit = slopes / spread
    base = level - float(seen[measured].mean(axis=0) @ per_unit) + np.log(mean)
    factors = [table * slope for table, slope in zip(middles, per_unit.tolist(), strict=True)]
    return np.concatenate(factors), float(base), float(np.log(held.max()))


def _standardised(seen: Floats) -> tuple[Floats, Floats]:
    """Features less their mean, over their spread; and the spread, 1 where there is none."""
    spread = seen.std(axis=0)
    spread = np.where(spread > 0, spread, 1.0)
    return (seen - seen.mean(axis=0)) / spread, spread


def _whole(by_bin: Sequence[Floats]) -> NDArray[np.int64]:
    """Whole points: the worst bin of each feature gives 0, the best ones of all together about 100."""
    split = [own - own.min() for own in by_bin]
    most = sum(float(own.max()) for own in split)
    scale = _TOTAL / most if most > 0 else 0.0
    return np.concatenate([np.rint(own * scale) for own in split]).astype(np.int64)


def _levels(sums: NDArray[np.int64], shares: Sequence[float]) -> NDArray[np.int64]:
    """The points from which each segment but the last begins, falling: as near to the shares as whole points allow."""
    ordered = np.sort(sums)[::-1]
    upto = np.cumsum(shares)[:-1]
    found: list[int] = []
    for share in upto.tolist():
        at = int(ordered[min(round(share * len(ordered)), len(ordered) - 1)])
        # Rows of `at` points are in or out together: whichever comes nearer.
        within = [abs(float((sums >= level).mean()) - share) for level in (at, at + 1)]
        level = at if within[0] <= within[1] else at + 1
        found.append(min(level, found[-1] - 1) if found else level)
    return np.array(found, dtype=np.int64)
