"""Models of windows on one series, by the product's own estimators: trained on what was seen, again whenever that has doubled.

The first fit is on the rows before the scored ones (15 %, 750 at most); no row is scored by a fit that has seen it or a later
one. Windows are of the value as it is.
"""

from collections.abc import Mapping
from functools import partial
from typing import Final

import numpy as np

from benchmarks.nab_score import learning_rows
from benchmarks.series_cases import Floats, Series
from benchmarks.series_detectors import Detect
from telltale.contract.estimator import Features
from telltale.models.estimators import estimator_named
from telltale.models.subsequence.patches_seen import PatchesSeen

_SEED: Final = 0
_LEAST_ROWS: Final = 50
_SEQUENCE: Final = 32
_NAMES: Final = (
    "patch_memory",
    "window_kmeans",
    "window_polynomial",
    "window_residual",
    "one_class_svm",
    "window_ensemble",
)


def windows_of(values: Floats, sequence: int) -> Features:
    """The last rows of each row side by side, the first one standing in before it; shape (n, sequence)."""
    padded = np.concatenate([np.full(sequence - 1, values[0]), values]).astype(np.float32)
    return np.ascontiguousarray(np.lib.stride_tricks.sliding_window_view(padded, sequence))


def scored_as_trained(series: Series, *, name: str, sequence: int = _SEQUENCE) -> Floats:
    """Scores of an estimator, 0 for the rows before the first fit."""
    estimator = estimator_named(name)
    windows = windows_of(series.values, sequence)
    parameters = {**estimator.defaults, "sequence": sequence}
    scores = np.zeros(len(windows))
    known = max(learning_rows(len(windows)), _LEAST_ROWS)
    while known < len(windows):
        rows = slice(known, min(2 * known, len(windows)))
        parts = estimator.fit(windows[:known], labels=None, parameters=parameters, seed=_SEED)
        scores[rows] = estimator.load(parts).score(windows[rows])
        known = rows.stop
    return scores


def patches_seen(series: Series) -> Floats:
    """The patch memory as a stream: the distance from the nearest patch that was learned, in usual ones."""
    seen, largest = PatchesSeen(), 0.0
    found = []
    for value in series.values.tolist():
        largest = max(largest, abs(value))
        found.append(seen.step(value, largest=largest))
    return np.array(found)


VARIANTS: Mapping[str, Detect] = {
    **{name: partial(scored_as_trained, name=name) for name in _NAMES},
    "patches_seen": patches_seen,
}
