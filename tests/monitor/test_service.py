from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from statistics import fmean

import pytest
from tests.monitor.planted import plant_minute, plant_predictions

from telltale.monitor.service import measure_service
from telltale.storage.database import Database

NOW = datetime(2024, 12, 1, 12, tzinfo=UTC)
TEN_MINUTES = timedelta(minutes=10)


def _measure(events: Database, *, version: int | None = None) -> Sequence[float | None]:
    found = measure_service(events, "helios", "anomaly", version=version, since=NOW - TEN_MINUTES, until=NOW)
    return [
        found.n,
        found.n_failed,
        found.error_rate,
        found.mean_ms,
        found.last_100_mean_ms,
        found.p50_ms,
        found.p99_ms,
    ]


def test_what_nobody_asked_has_no_figures(events: Database) -> None:
    assert _measure(events) == [0, 0, None, None, None, None, None]


def test_latencies_are_those_of_the_time_the_task_and_the_version(events: Database) -> None:
    plant_predictions(events, [10.0, 20.0, 30.0], now=NOW)
    plant_predictions(events, [1_000.0], now=NOW, task="other")
    plant_predictions(events, [1_000.0], now=NOW - TEN_MINUTES)
    plant_predictions(events, [1_000.0], now=NOW + TEN_MINUTES)
    plant_predictions(events, [50.0], now=NOW, version=2)

    n, _, _, mean_ms, _, p50_ms, _ = _measure(events, version=1)
    assert (n, mean_ms, p50_ms) == (3, 20.0, 20.0)
    assert _measure(events)[0] == 4


def test_the_last_hundred_are_the_newest(events: Database) -> None:
    latencies_ms = [float(n) for n in range(250)]
    plant_predictions(events, latencies_ms, now=NOW)

    assert _measure(events)[4] == pytest.approx(fmean(latencies_ms[-100:]))


def test_failures_count_among_the_requests(events: Database) -> None:
    plant_predictions(events, [5.0] * 90, now=NOW)
    plant_minute(events, at=NOW - timedelta(minutes=1), n_answered=90, n_failed=8)
    plant_minute(events, at=NOW - timedelta(minutes=1), version=0, n_answered=0, n_failed=2)
    plant_minute(events, at=NOW - timedelta(hours=1), n_answered=0, n_failed=1_000)

    assert _measure(events)[:3] == [100, 10, 0.1]
    assert _measure(events, version=1)[:2] == [98, 8]


def test_answers_that_are_not_logged_one_by_one_count_too(events: Database) -> None:
    plant_minute(events, at=NOW - timedelta(minutes=1), n_answered=5_000, n_failed=0, n_unlogged=5_000)

    assert _measure(events)[:4] == [5_000, 0, 0.0, None]


def test_a_look_at_the_newest_answers_of_all_tasks_is_bounded(events: Database) -> None:
    plant_predictions(events, [10.0] * 5, now=NOW - timedelta(minutes=1))
    plant_predictions(events, [20.0] * 5, now=NOW, task="other")
    plant_predictions(events, [30.0], now=NOW)

    def n_timed(most_read: int | None) -> int:
        since = NOW - TEN_MINUTES
        return measure_service(
            events, "helios", "anomaly", version=None, since=since, until=NOW, most_read=most_read
        ).n_timed

    assert (n_timed(None), n_timed(6), n_timed(8)) == (6, 1, 3)
