"""Models that adapt: fitted on whole series, and a threshold from the end of each, scored by a model of what was before."""

from collections.abc import Sequence
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from telltale.contract.errors import NotEnoughDataError
from telltale.contract.estimator import Parts, Scores
from telltale.contract.stream import StreamEstimator, StreamRows
from telltale.features.frame import epoch_s
from telltale.features.last_rows import last_rows
from telltale.features.measured import derive_measured
from telltale.models.stream_starts import with_starts
from telltale.telemetry.frames import ENTITY
from telltale.train.fitted import FitRequest, Fitted, LeftOut
from telltale.train.operating_point import operating_point
from telltale.train.prepared import Prepared, labels_of

# Of the rows of each entity the last quarter is scored by a model that was fitted on those before it.
_FITTED_SHARE: Final = 0.75
_LEAST_ROWS: Final = 100
_DAY_S: Final = 86_400.0
_ROWS_PER_DAY: Final = 1_440.0  # where rows have no times


def fit_stream(request: FitRequest) -> Fitted:
    """Fit on all rows; the threshold is from rows that followed those that a trial was fitted on.

    Raises:
        NotEnoughDataError: too few rows, or too few that are not labelled anomalous.
    """
    frame = request.frame
    if frame.height < _LEAST_ROWS:
        raise NotEnoughDataError(f"{frame.height} rows", where="train", mend=f"Give at least {_LEAST_ROWS}.")
    plan = derive_measured(frame, request.columns)
    series, labels = series_of(frame, request.columns), labels_of(frame)
    request.progress("model", 0, 2)
    request.tell("Following the rows up to the last quarter, to set the threshold with that quarter.")
    left_out = _ends_scored(request, series, labels)
    request.progress("model", 1, 2)
    request.tell("Following all rows.")
    parts = _fit(request, series, None if labels is None else _apart(labels, series))
    upto_s = {one.entity: float(one.times_s[-1]) for one in series}
    prepared = Prepared(
        plan=plan,
        features=np.empty((0, 0), dtype=np.float32),
        labels=labels,
        folds=(),
        rows_per_day=_DAY_S / plan.interval_s if plan.interval_s else _ROWS_PER_DAY,
    )
    threshold, point = operating_point(request, prepared, left_out, left_out.whole)
    request.progress("model", 2, 2)
    return Fitted(
        plan=plan,
        parts=with_starts(parts, upto_s),
        parameters=dict(request.parameters),
        threshold=threshold,
        operating_point=point,
        left_out=left_out,
    )


def series_of(frame: pl.DataFrame, columns: Sequence[str]) -> list[StreamRows]:
    """The rows of each entity of a checked frame, sorted by entity and time."""
    rows, times_s = frame.select(columns).to_numpy().astype(np.float64), epoch_s(frame).to_numpy()
    last, first = last_rows(frame)
    names: list[str] = frame[ENTITY].gather(last).to_list()
    return [
        StreamRows(entity=name, times_s=times_s[start:end], rows=rows[start:end])
        for name, start, end in zip(names, first.tolist(), (last + 1).tolist(), strict=True)
    ]


def _ends_scored(request: FitRequest, series: Sequence[StreamRows], labels: NDArray[np.int8] | None) -> LeftOut:
    """The scores of the last quarter of each entity's rows, NaN before."""
    counts = [round(len(one.rows) * _FITTED_SHARE) for one in series]
    begun = [_part(one, slice(None, n)) for one, n in zip(series, counts, strict=True) if n]
    if labels is not None:
        own = _apart(labels, series)
        known = [of[:n] for of, n in zip(own, counts, strict=True) if n]
    parts = _fit(request, begun, None if labels is None else known)
    scorer = _estimator(request).load(parts)
    found: list[Scores] = []
    for one, n in zip(series, counts, strict=True):
        rest = _part(one, slice(n, None))
        scores = np.full(len(one.rows), np.nan)
        scores[n:] = scorer.start(one.entity).score(rest.rows, rest.times_s)
        found.append(scores)
    whole = np.concatenate(found)
    return LeftOut(whole=whole, alone=np.full_like(whole, np.nan))


def _fit(request: FitRequest, series: Sequence[StreamRows], labels: Sequence[NDArray[np.int8]] | None) -> Parts:
    return _estimator(request).fit(
        series, labels=labels, parameters=request.parameters, seed=request.choices.seed, tell=request.tell
    )


def _estimator(request: FitRequest) -> StreamEstimator:
    return request.estimator  # type: ignore[return-value]  # its traits say so


def _part(one: StreamRows, rows: slice) -> StreamRows:
    return StreamRows(entity=one.entity, times_s=one.times_s[rows], rows=one.rows[rows])


def _apart(labels: NDArray[np.int8], series: Sequence[StreamRows]) -> list[NDArray[np.int8]]:
    """Labels of all rows, as those of each entity."""
    ends = np.cumsum([len(one.rows) for one in series])[:-1]
    return np.split(labels, ends)
