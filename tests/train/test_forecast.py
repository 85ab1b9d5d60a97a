"""Forecasts end to end: trained, stored, asked, judged by what came."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from telltale.contract.app import App, Task
from telltale.contract.errors import BundleError, NotEnoughDataError, NotFoundError, UsageError
from telltale.contract.kinds import Forecasting
from telltale.contract.query import ForecastQuery
from telltale.contract.schema import Column, EventSchema
from telltale.contract.split import LastOfEach
from telltale.contract.verdict import Target
from telltale.models.bundle import load_bundle, save_bundle
from telltale.models.forecast_runtime import ForecastRuntime
from telltale.telemetry.frames import ENTITY, LINE, TIME, sort_checked
from telltale.train.fitted import TrainingChoices
from telltale.train.forecast import judge_forecast, shown_forecasts
from telltale.train.split import hold_out
from telltale.train.version import TrainingRows, train_version

START = datetime(2024, 1, 1, tzinfo=UTC)
HORIZON = 14

TASK = Task(
    name="trend",
    kind="forecast",
    event="series",
    estimators=("theta", "seasonal_naive", "forecast_choice"),
    targets=(Target(metric="accuracy", op=">=", limit=0.7),),
    minimum_rows=50,
    schedule="0 4 1 * *",
    split=LastOfEach(n_rows=HORIZON, least_rows=14),
    forecasting=Forecasting(value="value", horizon=HORIZON),
)
EVENT = EventSchema(name="series", columns=(Column(name="value"),), entity="series")


def no_rows(event: str, how: object) -> pl.DataFrame:
    raise UsageError(event)


APP = App(name="shop", title="", events=(EVENT,), tasks=(TASK,), simulate=no_rows, start=START)


def sales(n_days: int = 90, names: tuple[str, ...] = ("tea", "mugs"), *, first_day: int = 0) -> pl.DataFrame:
    """A weekly pattern with a little noise, the same whichever days are asked for."""
    lines = []
    for number, name in enumerate(names):
        noise = np.random.default_rng(number).normal(0, 2, 1_000)
        for day in range(first_day, first_day + n_days):
            value = 100 * (number + 1) + 20 * np.sin(2 * np.pi * day / 7) + noise[day]
            lines.append((name, START + timedelta(days=day), value))
    names_of = (ENTITY, TIME, "value")
    rows = pl.DataFrame(lines, schema=names_of, orient="row").with_columns(pl.col(TIME).dt.cast_time_unit("us"))
    return sort_checked(rows.with_columns(pl.int_range(1, pl.len() + 1).alias(LINE)))


def trained(frame: pl.DataFrame, directory: Path, **choices: object) -> ForecastRuntime:
    train, held_out = hold_out(frame, TASK.split)
    rows = TrainingRows(kind="file", train=train, held_out=held_out, columns=("value",))
    made = TrainingChoices(**choices)  # type: ignore[arg-type]  # by name, as the tests write them
    train_version(APP, TASK, rows, made, directory=directory, progress=lambda *_: None)
    return ForecastRuntime(load_bundle(directory))


@pytest.fixture(scope="module")
def runtime(tmp_path_factory: pytest.TempPathFactory) -> ForecastRuntime:
    return trained(sales(), tmp_path_factory.mktemp("forecast"))


def test_a_series_goes_on_from_its_last_row_though_it_was_judged_without(runtime: ForecastRuntime) -> None:
    answer = runtime.ask([ForecastQuery(entity="tea")])[0]

    assert answer.origin == "2024-03-30T00:00:00Z"
    assert [step.time for step in answer.steps[:2]] == ["2024-03-31T00:00:00Z", "2024-04-01T00:00:00Z"]
    assert len(answer.steps) == HORIZON
    assert (answer.method, answer.level) == ("theta", 0.95)
    assert runtime.manifest.verdict.outcome == "pass"
    assert runtime.manifest.metrics["accuracy"] > 0.95  # type: ignore[operator]  # it was judged


def test_what_was_said_is_judged_by_what_came(runtime: ForecastRuntime) -> None:
    judged = judge_forecast(TASK, runtime, sales(10, first_day=90))

    assert judged.verdict.outcome == "pass"
    assert judged.metrics["accuracy"].n == 20
    assert judged.metrics["coverage_95"].value > 0.7


def test_what_came_is_shown_beside_what_was_said(runtime: ForecastRuntime) -> None:
    shown = shown_forecasts(TASK, runtime, sales(20, ("mugs", "pens", "tea"), first_day=86))

    assert [one.name for one in shown] == ["mugs", "tea"]
    assert [len(one.came) for one in shown] == [HORIZON, HORIZON]
    assert shown_forecasts(TASK, runtime, sales(20)) == []


def test_rows_of_other_times_or_other_series_tell_nothing(runtime: ForecastRuntime) -> None:
    for rows in (sales(30), sales(10, first_day=200), sales(10, ("pens",), first_day=90)):
        judged = judge_forecast(TASK, runtime, rows)

        assert judged.metrics == {}
        assert judged.verdict.outcome == "not_enough_evidence"


def test_a_shorter_horizon_is_the_first_part(runtime: ForecastRuntime) -> None:
    whole, part = runtime.ask([ForecastQuery(entity="mugs"), ForecastQuery(entity="mugs", horizon=3)])

    assert part.steps == whole.steps[:3]


@pytest.mark.parametrize("horizon", [0, -1, HORIZON + 1])
def test_a_horizon_out_of_reach_is_refused(runtime: ForecastRuntime, horizon: int) -> None:
    with pytest.raises(UsageError, match=f"1 to {HORIZON} steps"):
        runtime.ask([ForecastQuery(entity="tea", horizon=horizon)])


def test_an_unknown_series_is_not_found_with_the_mend_and_those_known(runtime: ForecastRuntime) -> None:
    with pytest.raises(NotFoundError, match=r"'pens'.*Ingest its rows and train again. Known: mugs, tea"):
        runtime.ask([ForecastQuery(entity="pens")])


def test_which_series_must_be_said_where_there_are_several(runtime: ForecastRuntime, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no series is given, and 2 are known"):
        runtime.ask([ForecastQuery()])

    alone = trained(sales(60, ("",)), tmp_path, estimator="seasonal_naive")
    assert len(alone.ask([ForecastQuery()])[0].steps) == HORIZON


def test_a_frame_is_answered_for_the_series_that_are_known(runtime: ForecastRuntime) -> None:
    answered = runtime.answer_frame(sales(3, ("pens", "tea")))

    assert answered.columns == [ENTITY, "time", "value", "low", "high", "method"]
    assert answered[ENTITY].unique().to_list() == ["tea"]
    assert answered.height == HORIZON
    runtime.self_test()


def test_what_was_never_below_zero_is_not_expected_to_be(tmp_path: Path) -> None:
    rows = sales(60).with_columns((pl.col("value") % 3 < 0.5).cast(pl.Float64).alias("value"))
    found = trained(rows, tmp_path, estimator="seasonal_naive").ask([ForecastQuery(entity="tea")])[0]

    assert all(0 <= step.low <= step.value <= step.high for step in found.steps)


def test_a_short_series_is_continued_and_not_judged(tmp_path: Path) -> None:
    young = sales(5, ("pens",), first_day=85)
    runtime = trained(sort_checked(pl.concat([sales(), young])), tmp_path)

    assert runtime.ask([ForecastQuery(entity="pens")])[0].method == "seasonal_naive"
    assert runtime.manifest.verdict.n == 2 * HORIZON


def test_no_series_is_not_enough(tmp_path: Path) -> None:
    seconds = [timedelta(seconds=number) for number in range(14)] + [timedelta(days=300)]
    burst = sales(15, ("tea",)).with_columns(pl.Series(TIME, [START + gap for gap in seconds]))
    rows = TrainingRows(
        kind="file",
        train=burst.with_columns(pl.col(TIME).cast(pl.Datetime("us", "UTC"))),
        held_out=burst[:0],
        columns=("value",),
    )

    with pytest.raises(NotEnoughDataError, match="too unevenly"):
        train_version(APP, TASK, rows, TrainingChoices(), directory=tmp_path, progress=lambda *_: None)


def test_gaps_are_filled_and_said(tmp_path: Path) -> None:
    told: list[str] = []
    gappy = sales().filter(pl.col(TIME).dt.day() != 10)
    rows = TrainingRows(kind="file", train=gappy, held_out=gappy[:0], columns=("value",))

    train_version(APP, TASK, rows, TrainingChoices(), directory=tmp_path, progress=lambda *_: None, tell=told.append)

    assert "Missing steps are filled in between their neighbours: 'mugs': 3 of 90, 'tea': 3 of 90." in told


def test_a_bundle_of_another_horizon_is_refused(runtime: ForecastRuntime, tmp_path: Path) -> None:
    from msgspec.structs import replace

    manifest = replace(runtime.manifest, forecasting=Forecasting(value="value", horizon=HORIZON + 1))
    save_bundle(tmp_path, manifest, runtime.bundle.parts, runtime.bundle.trained_rows)

    with pytest.raises(BundleError, match="arrays of another shape"):
        ForecastRuntime(load_bundle(tmp_path))
