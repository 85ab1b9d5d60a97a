"""Splits in order of time: nothing is fitted on what comes after, or beside, what it is judged on."""

import numpy as np
import polars as pl
from numpy.typing import NDArray

from telltale.contract.errors import NotEnoughDataError
from telltale.features.calendar import DAY_S, MONDAY_OFFSET_S
from telltale.telemetry.frames import ENTITY, TIME

N_FOLDS = 4
_LEAST_ROWS = 100
# Without event time, rows are cut into this many runs per fold, so that each fold sees the start and the end.
_RUNS_PER_FOLD = 3


def hold_out_last(frame: pl.DataFrame, *, share: float, gap_rows: int) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Cut into the earlier rows and the last `share` of them, with `gap_rows` per entity in neither.

    The cut is one moment for all entities; where rows carry no time it is a row number. The gap keeps the windows of
    the held-out rows clear of training rows.

    Raises:
        NotEnoughDataError: there are fewer than a hundred rows.
    """
    if frame.height < _LEAST_ROWS:
        raise NotEnoughDataError(
            f"{frame.height} rows",
            where="train",
            mend=f"Give at least {_LEAST_ROWS} rows; some days of them are better.",
        )
    if frame[TIME].null_count():
        cut = round(frame.height * (1.0 - share))
        return frame[: cut - gap_rows], frame[cut:]
    moments = frame[TIME].sort()
    cut_at = moments[min(round(len(moments) * (1.0 - share)), len(moments) - 1)]
    before = frame.filter(pl.col(TIME) < cut_at)
    if gap_rows:
        from_end = pl.int_range(pl.len()).reverse().over(ENTITY)
        before = before.filter(from_end >= gap_rows)
    return before, frame.filter(pl.col(TIME) >= cut_at)


def folds(frame: pl.DataFrame) -> NDArray[np.int64]:
    """The fold, 0 to 3, of each row: whole days in turn, so that a fold's rows have no neighbour in training."""
    if frame[TIME].null_count() == 0:
        day = (frame[TIME].dt.epoch("us").to_numpy() / 1e6 + MONDAY_OFFSET_S) // DAY_S
        # Days that have rows, counted: a file with every fourth day alone would else be one fold.
        number: NDArray[np.int64] = np.unique(day, return_inverse=True)[1].astype(np.int64)
        if number.max() >= N_FOLDS - 1:
            return number % N_FOLDS
    n = frame.height
    return np.arange(n) * (N_FOLDS * _RUNS_PER_FOLD) // n % N_FOLDS
