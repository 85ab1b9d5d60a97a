"""How well segments tell apart what came later, beside the plain way: the quintiles of a few columns, added up."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from telltale.contract.verdict import Measured
from telltale.evaluate.intervals import undefined

Floats = NDArray[np.float64]

_N_RESAMPLES = 200
_TOP_SHARE = 0.2
_LEAST_ROWS = 20
METRICS = ("eta2", "eta2_any", "lift_top20", "eta2_gain", "lift_top20_gain")


def worth_metrics(
    which: NDArray[np.int64], worth: Floats, later: Floats, *, plain: Sequence[Floats], seed: int = 0
) -> dict[str, Measured]:
    """Figures over the rows whose later outcome is known, with 95 % intervals over resampled rows.

    - `eta2`: share of the variance of ln(1 + outcome) that lies between segments; `eta2_any`: of whether there was any.
    - `lift_top20`: what the fifth of the rows that are worth most had of the outcome, over what a fifth of all has.
    - `eta2_gain`, `lift_top20_gain`: less the same of the plain way, whose segments are the sums of quintiles.

    Args:
        which: the segment of each row.
        worth: by which rows are ordered, the segment first; ties stand as the rows do.
        later: the outcome of each row, 0 or more; NaN where it is not known.
        plain: the columns of the plain way, larger = better; without any, the gains are not defined.
        seed: of the resampling.

    References:
        Fisher, "Statistical methods for research workers" (1925), for the correlation ratio. Hughes, "Strategic database
        marketing" (1994), for quintiles of recency, frequency and money.
    """
    known = np.flatnonzero(np.isfinite(later))
    if len(known) < _LEAST_ROWS or not later[known].any():
        return dict.fromkeys(METRICS, undefined())
    own = later[known]
    segments = np.unique(which[known], return_inverse=True)[1]
    sums = sum((quintiles(column[known]) for column in plain), np.zeros(len(known), dtype=np.int64))
    # Among equals the last column, which is money by custom, says who comes first.
    by_plain = np.lexsort((plain[-1][known], sums)).argsort() if plain else np.zeros(len(known))
    worth = worth[known]

    def figures(rows: NDArray[np.intp]) -> list[float]:
        logs, any_ = np.log1p(own[rows]), (own[rows] > 0).astype(np.float64)
        found = [
            eta_squared(segments[rows], logs),
            eta_squared(segments[rows], any_),
            lift_of_top(worth[rows], own[rows]),
        ]
        if plain:
            found += [
                found[0] - eta_squared(sums[rows], logs),
                found[2] - lift_of_top(by_plain[rows].astype(np.float64), own[rows]),
            ]
        return found

    rng, n = np.random.default_rng(seed), len(known)
    values = figures(np.arange(n))
    drawn = np.array([figures(rng.integers(0, n, n)) for _ in range(_N_RESAMPLES)])
    made = dict.fromkeys(METRICS, undefined())
    for place, value in enumerate(values):
        low, high = np.nanquantile(drawn[:, place], (0.025, 0.975)).tolist()
        made[METRICS[place]] = Measured(value=value, low=min(low, value), high=max(high, value), n=n)
    return made


def eta_squared(which: NDArray[np.integer], outcome: Floats) -> float:
    """The correlation ratio: the share of an outcome's variance that lies between segments, in [0, 1].

    >>> eta_squared(np.array([0, 0, 1, 1]), np.array([1.0, 1.0, 3.0, 3.0]))
    1.0
    """
    moved = outcome - outcome.mean()
    whole = float((moved**2).sum())
    if whole <= 0:
        return 0.0
    n = np.bincount(which)
    sums = np.bincount(which, weights=moved)
    return float((sums[n > 0] ** 2 / n[n > 0]).sum() / whole)


def lift_of_top(worth: Floats, outcome: Floats, *, share: float = _TOP_SHARE) -> float:
    """What the rows worth most, `share` of all, had of the outcome, over what so many rows have on average.

    >>> lift_of_top(np.arange(10.0), np.array([0.0] * 8 + [1.0, 1.0]))
    5.0
    """
    total = float(outcome.sum())
    if total <= 0:
        return 1.0
    n = max(round(share * len(outcome)), 1)
    top = np.argsort(-worth, kind="stable")[:n]
    return float(outcome[top].sum() / total * len(outcome) / n)


def quintiles(values: Floats) -> NDArray[np.int64]:
    """The fifth that each value is in, from 0; equal values are in the same one, that of the middle of them.

    >>> quintiles(np.array([1.0, 2.0, 3.0, 4.0, 5.0])).tolist(), quintiles(np.ones(4)).tolist()
    ([0, 1, 2, 3, 4], [2, 2, 2, 2])
    """
    ordered = np.sort(values)
    ranks = (np.searchsorted(ordered, values, side="left") + np.searchsorted(ordered, values, side="right")) / 2
    return np.minimum(ranks * 5 // len(values), 4).astype(np.int64)
