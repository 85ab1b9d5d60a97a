"""Trimming: oldest first, by age and by size, labelled rows kept."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from telltale.contract.schema import Column, EventSchema
from telltale.storage.database import Database, open_database
from telltale.storage.idempotency import RequestKey, keep_answer
from telltale.storage.instants import to_us
from telltale.telemetry.event_store import EventStore
from telltale.telemetry.files import rows_from_objects
from telltale.telemetry.raw_rows import Quarantined
from telltale.telemetry.retention import used_bytes
from telltale.telemetry.validate import check_rows

NOW = datetime(2024, 6, 1, tzinfo=UTC)
SCHEMA = EventSchema(name="e", columns=(Column(name="v"),), label="label")
HUGE = 2**60


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = open_database(tmp_path / "events.db", schema="events")
    yield opened
    opened.close()


def _add(store: EventStore, *, first: int, n: int, days_ago: float, label: int | None = None) -> None:
    rows = rows_from_objects([{"timestamp": first + i, "v": first + i, "label": label} for i in range(n)])
    frame = check_rows(SCHEMA, rows, require_time=True).frame
    store.add("app", "e", frame, ("v",), source="t", now=NOW - timedelta(days=days_ago))


def test_rows_received_too_long_ago_are_removed_whatever_their_event_time(database: Database) -> None:
    store = EventStore(database)
    _add(store, first=10**9, n=3, days_ago=31)
    _add(store, first=0, n=2, days_ago=29)
    trimmed = store.trim(max_age_days=30, max_bytes=HUGE, now=NOW)

    assert trimmed.n_events == 3
    assert store.frame("app", SCHEMA)["v"].to_list() == [0.0, 1.0]


def test_labelled_rows_are_kept_however_old(database: Database) -> None:
    store = EventStore(database)
    _add(store, first=0, n=2, days_ago=400, label=1)
    _add(store, first=10, n=2, days_ago=400, label=0)
    _add(store, first=20, n=2, days_ago=400)
    trimmed = store.trim(max_age_days=30, max_bytes=0, now=NOW)

    assert trimmed.n_events == 2
    assert store.frame("app", SCHEMA)["v"].to_list() == [0.0, 1.0, 10.0, 11.0]


def test_oldest_rows_go_until_the_bytes_fit(database: Database) -> None:
    store = EventStore(database)
    _add(store, first=50_000, n=20_000, days_ago=3)
    _add(store, first=0, n=10_000, days_ago=2)
    with database.read() as connection:
        before = used_bytes(connection)
    trimmed = store.trim(max_age_days=30, max_bytes=before // 2, now=NOW)

    assert trimmed.used_bytes <= before // 2
    assert 10_000 <= trimmed.n_events < 25_000
    kept = set(store.frame("app", SCHEMA)["v"])
    assert len(kept) == 30_000 - trimmed.n_events
    assert kept >= {float(n) for n in range(10_000)}


def test_nothing_is_removed_within_the_limits(database: Database) -> None:
    store = EventStore(database)
    _add(store, first=0, n=10, days_ago=1)
    store.quarantine("app", "e", [Quarantined(line=1, reason="r", raw="x")], source="t", now=NOW)
    trimmed = store.trim(max_age_days=30, max_bytes=HUGE, now=NOW)

    assert (trimmed.n_events, trimmed.n_quarantined, store.count("app", "e")) == (0, 0, 10)


def test_quarantined_rows_age_too(database: Database) -> None:
    store = EventStore(database)
    old, new = (Quarantined(line=n, reason="r", raw="x") for n in (1, 2))
    store.quarantine("app", "e", [old], source="t", now=NOW - timedelta(days=31))
    store.quarantine("app", "e", [new], source="t", now=NOW)
    trimmed = store.trim(max_age_days=30, max_bytes=HUGE, now=NOW)

    assert trimmed.n_quarantined == 1
    assert store.quarantined("app", "e") == [new]


def test_answers_to_retries_are_forgotten_after_a_day(database: Database) -> None:
    with database.write() as connection:
        for hours in (1, 23, 25, 90):
            key = RequestKey(actor="a", key=f"{hours} h", digest="d")
            keep_answer(connection, key, "{}", now_us=to_us(NOW - timedelta(hours=hours)))

    EventStore(database).trim(max_age_days=30, max_bytes=HUGE, now=NOW)

    assert database.fetch("SELECT key FROM idempotency ORDER BY at_us") == [("23 h",), ("1 h",)]


def _predict(database: Database, prediction_id: str, *, days_ago: float, entity: str | None = "x") -> None:
    received_us = to_us(NOW - timedelta(days=days_ago))
    with database.write() as connection:
        connection.exec_driver_sql(
            'INSERT INTO prediction (id, app, task, entity, at_us, "values", version, role, latency_us, received_us) '
            "VALUES (?, 'app', 't', ?, ?, '{}', 1, 'champion', 10, ?)",
            (prediction_id, entity, received_us, received_us),
        )
        connection.exec_driver_sql(
            "INSERT INTO shadow (prediction_id, version, app, task, latency_us, received_us) "
            "VALUES (?, 2, 'app', 't', 10, ?)",
            (prediction_id, received_us),
        )


def _label(database: Database, *, days_ago: float, prediction_id: str | None = None, entity: str | None = None) -> None:
    """Of one prediction, or of a span of a day before."""
    at_us, day_us = to_us(NOW - timedelta(days=days_ago)), 86_400_000_000
    span = (None, None) if prediction_id is not None else (at_us - day_us, at_us)
    with database.write() as connection:
        connection.exec_driver_sql(
            "INSERT INTO feedback (app, task, prediction_id, entity, from_us, to_us, label, actor, at_us) "
            "VALUES ('app', 't', ?, ?, ?, ?, 1, 'a', ?)",
            (prediction_id, entity, *span, at_us),
        )


def _ids(database: Database, sql: str) -> set[str]:
    return {row[0] for row in database.fetch(sql)}


def test_old_predictions_go_and_what_is_labelled_stays(database: Database) -> None:
    _predict(database, "old", days_ago=40)
    _predict(database, "new", days_ago=3)
    _predict(database, "labelled", days_ago=40)
    _label(database, days_ago=39, prediction_id="labelled")
    _predict(database, "in a span of its entity", days_ago=60.5, entity="y")
    _label(database, days_ago=60, entity="y")
    _predict(database, "of another entity", days_ago=60.5, entity="z")
    _predict(database, "in a span of all", days_ago=80.5, entity=None)
    _label(database, days_ago=80)

    trimmed = EventStore(database).trim(max_age_days=30, max_bytes=HUGE, now=NOW)

    kept = {"new", "labelled", "in a span of its entity", "in a span of all"}
    assert _ids(database, "SELECT id FROM prediction") == kept
    assert trimmed.n_predictions == 2
    assert database.fetch("SELECT count(*) FROM feedback") == [(3,)]


def test_answers_of_shadows_age_whatever_is_labelled(database: Database) -> None:
    _predict(database, "labelled", days_ago=40)
    _label(database, days_ago=39, prediction_id="labelled")
    _predict(database, "new", days_ago=3)

    EventStore(database).trim(max_age_days=30, max_bytes=HUGE, now=NOW)

    assert _ids(database, "SELECT prediction_id FROM shadow") == {"new"}


def test_feedback_goes_once_nothing_is_stored_that_it_speaks_of(database: Database) -> None:
    _label(database, days_ago=40, prediction_id="gone")
    _label(database, days_ago=40, entity="x")
    _label(database, days_ago=40)
    _label(database, days_ago=3, entity="x")

    EventStore(database).trim(max_age_days=30, max_bytes=HUGE, now=NOW)

    assert database.fetch("SELECT entity, at_us FROM feedback") == [("x", to_us(NOW - timedelta(days=3)))]


def test_more_labelled_predictions_than_one_chunk_hide_no_old_one(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("telltale.telemetry.retention._CHUNK_ROWS", 3)
    for number in range(10):
        _predict(database, f"kept-{number}", days_ago=50)
        _label(database, days_ago=49, prediction_id=f"kept-{number}")
    for number in range(10):
        _predict(database, f"old-{number}", days_ago=40)

    trimmed = EventStore(database).trim(max_age_days=30, max_bytes=HUGE, now=NOW)

    assert trimmed.n_predictions == 10
    assert _ids(database, "SELECT id FROM prediction") == {f"kept-{number}" for number in range(10)}


def test_minutes_windows_and_findings_age_too(database: Database) -> None:
    for days_ago in (40, 3):
        at_us = to_us(NOW - timedelta(days=days_ago))
        with database.write() as connection:
            for sql in (
                "INSERT INTO service_minute VALUES ('app', 't', 1, ?, 1, 0, 0, 0, 0)",
                "INSERT INTO drift_window VALUES ('app', 't', 1, ?, 1, '{}')",
                "INSERT INTO drift_finding (app, task, version, at_us, document) VALUES ('app', 't', 1, ?, '{}')",
            ):
                connection.exec_driver_sql(sql, (at_us,))

    trimmed = EventStore(database).trim(max_age_days=30, max_bytes=HUGE, now=NOW)

    assert trimmed.n_derived == 3
    for table in ("service_minute", "drift_window", "drift_finding"):
        assert database.fetch(f"SELECT count(*) FROM {table}") == [(1,)]  # noqa: S608 - names are ours


def test_by_bytes_the_oldest_go_first_whichever_table_they_are_in(database: Database) -> None:
    store = EventStore(database)
    _add(store, first=0, n=3_000, days_ago=20)
    for number in range(300):
        _predict(database, f"{number}", days_ago=2)
    _add(store, first=10_000, n=3_000, days_ago=1)
    with database.read() as connection:
        before = used_bytes(connection)

    trimmed = store.trim(max_age_days=30, max_bytes=int(before * 0.8), now=NOW)

    assert trimmed.n_events > 0
    assert trimmed.n_predictions == 0
