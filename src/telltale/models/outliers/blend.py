"""How far to trust the trees, and how far the surprise, for events of known kinds and of new ones."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from telltale.models.outliers.known_kinds import Trials

Floats = NDArray[np.float64]

# Of the events, what share may be taken to be of a new kind: the largest that costs the known ones no more than this of the
# area under their curve.
_SHARES_NEW: Final = (0.5, 0.3, 0.15, 0.07, 0.03, 0.01)
_MOST_COST: Final = 2e-4
# A kind to come is taken to be as hard to find as the harder half of those left out.
_HARDER: Final = 0.5
_CUTS: Final = np.linspace(0.8, 0.999, 100)
_RIDGE: Final = 1e-3


def evidence(logit: Floats, surprise: Floats) -> Floats:
    """What the blend weighs, shape (n, 3): the trees' logit where it speaks for the event, where against, and the surprise."""
    return np.column_stack([np.maximum(logit, 0.0), np.minimum(logit, 0.0), surprise])


def fit_blend(trials: Trials) -> Floats:
    """Weights of `evidence` and a constant, shape (4,): log odds above 0 where the row is better called an event.

    Logistic regression over the trials, no weight below 0: events of known kinds and of kinds left out, in the largest
    share of the latter with which known kinds are still told from normal rows as well as by the trees alone. Where to cut is
    where half the errors on normal rows and half those on events, known and new kinds alike, sum to the least. Of the new
    kinds the harder half counts.
    """
    is_normal, is_known = trials.kind == 0, trials.kind == 1
    if not (is_normal.any() and (trials.kind > 1).any()):
        return np.array([1.0, 1.0, 0.0, 0.0])
    seen = evidence(trials.logit, trials.surprise)
    weights = np.zeros(3)
    for share_new in _SHARES_NEW:
        factor = np.where(is_normal, 1.0, np.where(is_known, 2.0 * (1.0 - share_new), 2.0 * share_new))
        weights = _nonnegative_logistic(seen, ~is_normal, trials.share * factor)
        if not is_known.any():
            break
        area, alone = (_area(found[is_known], found[is_normal]) for found in (seen @ weights, trials.logit))
        if area >= alone - _MOST_COST:
            break
    return np.append(weights, -_cut(seen @ weights, trials.kind))


def _cut(odds: Floats, kind: NDArray[np.int64]) -> float:
    """The cut with the least balanced error, tried at high quantiles of the normal rows."""
    normal, known = odds[kind == 0], odds[kind == 1]
    new = [odds[kind == one] for one in np.unique(kind[kind > 1])]
    n_harder = max(round(_HARDER * len(new)), 1)

    def error(cut: float) -> float:
        found = float(np.sort([float((one >= cut).mean()) for one in new])[:n_harder].mean())
        missed = 1.0 - found if not len(known) else 1.0 - 0.5 * (found + float((known >= cut).mean()))
        return float((normal >= cut).mean()) + missed

    cuts: list[float] = np.quantile(normal, _CUTS).tolist()
    return min(cuts, key=error)


def _area(positive: Floats, negative: Floats) -> float:
    """The share of pairs in which the positive is higher, ties counted half."""
    ordered = np.sort(negative)
    below = np.searchsorted(ordered, positive, "left") + np.searchsorted(ordered, positive, "right")
    return float(below.mean()) / (2.0 * len(ordered))


def _nonnegative_logistic(seen: Floats, truth: NDArray[np.bool_], weight: Floats) -> Floats:
    """Weights of a weighted logistic regression with a constant, lightly held towards 0; the constant is left out."""
    from scipy.optimize import minimize

    sign = np.where(truth, 1.0, -1.0)
    share = weight / weight.sum()

    def loss(w: Floats) -> tuple[float, Floats]:
        margin = sign * (seen @ w[:-1] + w[-1])
        wrong = 1.0 / (1.0 + np.exp(np.clip(margin, -500.0, 500.0)))
        pull = -share * sign * wrong
        value = float(share @ np.logaddexp(0.0, -margin)) + 0.5 * _RIDGE * float(w[:-1] @ w[:-1])
        return value, np.append(seen.T @ pull + _RIDGE * w[:-1], pull.sum())

    start = np.array([0.5, 0.2, 0.5, -1.0])
    found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=[(0.0, None)] * 3 + [(None, None)])
    return np.asarray(found.x[:-1], dtype=np.float64)
