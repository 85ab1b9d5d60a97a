"""Tasks that continue series: each one by itself, from where its rows end, and judged by what came after."""

from collections.abc import Iterator

import numpy as np
import polars as pl

from telltale.contract.app import Task
from telltale.contract.errors import NotEnoughDataError
from telltale.contract.estimator import Continued, Floats, ForecastEstimator, Parts, Seasons
from telltale.evaluate.forecast_metrics import Compared, forecast_metrics
from telltale.evaluate.forecast_plot import MOST_SHOWN, ShownForecast
from telltale.evaluate.gate import judge
from telltale.models.forecast_runtime import (
    HIGH,
    LOW,
    METHODS,
    ORIGINS,
    SCALES,
    SERIES,
    TIMES,
    VALUES,
    ForecastRuntime,
)
from telltale.models.library_forecast import first_season
from telltale.telemetry.frames import ENTITY, TIME
from telltale.train.fitted import FitRequest, Fitted, Judged
from telltale.train.interval_factor import MOST_SERIES, MOST_SERIES_COSTLY, interval_factors, widened
from telltale.train.search import refuse_search
from telltale.train.series import Series, series_of

_SHOWN = 3


def fit_forecast(request: FitRequest) -> Fitted:
    """Continue every series to the task's horizon.

    Raises:
        NotEnoughDataError: there is no series.
        SchemaError: rows carry no time.
        UsageError: a search is asked for; the method is chosen without one.
    """
    refuse_search(request)
    forecasting = request.task.forecasting
    assert forecasting is not None, f"{request.task.name} does not say what it continues"
    estimator: ForecastEstimator = request.estimator  # type: ignore[assignment]  # the task's kind is its own
    series, refused = series_of(request.frame, forecasting.value)
    if not series:
        raise NotEnoughDataError(
            f"no series among {request.frame.height} rows; {_some(refused) or 'there are none'}",
            where="train",
            mend="Give each series values that lie evenly in time.",
        )
    if refused:
        request.tell(f"{len(refused)} series are left out: {_some(refused)}.")
    _tell_of_filled(request, series)

    def continue_series(values: Floats, seasons: Seasons) -> Continued:
        return estimator.forecast(
            values,
            seasons=seasons,
            horizon=forecasting.horizon,
            level=forecasting.level,
            parameters=request.parameters,
            seed=request.choices.seed,
        )

    factors = interval_factors(
        series,
        continue_series,
        horizon=forecasting.horizon,
        level=forecasting.level,
        most_series=MOST_SERIES_COSTLY if estimator.traits.is_costly else MOST_SERIES,
        progress=lambda done, of: request.progress("intervals", done, of),
    )
    said = []
    for done, one in enumerate(series):
        request.progress("series", done, len(series))
        continued = continue_series(one.values, one.seasons)
        said.append(_never_negative(widened(continued, factors), one.values))
    request.progress("series", len(series), len(series))
    arrays = {
        VALUES: np.stack([one.values for one in said]),
        LOW: np.stack([one.low for one in said]),
        HIGH: np.stack([one.high for one in said]),
        TIMES: np.stack([one.ahead_s(forecasting.horizon) for one in series]),
        ORIGINS: np.array([one.origin_s for one in series]),
        SCALES: np.array([_naive_error(one) for one in series]),
    }
    names = {
        SERIES: tuple(one.name for one in series),
        METHODS: tuple(one.method or estimator.name for one in said),
    }
    return Fitted(parts=Parts(arrays=arrays, names=names), parameters=dict(request.parameters))


def judge_forecast(task: Task, runtime: ForecastRuntime, frame: pl.DataFrame) -> Judged:
    """What the gate says of forecasts, by the rows of the times that they were made for; others tell nothing."""
    assert task.forecasting is not None, f"{task.name} does not say what it continues"
    compared = [
        found
        for _, said, times_s, truth in _known_series(task, runtime, frame)
        if (found := _compare(said, times_s, truth)) is not None
    ]
    n = sum(len(one.truth) for one in compared)
    metrics = forecast_metrics(compared) if n else {}
    return Judged(verdict=judge(task.targets, metrics, n=n, n_positive=None), metrics=metrics)


def shown_forecasts(task: Task, runtime: ForecastRuntime, frame: pl.DataFrame) -> list[ShownForecast]:
    """The first series of a frame that something was said of, and what came of each within the time that was forecast."""
    shown: list[ShownForecast] = []
    for name, said, times_s, truth in _known_series(task, runtime, frame):
        within = (times_s > said[ORIGINS]) & (times_s <= said[TIMES][-1])
        if not within.any() or len(shown) == MOST_SHOWN:
            continue
        shown.append(
            ShownForecast(
                name=name,
                times_s=said[TIMES],
                values=said[VALUES],
                low=said[LOW],
                high=said[HIGH],
                came_times_s=times_s[within],
                came=truth[within],
            )
        )
    return shown


def _known_series(
    task: Task, runtime: ForecastRuntime, frame: pl.DataFrame
) -> Iterator[tuple[str, dict[str, Floats], Floats, Floats]]:
    """Each series of a frame that is known from training: its name, what was said, and times and values of its rows."""
    assert task.forecasting is not None, f"{task.name} does not say what it continues"
    for (name,), rows in frame.partition_by(ENTITY, as_dict=True, maintain_order=True).items():
        said = runtime.forecast_of(str(name))
        known = rows.filter(pl.col(task.forecasting.value).is_not_null() & pl.col(TIME).is_not_null())
        if said is not None and known.height:
            times_s = known[TIME].dt.epoch("us").to_numpy() / 1e6
            yield str(name), said, times_s, known[task.forecasting.value].to_numpy().astype(np.float64)


def _compare(said: dict[str, Floats], times_s: Floats, truth: Floats) -> Compared | None:
    """Values that came within half a step of a moment that was forecast."""
    moments = said[TIMES]
    half = float(moments[0] - said[ORIGINS]) / 2
    place = np.abs(moments[None, :] - times_s[:, None]).argmin(axis=1)
    near = np.abs(moments[place] - times_s) < half
    if not near.any():
        return None
    place = place[near]
    return Compared(
        truth=truth[near],
        values=said[VALUES][place],
        low=said[LOW][place],
        high=said[HIGH][place],
        scale=float(said[SCALES]),
    )


def _naive_error(one: Series) -> float:
    """Mean absolute error of the seasonal naive method within the series: the unit that MASE counts in."""
    season = first_season(one.seasons)
    steps = np.abs(one.values[season:] - one.values[:-season])
    return float(steps.mean()) if len(steps) else 0.0


def _never_negative(said: Continued, values: Floats) -> Continued:
    """What was never below 0 is not expected to be."""
    if values.min() < 0:
        return said
    return Continued(
        values=np.maximum(said.values, 0.0),
        low=np.maximum(said.low, 0.0),
        high=np.maximum(said.high, 0.0),
        method=said.method,
    )


def _tell_of_filled(request: FitRequest, series: list[Series]) -> None:
    filled = {one.name: f"{one.n_filled} of {len(one.values)}" for one in series if one.n_filled}
    if filled:
        request.tell(f"Missing steps are filled in between their neighbours: {_some(filled)}.")


def _some(told: dict[str, str]) -> str:
    rest = len(told) - _SHOWN
    first = ", ".join(f"{name!r}: {what}" for name, what in list(told.items())[:_SHOWN])
    return first + (f" and {rest} more" if rest > 0 else "")
