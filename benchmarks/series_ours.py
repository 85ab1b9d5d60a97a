"""Ours on one series, by the product's own path: a version of helios, which has never seen the series, scores it as it comes.

The version is trained with the defaults of `telltale train helios/anomaly` on one made-up series: what a plain series needs is
learned from its own rows. Not a constant of it comes from the series that are scored, or from their labels.
"""

from functools import cache

import numpy as np
import polars as pl

from benchmarks.series_cases import Floats, Series
from benchmarks.series_made import made_series
from benchmarks.trained import trained_runtime
from telltale.apps.helios import ANOMALY, APP
from telltale.contract.errors import UsageError
from telltale.models.score_runtime import ScoreRuntime
from telltale.models.series.stream import Found, SeriesStream
from telltale.telemetry.frames import ENTITY, LINE, TIME, TIME_DTYPE

_COLUMNS = ("value",)
_TRAINED_ROWS, _TRAINED_SEED = 2_000, 1_000
_TO_US = 1e6


@cache
def _runtime() -> ScoreRuntime:
    """Trained once."""
    return trained_runtime(APP, ANOMALY, frame_of(made_series(_TRAINED_ROWS, seed=_TRAINED_SEED)), _COLUMNS)


def score_of_ours(series: Series) -> Floats:
    """The score that the product answers with for each row."""
    runtime = _runtime()
    if runtime.columns != _COLUMNS:
        raise UsageError(f"a version reads {runtime.columns}", where="series", mend="Train on one column.")
    return runtime.score_frame(frame_of(series))


def deviation_of_ours(series: Series) -> Floats:
    """How far out each row is: what the score is made of where a row is no news."""
    return np.array([found.deviation for found in _found(series)])


def news_of_ours(series: Series) -> Floats:
    """Of rows that start an event, how rare such events are; 0 elsewhere: what the score is made of where it is 2.2 or more."""
    return np.array([found.news for found in _found(series)])


def frame_of(series: Series) -> pl.DataFrame:
    """A checked frame of the series, in the order of its rows: where clocks were put back its times go back, too."""
    n = len(series.values)
    return pl.DataFrame(
        {
            ENTITY: [series.name] * n,
            TIME: pl.Series(np.round(series.times_s * _TO_US).astype(np.int64)).cast(TIME_DTYPE),
            LINE: np.arange(1, n + 1),
            _COLUMNS[0]: series.values,
        }
    )


def _found(series: Series) -> list[Found]:
    stream = SeriesStream()
    times, values = series.times_s.tolist(), series.values.tolist()
    return [stream.step(time_s, value) for time_s, value in zip(times, values, strict=True)]
