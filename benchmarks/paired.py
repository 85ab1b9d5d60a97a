"""Ours against the best baseline, case by case."""

from collections.abc import Sequence

import numpy as np

from benchmarks.results import Averaging, Comparison, Row

_RESAMPLES = 10_000
_SEED = 0


def compare(rows: Sequence[Row], how: Averaging) -> tuple[Comparison, ...]:
    """For each metric, the baseline with the best mean, and how far ours is from it.

    Cases are resampled, both methods together: what makes a case hard for one is there for the other. Cases where
    either figure is not defined are left out, and the count says so.
    """
    ours = next(row for row in rows if row.ours)
    made = []
    for metric in how.metrics:
        best = _best([row for row in rows if not row.ours], metric, lower=metric in how.lower_is_better)
        if best is None:
            continue
        pairs = [
            (own, other)
            for case, figures in ours.by_case.items()
            if (own := figures.get(metric)) is not None
            and (other := best.by_case.get(case, {}).get(metric)) is not None
        ]
        if not pairs:
            continue
        differences = np.array([own - other for own, other in pairs])
        low, high = interval_of_mean(differences)
        made.append(
            Comparison(
                metric=metric,
                baseline=best.name,
                difference=float(differences.mean()),
                low=low,
                high=high,
                n_cases=len(pairs),
            )
        )
    return tuple(made)


def interval_of_mean(values: np.ndarray) -> tuple[float, float]:
    """The 2.5 % and 97.5 % quantile of the mean over resamples.

    >>> interval_of_mean(np.array([1.0, 1.0]))
    (1.0, 1.0)
    """
    rng = np.random.default_rng(_SEED)
    means = rng.choice(values, size=(_RESAMPLES, len(values))).mean(axis=1)
    low, high = np.quantile(means, (0.025, 0.975)).tolist()
    return low, high


def _best(baselines: Sequence[Row], metric: str, *, lower: bool) -> Row | None:
    known = [(value, row) for row in baselines if (value := row.metrics.get(metric)) is not None]
    if not known:
        return None
    return (min if lower else max)(known, key=lambda pair: pair[0])[1]
