from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from telltale.apps.helios import APP
from telltale.monitor.service_minutes import Served, ServiceMinutes, write_minutes
from telltale.serve.page import traffic_read
from telltale.serve.page.task_at import TaskAt
from telltale.serve.page.traffic_read import DAY, HOUR, newest_answers, read_logged, read_traffic
from telltale.storage.database import Database, open_database
from telltale.storage.instants import to_us

NOW = datetime(2024, 12, 1, 10, 20, 30, tzinfo=UTC)
WHOSE = ("helios", "anomaly")


@pytest.fixture
def events(tmp_path: Path) -> Iterator[Database]:
    database = open_database(tmp_path / "events.db", schema="events")
    yield database
    database.close()


def count(events: Database, at: datetime, each: Served, *, n: int = 1) -> None:
    minutes = ServiceMinutes()
    minutes.add(*WHOSE, 1, at_s=at.timestamp(), each=each, n=n)
    with events.write() as connection:
        write_minutes(connection, minutes.take())


def log(events: Database, at: datetime, latency_us: int, *, task: str = "anomaly", name: str = "") -> None:
    row = (name or f"{task}-{to_us(at)}", "helios", task, to_us(at), "{}", 1, "champion", latency_us, to_us(at))
    with events.write() as connection:
        connection.exec_driver_sql(
            'INSERT INTO prediction (id, app, task, at_us, "values", version, role, latency_us, received_us) '
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            row,
        )


def test_requests_fall_into_the_steps_that_begin_on_the_clock_and_the_last_one_runs(events: Database) -> None:
    count(events, NOW, Served(n_answered=1), n=5)
    count(events, NOW - timedelta(minutes=21), Served(n_answered=1), n=7)
    count(events, NOW - timedelta(hours=23), Served(n_failed=1), n=2)
    count(events, NOW - timedelta(hours=24), Served(n_answered=1), n=99)

    day = read_traffic(events, DAY, {}, now=NOW)(WHOSE)
    hour = read_traffic(events, HOUR, {}, now=NOW)(WHOSE)

    assert (day.answered[-1], day.answered[-2], day.failed[0], day.n) == (5, 7, 2, 14)
    assert (hour.answered[-1], hour.answered[-22], hour.n) == (5, 7, 12)
    assert DAY.begins(NOW, 23) == datetime(2024, 12, 1, 10, tzinfo=UTC)
    assert HOUR.begins(NOW, 59) == datetime(2024, 12, 1, 10, 20, tzinfo=UTC)


def test_latencies_are_told_of_the_span_and_of_each_step(events: Database) -> None:
    for minutes, latency_us in ((0, 1_000), (0, 3_000), (5, 9_000), (90, 500_000)):
        log(events, NOW - timedelta(minutes=minutes, microseconds=latency_us), latency_us)

    traffic = read_traffic(events, HOUR, read_logged(events), now=NOW)(WHOSE)

    assert traffic.quantile_ms(0.5) == 3.0
    assert traffic.quantiles_ms(0.5)[-1] == 2.0
    assert traffic.quantiles_ms(0.5)[-6] == 9.0
    assert [one for one in traffic.quantiles_ms(0.5) if one is not None] == [9.0, 2.0]


def test_a_task_that_nobody_asked_has_no_traffic(events: Database) -> None:
    traffic = read_traffic(events, DAY, read_logged(events), now=NOW)(("pakit", "dedup"))

    assert (traffic.n, traffic.quantile_ms(0.99), len(traffic.answered)) == (0, None, 24)


def test_of_a_task_that_is_seldom_asked_the_newest_answers_are_found_beside_a_busy_one(
    events: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(traffic_read, "_LOOKED_THROUGH", 3)
    at = TaskAt(app=APP, task=APP.task("anomaly"))
    for place in range(2):
        log(events, NOW - timedelta(hours=place + 1), 1_000, name=f"old-{place}")
    for place in range(5):
        log(events, NOW - timedelta(seconds=place), 1_000, task="busy")
    logged = read_logged(events)
    log(events, NOW, 1_000, name="new")

    found = [one.prediction_id for one in newest_answers(events, at, logged, limit=9)]

    assert found == ["new", "old-0", "old-1"]
