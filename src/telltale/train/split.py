"""Splits that cannot leak: nothing is fitted on what comes after, or beside, what it is judged on."""

import hashlib

import numpy as np
import polars as pl
from numpy.typing import NDArray

from telltale.contract.errors import NotEnoughDataError
from telltale.contract.split import ByEntity, LastOfEach, LastShare, Split
from telltale.features.calendar import DAY_S, MONDAY_OFFSET_S
from telltale.telemetry.frames import ENTITY, TIME

N_FOLDS = 4
_LEAST_ROWS = 100
# The gap takes no more than one in so many of the rows before it.
_GAP_OF_ROWS = 10
# Without event time, rows are cut into this many runs per fold, so that each fold sees the start and the end.
_RUNS_PER_FOLD = 3


def hold_out(frame: pl.DataFrame, split: Split) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Training rows, and the rows to be judged on.

    Args:
        frame: checked rows, sorted by entity and time.
        split: the task's rule.

    Raises:
        NotEnoughDataError: too few rows, or entities, to keep some back.
    """
    match split:
        case LastShare():
            return _hold_out_last(frame, split)
        case ByEntity():
            return _hold_out_entities(frame, split)
        case LastOfEach():
            return _hold_out_ends(frame, split)


def _hold_out_last(frame: pl.DataFrame, split: LastShare) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The cut is one moment for all entities; where rows carry no time it is a row number."""
    if frame.height < _LEAST_ROWS:
        raise NotEnoughDataError(
            f"{frame.height} rows",
            where="train",
            mend=f"Give at least {_LEAST_ROWS} rows; some days of them are better.",
        )
    if frame[TIME].null_count():
        cut = round(frame.height * (1.0 - split.share))
        return frame[: cut - min(split.gap_rows, cut // _GAP_OF_ROWS)], frame[cut:]
    moments = frame[TIME].sort()
    cut_at = moments[min(round(len(moments) * (1.0 - split.share)), len(moments) - 1)]
    before = frame.filter(pl.col(TIME) < cut_at)
    if before.is_empty():
        raise NotEnoughDataError(
            f"no row is left to train on: of {frame.height}, none lies before the moment from which the last "
            f"{split.share:.0%} are kept back to judge on ({cut_at:%Y-%m-%d %H:%M:%S} UTC)",
            where="train",
            mend="Give rows of more moments.",
        )
    gap = (pl.len() // _GAP_OF_ROWS).clip(upper_bound=split.gap_rows)
    from_end = pl.int_range(pl.len()).reverse()
    return before.filter((from_end >= gap).over(ENTITY)), frame.filter(pl.col(TIME) >= cut_at)


def _hold_out_entities(frame: pl.DataFrame, split: ByEntity) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Entities in the order of a hash of their names: the same ones whatever the seed and whoever else is there.

    Where rows do not say whose they are, each stands for itself.
    """
    if frame[ENTITY].n_unique() == 1 and frame[ENTITY][0] == "":
        order = sorted(range(frame.height), key=lambda row: _hash_of(str(row)))
        is_row_out = pl.Series(np.isin(np.arange(frame.height), order[: round(frame.height * split.share)]))
        return frame.filter(~is_row_out), frame.filter(is_row_out)
    names = sorted(frame[ENTITY].unique().to_list(), key=_hash_of)
    n_out = round(len(names) * split.share)
    if not 0 < n_out < len(names):
        raise NotEnoughDataError(
            f"{len(names)} of what the rows are told apart by",
            where="train",
            mend="Some must be kept back whole to judge on: give rows of at least four.",
        )
    is_out = pl.col(ENTITY).is_in(names[:n_out])
    return frame.filter(~is_out), frame.filter(is_out)


def _hold_out_ends(frame: pl.DataFrame, split: LastOfEach) -> tuple[pl.DataFrame, pl.DataFrame]:
    n = pl.len().over(ENTITY)
    is_out = (pl.int_range(pl.len()).reverse().over(ENTITY) < split.n_rows) & (n >= split.n_rows + split.least_rows)
    marked = frame.with_columns(is_out.alias("@out"))
    train, out = marked.filter(~pl.col("@out")).drop("@out"), marked.filter(pl.col("@out")).drop("@out")
    if train.is_empty():
        raise NotEnoughDataError(f"{frame.height} rows", where="train", mend="Give more rows of each.")
    return train, out


def folds(frame: pl.DataFrame, split: Split, *, n_folds: int = N_FOLDS) -> NDArray[np.int64]:
    """The fold of each row, from 0: whole days, or whole entities, in turn, so that no row has its like in training."""
    if isinstance(split, ByEntity):
        fold_of = {name: _hash_of(name)[-1] % n_folds for name in frame[ENTITY].unique()}
        if set(fold_of.values()) == set(range(n_folds)):
            return np.array([fold_of[name] for name in frame[ENTITY]], dtype=np.int64)
    return _day_folds(frame, n_folds)


def _day_folds(frame: pl.DataFrame, n_folds: int) -> NDArray[np.int64]:
    if frame[TIME].null_count() == 0:
        day = (frame[TIME].dt.epoch("us").to_numpy() / 1e6 + MONDAY_OFFSET_S) // DAY_S
        # Days that have rows, counted: a file with every fourth day alone would else be one fold.
        number: NDArray[np.int64] = np.unique(day, return_inverse=True)[1].astype(np.int64)
        if number.max() >= n_folds - 1:
            return number % n_folds
        # Fewer days than folds: runs of moments, not of rows, which are sorted by entity.
        return _runs(np.argsort(np.argsort(frame[TIME].dt.epoch("us").to_numpy(), kind="stable")), n_folds)
    return _runs(np.arange(frame.height), n_folds)


def _runs(places: NDArray[np.int64], n_folds: int) -> NDArray[np.int64]:
    return places * (n_folds * _RUNS_PER_FOLD) // len(places) % n_folds


def _hash_of(name: str) -> bytes:
    return hashlib.blake2b(name.encode(), digest_size=8).digest()
