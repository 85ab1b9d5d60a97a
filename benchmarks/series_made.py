"""Series made up for a check that a benchmark of series runs."""

from typing import Final

import numpy as np

from benchmarks.nab_score import Window
from benchmarks.series_cases import Series

_INTERVAL_S: Final = 300.0
_ROWS_PER_DAY: Final = 288
_WINDOW: Final = 120


def made_series(n_rows: int, *, seed: int) -> Series:
    """A daily swing with noise; in the last two thirds one spike of a few rows and one level that drops for an hour or more."""
    rng = np.random.default_rng(seed)
    rows = np.arange(n_rows)
    values = 50.0 + 15.0 * np.sin(rows * 2 * np.pi / _ROWS_PER_DAY) + rng.normal(0.0, 2.0, n_rows)
    labels = np.zeros(n_rows, dtype=np.int8)
    spike, drop = int(n_rows * rng.uniform(0.4, 0.55)), int(n_rows * rng.uniform(0.7, 0.85))
    values[spike : spike + 3] += 60.0
    values[drop : drop + 15] -= 45.0
    labels[spike : spike + 3] = labels[drop : drop + 15] = 1
    windows: tuple[Window, ...] = tuple((start - _WINDOW // 2, start + _WINDOW // 2) for start in (spike, drop))
    return Series(
        name=f"made {seed}",
        times_s=1.7e9 + rows.astype(np.float64) * _INTERVAL_S,
        values=values,
        labels=labels,
        windows=windows,
    )
