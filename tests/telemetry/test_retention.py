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
