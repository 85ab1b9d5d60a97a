"""Stored events in the order in which they came."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from telltale.contract.schema import Column, EventSchema
from telltale.storage.database import Database, open_database
from telltale.telemetry.arrivals import arrivals, id_before, newest_id
from telltale.telemetry.event_store import EventStore
from telltale.telemetry.files import rows_from_objects
from telltale.telemetry.validate import check_rows

START = datetime(2024, 1, 1, tzinfo=UTC)
SCHEMA = EventSchema(
    name="e", columns=(Column(name="v"), Column(name="w", nullable=True)), entity="who", lateness_s=float("inf")
)


@pytest.fixture
def events(tmp_path: Path) -> Iterator[Database]:
    opened = open_database(tmp_path / "events.db", schema="events")
    yield opened
    opened.close()


def come(events: Database, *values: float, minute: int, app: str = "a", who: str = "x") -> None:
    """Rows come in a minute, newest event time first."""
    rows = [
        {"who": who, "timestamp": (START - timedelta(hours=value)).isoformat(), "v": value, "w": None}
        for value in values
    ]
    checked = check_rows(SCHEMA, rows_from_objects(rows, source="test"), require_time=True)
    store = EventStore(events)
    store.add(app, "e", checked.frame, checked.columns, source="test", now=START + timedelta(minutes=minute))


def test_rows_come_in_the_order_of_arrival_and_once(events: Database) -> None:
    come(events, 1.0, 2.0, minute=0, who="z")
    come(events, 3.0, minute=1, app="b")
    come(events, 9.0, 4.0, minute=2, who="a")

    first, at = arrivals(events, "a", SCHEMA, ("v", "w"), after_id=0, limit=3)
    rest, end = arrivals(events, "a", SCHEMA, ("v", "w"), after_id=at, limit=3)

    assert first["v"].to_list() == [2.0, 1.0, 9.0]
    assert rest["v"].to_list() == [4.0]
    assert end == newest_id(events) == 5
    nothing, same = arrivals(events, "a", SCHEMA, ("v", "w"), after_id=end, limit=3)
    assert (nothing.height, same) == (0, 5)


def test_the_place_moves_on_where_only_others_have_rows(events: Database) -> None:
    come(events, 1.0, 2.0, minute=0, app="b")

    assert arrivals(events, "a", SCHEMA, ("v",), after_id=0, limit=10)[1] == 2


def test_the_place_of_a_moment_is_found(events: Database) -> None:
    for minute in range(7):
        come(events, float(minute), minute=minute)
    with events.write() as connection:  # as retention leaves gaps
        connection.exec_driver_sql("DELETE FROM event WHERE id IN (1, 2, 5)")

    for minute in (-1, 0, 3, 4, 5, 6, 9):
        place = id_before(events, START + timedelta(minutes=minute))
        later, _ = arrivals(events, "a", SCHEMA, ("v",), after_id=place, limit=10)
        assert later["v"].to_list() == [float(came) for came in (2, 3, 5, 6) if came >= minute]


def test_a_store_without_rows_has_no_place(events: Database) -> None:
    assert newest_id(events) == id_before(events, START) == 0
