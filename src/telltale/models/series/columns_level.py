"""The slow level of each of many columns: an exponential mean of all rows before, for a block of rows at once."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

MOST_ROWS: Final = 2_048
_SLOW_ROWS: Final = 300.0
# Within so many rows sums are one matrix product; those of what came before are handed from each such run to the next.
_RUN: Final = 32
_FADE: Final = float(np.exp(-1.0 / _SLOW_ROWS))
_GAIN: Final = 1.0 - _FADE


def slow_level(rows: Floats, total: Floats, n_before: int) -> tuple[Floats, Floats]:
    """The level before each row, and the total after the last one. That of the first row ever is the row itself.

    Args:
        rows: shape (k, n), oldest first, n at least 1 and at most `MOST_ROWS`.
        total: of rows before, weighed: over the sum of weights it is the level; shape (k,).
        n_before: how many rows were before.
    """
    before = total[:, None] if rows.shape[1] == 1 else _totals_before(rows, total)
    after = _FADE * before[:, -1] + _GAIN * rows[:, -1]
    known = 1.0 - np.exp(np.arange(n_before, n_before + rows.shape[1]) / -_SLOW_ROWS)
    if n_before:
        return before / known, after
    known[0] = 1.0
    levels = before / known
    levels[:, 0] = rows[:, 0]
    return levels, after


def _totals_before(rows: Floats, total: Floats) -> Floats:
    """What was there before each row, shape (k, n)."""
    k, n = rows.shape
    runs = -(-n // _RUN)
    padded = np.zeros((k, runs * _RUN))
    padded[:, :n] = rows
    within = padded.reshape(k, runs, _RUN)
    before = within @ _WITHIN  # column by column: products so small are not shared out to threads
    handed = within @ _AT_END @ _BETWEEN[:runs, :runs] + total[:, None] * _FROM_START[:runs]
    before += handed[:, :, None] * _FADES
    return before.reshape(k, runs * _RUN)[:, :n]


def _powers(ages: NDArray[np.int64], rows_each: int) -> Floats:
    """What is left after so many runs of rows; nothing of what is yet to come."""
    return np.where(ages >= 0, np.exp(-rows_each * np.maximum(ages, 0) / _SLOW_ROWS), 0.0)


_PLACES: Final = np.arange(_RUN)
_RUNS: Final = np.arange(MOST_ROWS // _RUN)
_WITHIN: Final = _GAIN * _powers(_PLACES - _PLACES[:, None] - 1, 1)
_AT_END: Final = _GAIN * _powers(_RUN - 1 - _PLACES, 1)
_BETWEEN: Final = _powers(_RUNS - _RUNS[:, None] - 1, _RUN)
_FROM_START: Final = _powers(_RUNS, _RUN)
_FADES: Final = _powers(_PLACES, 1)
