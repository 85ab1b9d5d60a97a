"""Plain detectors of one series, row by row. A score of a row looks at that row and those before it.

The isolation forest alone is fitted on all rows of the series, those after the scored one included: it has no way to begin.
"""

from collections.abc import Callable, Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from benchmarks.series_cases import Floats, Series

Detect = Callable[[Series], Floats]

_SEED: Final = 0
# As published: the window that does best on the Numenta benchmark by its authors' own word, moved on by a hundred rows.
_GAUSSIAN_ROWS, _GAUSSIAN_STEP = 6_400, 100
_LEAST_DEVIATION: Final = 1e-6
# Of 20, 100 and 300 rows the best on the mean of both sets.
_MOVING_ROWS: Final = 300
# Published settings of the spectral residual; of windows of 64, 256 and 1,024 rows the best on the mean of both sets.
_SPECTRAL_ROWS: Final = 256
_SMOOTHED, _LOCAL, _DRAWN_ON = 3, 21, 5
_ROWS_PER_STEP: Final = 2_048


def null(series: Series) -> Floats:
    """Never an anomaly."""
    return np.zeros(len(series.values))


def random(series: Series) -> Floats:
    """Any score."""
    return np.random.default_rng(_SEED).random(len(series.values))


def windowed_gaussian(series: Series) -> Floats:
    """One less the tail probability under the mean and deviation of a window, as the Numenta benchmark has it.

    Rounded to twelve digits, as the published scores are: its official threshold is 1.
    """
    from scipy.special import erfc

    values = series.values
    n = len(values)
    ends = np.arange(1, n + 1)
    moved = np.maximum(ends - _GAUSSIAN_ROWS, 0) // _GAUSSIAN_STEP * _GAUSSIAN_STEP
    first, last = moved, np.where(ends <= _GAUSSIAN_ROWS, ends, moved + _GAUSSIAN_ROWS)
    mean, deviation = _moments(values, first, last)
    deviation = np.where(deviation <= 1e-9 * np.maximum(1.0, np.abs(mean)), _LEAST_DEVIATION, deviation)
    apart = np.abs(values[1:] - mean[:-1]) / deviation[:-1]
    return np.round(np.concatenate([[0.0], 1.0 - 0.5 * erfc(apart / np.sqrt(2.0))]), 12)


def moving_z(series: Series) -> Floats:
    """The distance from the mean of the rows before, in their deviations."""
    values = series.values
    places = np.arange(1, len(values))
    mean, deviation = _moments(values, np.maximum(places - _MOVING_ROWS, 0), places)
    _, of_all = _moments(values, np.zeros_like(places), places)
    unit = deviation + 1e-3 * of_all + 1e-9
    return np.concatenate([[0.0], np.abs(values[1:] - mean) / unit])


def _moments(values: Floats, first: NDArray[np.int64], last: NDArray[np.int64]) -> tuple[Floats, Floats]:
    """Mean and deviation of the rows `first` to `last`, the latter left out."""
    apart = values - values[0]
    sums, squares = (np.concatenate([[0.0], np.cumsum(apart**power)]) for power in (1, 2))
    n = last - first
    mean = (sums[last] - sums[first]) / n
    deviation = np.sqrt(np.maximum((squares[last] - squares[first]) / n - mean**2, 0.0))
    return mean + values[0], deviation


def spectral_residual(series: Series) -> Floats:
    """How far the row's saliency is above that of the rows before, in a window that is drawn on by five rows.

    References:
        Ren et al., "Time-Series Anomaly Detection Service at Microsoft", KDD 2019.
    """
    padded = np.concatenate([np.full(_SPECTRAL_ROWS - 1, series.values[0]), series.values])
    windows = np.lib.stride_tricks.sliding_window_view(padded, _SPECTRAL_ROWS)
    parts = [_saliency(windows[start : start + _ROWS_PER_STEP]) for start in range(0, len(windows), _ROWS_PER_STEP)]
    return np.concatenate(parts)


def _saliency(windows: Floats) -> Floats:
    steps = np.arange(1, _DRAWN_ON + 1)
    slope = np.mean((windows[:, -1:] - windows[:, -1 - steps]) / steps, axis=1)
    drawn = windows[:, -_DRAWN_ON] + slope * _DRAWN_ON
    drawn_on = np.hstack([windows, np.repeat(drawn[:, None], _DRAWN_ON, axis=1)])
    spectrum = np.fft.fft(drawn_on, axis=1)
    size = np.maximum(np.abs(spectrum), 1e-12)
    log_size = np.log(size)
    smooth = sum(np.roll(log_size, shift, axis=1) for shift in range(-(_SMOOTHED // 2), _SMOOTHED // 2 + 1)) / _SMOOTHED
    saliency = np.abs(np.fft.ifft(np.exp(log_size - smooth) * spectrum / size, axis=1))[:, : windows.shape[1]]
    local = saliency[:, -_LOCAL:].mean(axis=1)
    return np.asarray((saliency[:, -1] - local) / np.maximum(local, 1e-12))


def isolation_forest(series: Series) -> Floats:
    """Of the value alone: of values of ten rows side by side it finds less on these sets."""
    return _forest(series.values[:, None])


def isolation_forest_10(series: Series) -> Floats:
    """Of the last ten values side by side."""
    padded = np.concatenate([np.full(9, series.values[0]), series.values])
    return _forest(np.lib.stride_tricks.sliding_window_view(padded, 10))


def _forest(rows: Floats) -> Floats:
    from sklearn.ensemble import IsolationForest

    return -np.asarray(IsolationForest(random_state=_SEED).fit(rows).score_samples(rows), dtype=np.float64)


NAB_BASELINES: Mapping[str, Detect] = {"windowed_gaussian": windowed_gaussian, "random": random, "null": null}
KPI_BASELINES: Mapping[str, Detect] = {
    "isolation_forest": isolation_forest,
    "spectral_residual": spectral_residual,
    "moving_z": moving_z,
    "random": random,
}
