"""The figures of a policy that chooses: how much more its choices cost than the cheapest ones would have."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from telltale.contract.verdict import Measured
from telltale.evaluate.intervals import rate

Floats = NDArray[np.float64]

# A row is clear where the runner-up costs at least so much more: between near equals nothing is lost.
CLEAR_MARGIN = 0.05
_N_RESAMPLES, _BLOCK = 1_000, 50


def choice_metrics(
    costs: Floats, chosen: NDArray[np.int64], *, groups: Sequence[str] | None = None, seed: int = 0
) -> dict[str, Measured]:
    """Every figure of a policy's choices, with 95 % intervals; none of no row.

    - `regret`: mean over rows of (cost of the choice - cost of the cheapest) / cost of the cheapest, >= 0;
    - `regret_best_single`: the same of always taking one choice, the best one in hindsight on these very rows;
    - `regret_gain`: the second less the first: above 0 where choosing row by row is worth it;
    - `accuracy`: share of rows where the choice is a cheapest one;
    - `accuracy_clear`: the same among rows whose runner-up costs at least 5 % more;
    - `majority_accuracy`: among those same rows, the accuracy of always taking the choice that is cheapest most often.

    Intervals of the regrets resample groups, those of the shares are Wilson's and take rows as independent.

    Args:
        costs: as measured, above 0, shape (n rows, c choices).
        chosen: shape (n,), the place of the choice taken.
        groups: what each row belongs to: the rows of one object are alike; None where each stands alone.
        seed: of the resampling.
    """
    n = len(costs)
    if n == 0:
        return {}
    cheapest = costs.min(axis=1, keepdims=True)
    over = costs / cheapest - 1.0
    own = over[np.arange(n), chosen]
    is_right = own == 0.0
    is_clear = clear_rows(costs)
    n_clear = int(is_clear.sum())
    most = int((over[is_clear] == 0.0).sum(axis=0).max()) if n_clear else 0
    sums, sizes = _by_group(np.column_stack([own, over]), groups)
    means = _resampled_means(sums, sizes, seed=seed)
    regret, single = float(own.mean()), float(over.mean(axis=0).min())
    single_means = means[:, 1:].min(axis=1)
    return {
        "regret": _measured(regret, means[:, 0], n),
        "accuracy": rate(int(is_right.sum()), n),
        "accuracy_clear": rate(int((is_right & is_clear).sum()), n_clear),
        "majority_accuracy": rate(most, n_clear),
        "regret_best_single": _measured(single, single_means, n),
        "regret_gain": _measured(single - regret, single_means - means[:, 0], n),
    }


def clear_rows(costs: Floats) -> NDArray[np.bool_]:
    """Whether the runner-up costs at least 5 % more than the cheapest, by row."""
    return np.asarray((costs < costs.min(axis=1, keepdims=True) * (1.0 + CLEAR_MARGIN)).sum(axis=1) == 1)


def _by_group(values: Floats, groups: Sequence[str] | None) -> tuple[Floats, Floats]:
    """Sums of each column within each group, and the groups' sizes."""
    if groups is None:
        return values, np.ones(len(values))
    which = np.unique(np.asarray(groups, dtype=object), return_inverse=True)[1]
    n_groups = int(which.max()) + 1
    sums = np.column_stack([np.bincount(which, weights=column, minlength=n_groups) for column in values.T])
    return sums.astype(np.float64), np.bincount(which, minlength=n_groups).astype(np.float64)


def _resampled_means(sums: Floats, sizes: Floats, *, seed: int) -> Floats:
    """Mean over rows of each column, in resamples of whole groups; shape (resamples, columns)."""
    rng, n = np.random.default_rng(seed), len(sizes)
    even = np.full(n, 1.0 / n)
    found = []
    for _ in range(_N_RESAMPLES // _BLOCK):  # in blocks: a table of all resamples would not fit for many rows
        drawn = rng.multinomial(n, even, size=_BLOCK)
        found.append((drawn @ sums) / (drawn @ sizes)[:, None])
    return np.concatenate(found)


def _measured(value: float, resampled: Floats, n: int) -> Measured:
    low, high = np.quantile(resampled, (0.025, 0.975)).tolist()
    return Measured(value=value, low=min(low, value), high=max(high, value), n=n)
