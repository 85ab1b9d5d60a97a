"""The figures of a division into segments: does it come out the same again, are segments apart, is none a splinter."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from telltale.contract.verdict import Measured
from telltale.evaluate.intervals import rate, undefined

_N_RESAMPLES = 200
# The silhouette of a row asks for its distance to all others: more rows cost the square.
_MOST_SILHOUETTE = 1_000

Assigned = NDArray[np.int64]  # shape (n rows,), a segment from 0 for each


def segment_metrics(
    assigned: Assigned, refits: Sequence[Assigned], features: NDArray[np.floating], *, n_segments: int, seed: int = 0
) -> dict[str, Measured]:
    """Every figure of a division, with 95 % intervals over resampled rows.

    - `bootstrap_ari`: mean adjusted Rand index between the division and each one fitted on resampled training rows:
      1 where the same rows always come together, about 0 where that is chance. It needs no labels.
    - `silhouette`: mean over at most a thousand rows, in (-1, 1]; it favours few, far segments, and compares only at equal scaling.
    - `smallest_share`: of rows in the smallest segment; 0 where one is empty.

    Args:
        assigned: segments of the rows under the division that is judged.
        refits: segments of the same rows under the other divisions.
        features: shape (n rows, k features), each of about the same spread.
        n_segments: of the division.
        seed: of the resampling.

    References:
        Hubert & Arabie, "Comparing partitions", Journal of Classification 2 (1985). Rousseeuw, "Silhouettes", J. Comp.
        Appl. Math. 20 (1987). Hennig, "Cluster-wise assessment of cluster stability", CSDA 52 (2007).
    """
    n = len(assigned)
    if n == 0:
        return dict.fromkeys(("bootstrap_ari", "silhouette", "smallest_share"), undefined())
    rng = np.random.default_rng(seed)
    smallest = int(np.bincount(assigned, minlength=n_segments).min())
    return {
        "bootstrap_ari": _stability(assigned, refits, rng),
        "silhouette": _silhouette(assigned, features, rng),
        "smallest_share": rate(smallest, n),
    }


def adjusted_rand_index(one: Assigned, other: Assigned) -> float:
    """How far two divisions of the same rows agree beyond chance: 1 for the same, about 0 for unrelated ones.

    Two divisions that each put all rows together, or each row by itself, agree: 1.

    >>> adjusted_rand_index(np.array([0, 0, 1, 1]), np.array([1, 1, 0, 0]))
    1.0
    """
    n = len(one)
    together = np.bincount(one * (int(other.max(initial=0)) + 1) + other).astype(np.float64)
    pairs, in_one, in_other = (
        float((counts * (counts - 1)).sum()) for counts in (together, np.bincount(one), np.bincount(other))
    )
    expected = in_one * in_other / (n * (n - 1)) if n > 1 else 0.0
    largest = (in_one + in_other) / 2
    return 1.0 if largest == expected else (pairs - expected) / (largest - expected)


def _stability(assigned: Assigned, refits: Sequence[Assigned], rng: np.random.Generator) -> Measured:
    if not refits:
        return undefined()
    n = len(assigned)
    value = float(np.mean([adjusted_rand_index(assigned, refit) for refit in refits]))
    means = np.empty(_N_RESAMPLES)
    for number in range(_N_RESAMPLES):
        # Rows and refits both: either could have come out otherwise.
        rows, drawn = rng.integers(0, n, n), rng.integers(0, len(refits), len(refits))
        own = assigned[rows]
        means[number] = np.mean([adjusted_rand_index(own, refits[which][rows]) for which in drawn])
    return _measured(value, means, n)


def _silhouette(assigned: Assigned, features: NDArray[np.floating], rng: np.random.Generator) -> Measured:
    from sklearn.metrics import silhouette_samples

    rows = np.arange(len(assigned))
    if len(rows) > _MOST_SILHOUETTE:
        rows = np.sort(rng.choice(rows, _MOST_SILHOUETTE, replace=False))
    n_there = len(np.unique(assigned[rows]))
    if not 1 < n_there < len(rows):
        return undefined()
    own: Any = silhouette_samples(features[rows], assigned[rows])
    means = own[rng.integers(0, len(rows), (_N_RESAMPLES, len(rows)))].mean(axis=1)
    return _measured(float(own.mean()), means, len(rows))


def _measured(value: float, resampled: NDArray[np.float64], n: int) -> Measured:
    low, high = np.quantile(resampled, (0.025, 0.975)).tolist()
    return Measured(value=value, low=min(low, value), high=max(high, value), n=n)
