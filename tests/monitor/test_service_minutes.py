"""Counts of each minute: written with the log, added to, and never twice."""

import sqlite3
from collections.abc import Callable

import pytest

from telltale.contract.errors import NotFoundError, UnavailableError
from telltale.monitor import prediction_log
from telltale.monitor.prediction_log import PredictionLog, Record
from telltale.monitor.service_minutes import Served, ServiceMinutes, is_own_fault, write_minutes
from telltale.storage.database import Database

Make = Callable[..., Record]
_START_S = 1_733_063_400.0  # a whole minute


def _rows(events: Database) -> list[tuple[object, ...]]:
    return events.fetch(
        "SELECT version, minute_us / 60000000, n_answered, n_failed, n_unlogged, n_shadowed, n_shadow_failed "
        "FROM service_minute ORDER BY minute_us, version"
    )


def test_answers_are_counted_by_version_and_minute_of_receipt(events: Database, record: Make) -> None:
    minutes = ServiceMinutes()
    with PredictionLog(events, interval_s=60.0, minutes=minutes) as log:
        for number, at_s in enumerate((0.0, 59.8, 61.0)):
            log.append(record(f"{number}", time_s=_START_S + at_s))
        minutes.add("helios", "anomaly", 3, at_s=_START_S + 5, each=Served(n_failed=1), n=2)

    minute = int(_START_S // 60)
    assert _rows(events) == [(3, minute, 2, 2, 0, 0, 0), (3, minute + 1, 1, 0, 0, 0, 0)]


def test_failures_alone_are_written_too(events: Database) -> None:
    minutes = ServiceMinutes()
    with PredictionLog(events, interval_s=60.0, minutes=minutes) as log:
        minutes.add("helios", "anomaly", 0, at_s=_START_S, each=Served(n_failed=1))
        log.flush()

        assert [row[3] for row in _rows(events)] == [1]


def test_processes_add_to_each_others_counts(events: Database) -> None:
    for n in (1, 10):
        minutes = ServiceMinutes()
        minutes.add("a", "t", 1, at_s=_START_S, each=Served(n_answered=1, n_shadowed=1), n=n)
        with events.write() as connection:
            write_minutes(connection, minutes.take())

    assert [row[2:] for row in _rows(events)] == [(11, 0, 0, 11, 0)]


def test_what_could_not_be_written_is_written_later_once(
    events: Database, record: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    with PredictionLog(events, interval_s=60.0) as log:
        log.append(record("one"))
        with monkeypatch.context() as patched:
            patched.setattr(prediction_log, "write_predictions", _refuse)
            log.flush()
            log.flush()
        assert _rows(events) == []

    assert [row[2] for row in _rows(events)] == [1]


def _refuse(*_: object, **__: object) -> None:
    raise UnavailableError("locked", where="events.db")


def test_answers_that_the_log_dropped_are_counted_as_unlogged(events: Database, record: Make) -> None:
    with PredictionLog(events, interval_s=60.0, capacity=1) as log:
        for number in range(3):
            log.append(record(f"{number}"))

    assert [row[2:5] for row in _rows(events)] == [(3, 0, 2)]


@pytest.mark.parametrize(
    ("error", "is_ours"),
    [
        (ZeroDivisionError(), True),
        (sqlite3.OperationalError(), True),
        (UnavailableError("locked", where="events.db"), True),
        (NotFoundError("nobody", where="query"), False),
    ],
)
def test_what_the_client_got_wrong_is_no_failure(error: Exception, is_ours: bool) -> None:
    assert is_own_fault(error) is is_ours
