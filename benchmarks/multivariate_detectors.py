"""Ours by the product's own path, and plain detectors of rows.

Every baseline sees the measured columns brought to 0 to 1 by the smallest and largest value of the rows it is fitted on (the
isolation forest needs no scale). None of them sees a label, or a row after the one it scores.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from benchmarks.multivariate_cases import Machine
from benchmarks.trained import trained_runtime
from telltale.apps.eyenet import ANOMALY, APP
from telltale.contract.estimator import Scores
from telltale.models.score_runtime import ScoreRuntime

Matrix = NDArray[np.float64]
Score = Callable[[Matrix], Scores]

# As published: 10 components of up to 50 columns, 30 of more; where those are all columns, so that nothing would be left to
# be an error, a fifth of them, at least 2.
_FEW, _MANY, _MANY_COLUMNS = 10, 30, 50
_SMOOTHED_ROWS: Final = 5
_LEAST_SPREAD: Final = 1e-2
_SEED: Final = 0


def train_ours(machine: Machine) -> ScoreRuntime:
    """What `telltale train eyenet/anomaly --data FILE` gives with its defaults on the machine's rows, which have no labels."""
    return trained_runtime(APP, ANOMALY, machine.train, machine.columns)


def scaled(train: Matrix) -> Score:
    """The function that brings rows to 0 to 1 by the smallest and largest value of each column of `train`."""
    low = train.min(axis=0)
    width = train.max(axis=0) - low
    width = np.where(width > 0, width, 1.0)
    return lambda rows: np.asarray((rows - low) / width)


def n_components(n_columns: int) -> int:
    """How many components `pca_error` keeps."""
    kept = _FEW if n_columns <= _MANY_COLUMNS else _MANY
    return kept if kept < n_columns else min(max(2, n_columns // 5), n_columns)


def reconstruction_error(train: Matrix) -> Score:
    """The absolute error of each column, shape (n, k), where a row is told by the components of `train`, as it is scaled."""
    scale = scaled(train)
    fitted = scale(train)
    middle = fitted.mean(axis=0)
    _, _, axes = np.linalg.svd(fitted - middle, full_matrices=False)
    kept = axes[: n_components(train.shape[1])].T

    def error(rows: Matrix) -> Matrix:
        apart = scale(rows) - middle
        return np.asarray(np.abs(apart - apart @ kept @ kept.T))

    return error


def pca_error(train: Matrix) -> Score:
    """Reconstruction errors in robust spreads of each column's own, summed over columns and averaged over the last five rows.

    Of the published variants (largest or sum of columns; errors as they are, in standard deviations or in spreads) the one
    that does best on these sets, as far as it can be had without the rows that are scored.

    References:
        Sarfraz et al., "Position: Quo Vadis, Unsupervised Time Series Anomaly Detection?", ICML 2024.
    """
    error = reconstruction_error(train)
    low, middle, high = np.quantile(error(train), (0.25, 0.5, 0.75), axis=0)
    spread = high - low + _LEAST_SPREAD
    return lambda rows: mean_of_last(((error(rows) - middle) / spread).sum(axis=1), _SMOOTHED_ROWS)


def pca_error_as_published(train: Matrix) -> Score:
    """The largest column's error in robust spreads of the SCORED rows, averaged over five rows before and four after each.

    It looks at what it scores before it scores it: for the reader, not for the ranking.
    """
    error = reconstruction_error(train)

    def score(rows: Matrix) -> Scores:
        errors = error(rows)
        low, middle, high = np.quantile(errors, (0.25, 0.5, 0.75), axis=0)
        apart = (errors - middle) / (high - low + _LEAST_SPREAD)
        sums = np.vstack([np.zeros(apart.shape[1]), np.cumsum(apart, axis=0)])
        first = np.arange(_SMOOTHED_ROWS, len(rows))
        last = np.minimum(first + _SMOOTHED_ROWS - 1, len(rows))
        smooth = np.zeros_like(apart)
        starts = first - _SMOOTHED_ROWS
        smooth[first] = (sums[last] - sums[starts]) / (last - starts)[:, None]
        return np.asarray(smooth.max(axis=1))

    return score


def plain_pca_error(train: Matrix) -> Score:
    """The sum of absolute reconstruction errors, nothing else done to it."""
    error = reconstruction_error(train)
    return lambda rows: np.asarray(error(rows).sum(axis=1))


def mean_of_last(values: Scores, n_rows: int) -> Scores:
    """The mean of each value and those before it, so many at most.

    >>> mean_of_last(np.array([1.0, 3.0, 5.0]), 2).tolist()
    [1.0, 2.0, 4.0]
    """
    sums = np.concatenate([[0.0], np.cumsum(values)])
    first = np.maximum(np.arange(len(values)) - n_rows + 1, 0)
    return np.asarray((sums[1:] - sums[first]) / (np.arange(len(values)) + 1 - first))


def _knn(train: Matrix) -> Score:
    from sklearn.neighbors import NearestNeighbors

    scale = scaled(train)
    nearest = NearestNeighbors(n_neighbors=1, algorithm="brute").fit(scale(train))
    return lambda rows: np.asarray(nearest.kneighbors(scale(rows))[0][:, 0])


def _l2_norm(train: Matrix) -> Score:
    scale = scaled(train)
    return lambda rows: np.asarray(np.linalg.norm(scale(rows), axis=1))


def _isolation_forest(train: Matrix) -> Score:
    from sklearn.ensemble import IsolationForest

    forest = IsolationForest(random_state=_SEED).fit(train)
    return lambda rows: -np.asarray(forest.score_samples(rows), dtype=np.float64)


def half_space_trees(train: Matrix) -> Score:
    """River's, with its own parameters: each row is scored, then learned; it goes on learning while it is asked.

    References:
        Tan, Ting & Liu, "Fast Anomaly Detection for Streaming Data", IJCAI 2011.
    """
    from river.anomaly import HalfSpaceTrees

    scale = scaled(train)
    forest: Any = HalfSpaceTrees(seed=_SEED)

    def named(rows: Matrix) -> list[dict[int, float]]:
        return [dict(enumerate(row)) for row in np.clip(scale(rows), 0.0, 1.0).tolist()]

    for row in named(train):
        forest.learn_one(row)

    def score(rows: Matrix) -> Scores:
        found = np.empty(len(rows))
        for place, row in enumerate(named(rows)):
            found[place] = forest.score_one(row)
            forest.learn_one(row)
        return found

    return score


def _random(_train: Matrix) -> Score:
    return lambda rows: np.random.default_rng(_SEED).random(len(rows))


BASELINES: Mapping[str, Callable[[Matrix], Score]] = {
    "half_space_trees": half_space_trees,
    "pca_error": pca_error,
    "knn": _knn,
    "l2_norm": _l2_norm,
    "isolation_forest": _isolation_forest,
    "random": _random,
}
VARIANTS: Mapping[str, Callable[[Matrix], Score]] = {
    "pca_error_plain": plain_pca_error,
    "pca_error_as_published": pca_error_as_published,
}
