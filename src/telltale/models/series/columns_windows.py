"""Rows in time: each value, its short mean, and how much it moved lately, worked out for a block of rows at once.

Time runs along the last axis: what is the same for a column is then the same along the memory.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

# Of each column: its value, its mean over 5 rows, its deviation over 5 and over 15.
PER_COLUMN: Final = 4
SHORT, LONG = 5, 15
KEPT: Final = LONG - 1


def window_features(values: Floats, n_before: int, gain: Floats) -> Floats:
    """Features of the rows after the first fourteen, times `gain`, shape (v, 4, k, n).

    A window counts only rows that were there: early ones have fewer. Sums are made of sums of half as many rows, for all
    columns as one line of memory (twice as quick), and come out the same to the last bit wherever a block starts.

    Args:
        values: fourteen rows before, zero where there was none, then the n rows, shape (v, k, 14 + n).
        n_before: how many rows were before.
        gain: what each feature is multiplied by, positive, shape (v, 4, k, 1).
    """
    v, k, width = values.shape
    n = width - KEPT
    powers = np.empty((2, v, k, width))
    powers[0] = values
    np.multiply(values, values, out=powers[1])
    sums = _sums_of_windows(powers.reshape(-1)).reshape(2, 2, v, k, width)[..., :n]
    share = _shares(n_before, n)
    found = np.empty((v, PER_COLUMN, k, n))
    np.multiply(values[..., KEPT:], gain[:, 0], out=found[:, 0])
    np.multiply(sums[0, 0], gain[:, 1] * share[0], out=found[:, 1])
    deviations, gain = found[:, 2:].swapaxes(0, 1), gain[:, 2:].swapaxes(0, 1)
    squared_mean = sums[:, 0] * (gain * share)
    squared_mean *= squared_mean
    np.multiply(sums[:, 1], gain * gain * share, out=deviations)
    deviations -= squared_mean
    np.abs(deviations, out=deviations)  # rounding alone makes it negative
    np.sqrt(deviations, out=deviations)
    return found


def known_shares(n_before: int, n: int) -> Floats:
    """How much is known of the deviations, shape (2, 1, n): of one row nothing, all where a window is full."""
    counts = np.minimum(np.arange(n_before + 1, n_before + n + 1), _SIZES[:, 0])
    return np.asarray((counts - 1.0) / (_SIZES[:, 0] - 1.0))


def _sums_of_windows(values: Floats) -> Floats:
    """Of windows of fifteen values, each a value on: sums of the last five and of all, shape (2, m); the end is anything."""
    two = values[:-1] + values[1:]
    four = two[:-2] + two[2:]
    sums = np.empty((2, len(values)))
    short, long = sums[:, :-KEPT]
    np.add(four[LONG - SHORT : -1], values[KEPT:], out=short)
    np.add(four[:-11], four[4:-7], out=long)
    long += four[8:-3]
    long += two[12:-1]
    long += values[KEPT:]
    return sums


def _shares(n_before: int, n: int) -> Floats:
    """One over the number of rows in each window, shape (2, 1, 1, 1); of each row, (2, 1, 1, n), where some are not full."""
    if n_before >= KEPT:
        return _FULL
    return np.asarray(1.0 / np.minimum(np.arange(n_before + 1, n_before + n + 1), _SIZES))


_SIZES: Final = np.array([SHORT, LONG], dtype=np.float64).reshape(2, 1, 1, 1)
_FULL: Final = 1.0 / _SIZES
