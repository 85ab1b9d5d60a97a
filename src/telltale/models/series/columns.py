"""Fitting many columns: their scales, a plane of what is usual of rows, one of rows less their slow level, and a table."""

from collections.abc import Iterator, Sequence
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from telltale.models.outliers.surprise import surprise_table
from telltale.models.series.columns_level import MOST_ROWS
from telltale.models.series.columns_model import ColumnsModel
from telltale.models.series.columns_plane import FittedPlane, fit_plane
from telltale.models.series.columns_recent import RecentRows
from telltale.models.series.columns_state import ColumnsState
from telltale.models.series.columns_windows import LONG, PER_COLUMN, window_features

Floats = NDArray[np.float64]

LEAST_ROWS: Final = 50
# A column that never moved has no unit: one that then moves by a hundredth of what it was has moved (where it was zero, by
# .01). With a hundred times that .47 for .54 of average precision on servers (ASD); a tenth of it does as well.
_STILL_UNIT: Final = 1e-2
# Nothing is told by digits further down than this.
_LEAST_UNIT: Final = 1e-6
_OUTER_SHARE: Final = 0.1
# By components of rows, and of drift. Of rows .5 to .7 do as well, .8 less (of average precision on ASD .51 for .53, on
# other columns of its servers .42 for .46); of drift .8 does better than .6 (.53 for .52).
_EXPLAINED: Final = (0.6, 0.8)
# Planes are fitted on so many rows at most, evenly chosen.
_MOST_FITTED: Final = 50_000
_PARTS: Final = 4
_NO_TABLE: Final = np.array([0.0, 1.0])
# No two rows are so far apart.
NO_GAP_S: Final = float(np.finfo(np.float64).max)
_USUAL_SHARE: Final = 0.9


class Scale(msgspec.Struct, frozen=True, kw_only=True):
    """The middle and unit of each column, shape (k,)."""

    middle: Floats
    unit: Floats


class FittedColumns(msgspec.Struct, frozen=True, kw_only=True):
    """What is fitted.

    Args:
        scales: of each entity in turn.
        stranger: the scale of any other.
        planes: of rows, and of rows less their slow level.
    """

    scales: tuple[Scale, ...]
    stranger: Scale
    planes: tuple[FittedPlane, FittedPlane]


def fit_columns(series: Sequence[Floats]) -> FittedColumns:
    """Fit on rows of several entities, each of the shape (n, k) in order and most of them usual.

    Those with fifty rows have scales of their own, others that of all together.
    """
    from threadpoolctl import threadpool_limits

    together = np.concatenate(series)
    stranger = _scale(together)
    scales = tuple(_scale(rows) if len(rows) >= LEAST_ROWS else stranger for rows in series)
    apart = -(-len(together) // _MOST_FITTED)
    blocks = [block for rows, scale in zip(series, scales, strict=True) for block in _features(rows, scale, apart)]
    counts = np.tile(_counts(together), PER_COLUMN)
    with threadpool_limits(1):  # sums are then the same on any number of cores
        rows, drift = (
            fit_plane(np.hstack([block[place] for block in blocks]), counts, explained=explained)
            for place, explained in enumerate(_EXPLAINED)
        )
    return FittedColumns(scales=scales, stranger=stranger, planes=(rows, drift))


def fit_table(series: Sequence[Floats]) -> Floats:
    """The table of scores of such rows, each by a fit on the other three quarters of the time of every entity.

    One quarter alone would be enough for the scale, which is that of a score brought to its own rows; of four the tail is
    known further out, and an incident that nobody labelled is in one of them only.
    """
    found = []
    for part in range(_PARTS):
        left_out = [np.arange(len(rows)) * _PARTS // max(len(rows), 1) == part for rows in series]
        fitted = fit_columns([rows[~out] for rows, out in zip(series, left_out, strict=True)])
        model = ColumnsModel(fitted.planes, _NO_TABLE, NO_GAP_S)
        for rows, scale, out in zip(series, fitted.scales, left_out, strict=True):
            found.append(ColumnsState(model, RecentRows(scale.middle, scale.unit)).apart(rows)[out])
    return surprise_table(np.concatenate(found))


def longest_gap_s(times_s: Sequence[Floats]) -> float:
    """From this many seconds on rows say nothing of each other: a window's rows, each as long as nine of ten take at most.

    Args:
        times_s: of the rows of each entity, shape (n,); NaN where there are none, and then no gap is too long.
    """
    apart = np.concatenate([np.diff(times) for times in times_s])
    known = apart[apart > 0]
    return float(LONG * np.quantile(known, _USUAL_SHARE)) if len(known) else NO_GAP_S


def _scale(rows: Floats) -> Scale:
    low, middle, high = np.quantile(rows, (0.25, 0.5, 0.75), axis=0)
    moving = np.maximum((high - low) / 1.35, _OUTER_SHARE * rows.std(axis=0))
    size = np.abs(rows).max(axis=0)
    still = np.where(size > 0, _STILL_UNIT * size, _STILL_UNIT)
    has_moved = rows.min(axis=0) < rows.max(axis=0)
    return Scale(middle=middle, unit=np.where(has_moved, np.maximum(moving, _LEAST_UNIT * size), still))


def _counts(rows: Floats) -> Floats:
    """How much the error of each column counts, shape (k,): all switches together (columns of two values) as one other.

    Of channels of spacecraft most columns are commands, on or off: .34 of average precision with one count each, .45 so.
    """
    low, high = rows.min(axis=0), rows.max(axis=0)
    is_switch = (low < high) & ((rows == low) | (rows == high)).all(axis=0)
    counts = np.where(is_switch, 1.0 / max(int(is_switch.sum()), 1), 1.0)
    return np.asarray(counts / (PER_COLUMN * counts.sum()))


def _features(rows: Floats, scale: Scale, apart: int) -> Iterator[Floats]:
    """Features of every so many-th row, in blocks of the shape (2, m, n)."""
    k = len(scale.middle)
    recent = RecentRows(scale.middle, scale.unit)
    for start in range(0, len(rows), MOST_ROWS):
        values = recent.follow(rows[start : start + MOST_ROWS].T)
        features = window_features(values, start, np.ones((2, PER_COLUMN, k, 1)))
        chosen = features.reshape(2, PER_COLUMN * k, -1)[:, :, -start % apart :: apart]
        yield np.ascontiguousarray(chosen)  # of its own: a view would keep them all
