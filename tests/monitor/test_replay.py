"""Logged answers come out again; a changed log and a version that answers otherwise are seen."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from msgspec.structs import replace
from tests.monitor.drift.watched import COLUMNS, LIVE, answer_stream, answer_windows, stream, train_alarm
from tests.serve.shop import ALARM, CHANNEL, NEXT, TREND
from tests.serve.shop import APP as SHOP

from telltale.contract.answer import Answer, Input
from telltale.contract.app import Task
from telltale.contract.plan import Log
from telltale.contract.query import ForecastQuery, Query, RankQuery
from telltale.contract.simulation import Simulation
from telltale.models.bundle import load_bundle
from telltale.models.runtimes import LoadedRuntime, load_runtime, runtime_of, score_runtime
from telltale.monitor.prediction_log import ServedVersion, write_predictions
from telltale.monitor.replay import Replay, replay
from telltale.storage.database import Database, open_database
from telltale.telemetry.event_store import EventStore
from telltale.telemetry.frames import ENTITY, TIME
from telltale.train.fitted import TrainingChoices
from telltale.train.sources import check_simulated, rows_from_checked
from telltale.train.version import Trained, train_version

HOUR = timedelta(hours=1)


@pytest.fixture
def events(tmp_path: Path) -> Iterator[Database]:
    database = open_database(tmp_path / "events.db", schema="events")
    yield database
    database.close()


@pytest.fixture(scope="module")
def alarm(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    return train_alarm(tmp_path_factory.mktemp("alarm") / "bundle")


def again(events: Database, runtime: LoadedRuntime, task: Task = ALARM) -> Replay:
    return replay(events, runtime, task, app="shop", version=1, since=LIVE, until=LIVE + 3 * HOUR)


def test_every_row_comes_out_as_it_was_answered(events: Database, alarm: Trained) -> None:
    answer_stream(events, alarm, stream(LIVE, hours=2))

    found = again(events, load_runtime(alarm.directory))

    assert (found.n, found.n_same, found.n_differing, found.not_replayable) == (48, 48, 0, {})


def test_a_changed_vector_is_named(events: Database, alarm: Trained) -> None:
    answer_stream(events, alarm, stream(LIVE, hours=1))
    with events.write() as connection:
        connection.exec_driver_sql(
            """UPDATE prediction SET "values" = '{"load": 103.0, "heat": 90.0}'
            WHERE id = (SELECT max(id) FROM prediction)"""
        )

    found = again(events, load_runtime(alarm.directory))

    assert (found.n_same, found.n_differing) == (23, 1)
    (one,) = found.differing
    assert one.prediction_id == events.fetch("SELECT max(id) FROM prediction")[0][0]
    assert one.what == "the decision"
    assert (one.logged_decision, one.decision) == (False, True)


def test_a_version_with_another_plan_differs(events: Database, alarm: Trained) -> None:
    answer_stream(events, alarm, stream(LIVE, hours=1))
    bundle = load_bundle(alarm.directory)
    plan = bundle.manifest.plan
    assert plan is not None
    steps = tuple(replace(step, scale=step.scale * 1.01) if isinstance(step, Log) else step for step in plan.steps)
    other = replace(bundle, manifest=replace(bundle.manifest, plan=replace(plan, steps=steps)))

    found = again(events, runtime_of(other))

    assert (found.n_same, found.n_differing) == (0, 24)
    assert {one.what for one in found.differing} <= {"the score", "the decision"}
    assert len(found.differing) == 20


def test_windows_come_out_where_their_rows_are_stored_as_they_were_known(events: Database, alarm: Trained) -> None:
    rows = stream(LIVE, hours=1)
    n = len(answer_windows(events, alarm, rows))
    runtime = load_runtime(alarm.directory)
    unstored = again(events, runtime)
    EventStore(events).add("shop", "sample", rows, COLUMNS, source="test", now=LIVE)

    stored = again(events, runtime)

    assert unstored.not_replayable == {"the window was sent with the request, and is not stored": n}
    assert (stored.n_same, stored.n_differing, stored.not_replayable) == (n, 0, {})


def test_a_row_that_was_stored_later_is_no_difference(events: Database, alarm: Trained) -> None:
    rows = stream(LIVE, hours=1)
    answer_windows(events, alarm, rows)
    store = EventStore(events)
    is_late = rows[TIME] == LIVE + timedelta(minutes=15)
    store.add("shop", "sample", rows.filter(~is_late), COLUMNS, source="test", now=LIVE)
    store.add("shop", "sample", rows.filter(is_late), COLUMNS, source="test", now=LIVE + 3 * HOUR)

    found = again(events, load_runtime(alarm.directory))

    assert found.not_replayable.keys() == {"rows of the window were stored later, or are gone"}


def test_a_window_that_is_not_whole_yet_is_logged_as_a_row_and_comes_out(events: Database, alarm: Trained) -> None:
    rows = stream(LIVE, hours=0.25).filter(pl.col(ENTITY) == "sw-1")
    EventStore(events).add("shop", "sample", rows, COLUMNS, source="test", now=LIVE)
    runtime = score_runtime(alarm.directory)
    asked = Input(rows=rows.select(COLUMNS).rows(), times=[at.timestamp() for at in rows[TIME]], entity="sw-1")
    answer = runtime.answer([asked])[0]
    assert answer.context == "row"
    log(events, "alarm", runtime.columns, asked.rows[-1], asked.times[-1], "sw-1", answer)

    assert again(events, runtime).n_same == 1


@pytest.mark.parametrize(
    ("task", "asked"),
    [(CHANNEL, (3.0, 1.0)), (NEXT, RankQuery(entity="3", top_k=3)), (TREND, ForecastQuery(entity="north"))],
    ids=lambda value: value.name if isinstance(value, Task) else "",
)
def test_answers_of_every_kind_come_out(
    events: Database, tmp_path: Path, task: Task, asked: tuple[float, ...] | Query
) -> None:
    checked = check_simulated(SHOP, task.event, Simulation())
    rows = rows_from_checked("simulated", checked, task, where=task.name)
    train_version(SHOP, task, rows, TrainingChoices(), directory=tmp_path / "bundle", progress=lambda *_: None)
    runtime: Any = load_runtime(tmp_path / "bundle")
    is_row = isinstance(asked, tuple)
    answer = runtime.answer_row(asked, LIVE.timestamp()) if is_row else runtime.ask([asked])[0]
    log(events, task.name, runtime.columns, asked, LIVE.timestamp(), None, answer)
    same = again(events, runtime, task)
    with events.write() as connection:
        connection.exec_driver_sql("UPDATE prediction SET answer = replace(answer, '.', '.9')")

    differing = again(events, runtime, task)

    assert (same.n_same, same.n_differing) == (1, 0)
    assert [one.what for one in differing.differing] == ["the answer"]


def log(  # noqa: PLR0917 - the parts of a record
    events: Database, task: str, columns: tuple[str, ...], asked: Any, time_s: float, entity: str | None, answer: Answer
) -> None:
    served = ServedVersion(app="shop", task=task, version=1, role="champion", columns=columns)
    with events.write() as connection:
        write_predictions(connection, [(served, "one", asked, time_s, entity, answer, 40e-6, LIVE.timestamp() + 1_800)])
