"""Stored windows that serve two versions: long enough for both, refused by the needs of the one that decides."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from telltale.contract.errors import NotEnoughDataError
from telltale.contract.schema import Column, EventSchema
from telltale.serve.live.stored_windows import StoredWindows
from telltale.storage.database import Database, open_database
from telltale.telemetry.event_store import EventStore
from telltale.telemetry.files import rows_from_objects
from telltale.telemetry.validate import check_rows

SCHEMA = EventSchema(name="e", columns=(Column(name="v"),), entity="device")


@pytest.fixture
def events(tmp_path: Path) -> Iterator[Database]:
    """Four rows of a device are stored."""
    events = open_database(tmp_path / "events.db", schema="events")
    objects = [{"timestamp": n, "device": "x", "v": float(n)} for n in range(4)]
    frame = check_rows(SCHEMA, rows_from_objects(objects), require_time=True).frame
    EventStore(events).add("app", "e", frame, ("v",), source="t", now=datetime(2024, 1, 1, tzinfo=UTC))
    yield events
    events.close()


def windows_of(events: Database, n_rows: int, *, of_new: int = 0) -> StoredWindows:
    """Of so many rows; of "x", which is new to the version, more are read."""
    return StoredWindows(
        events,
        "app",
        "e",
        columns=("v",),
        nullable=frozenset(),
        n_rows=n_rows,
        reads=lambda entity: of_new if of_new and entity == "x" else n_rows,
    )


@pytest.mark.parametrize(("n_other", "n_rows"), [(1, 2), (3, 3), (9, 4)])
def test_as_much_is_read_as_either_version_uses_and_there_is(events: Database, n_other: int, n_rows: int) -> None:
    windows = windows_of(events, 2).reading(windows_of(events, n_other))

    assert len(windows.newest("x").rows) == n_rows


def test_fewer_rows_than_the_version_that_decides_needs_are_refused(events: Database) -> None:
    wider = windows_of(events, 2).reading(windows_of(events, 9))

    assert len(wider.newest("x", least=4).rows) == 4
    with pytest.raises(NotEnoughDataError, match="4 rows of 'x' are stored; the window needs 9"):
        wider.newest("x", least=9)


def test_of_an_entity_that_is_new_more_is_read_but_not_asked_for(events: Database) -> None:
    assert len(windows_of(events, 2).newest("x").rows) == 2
    assert len(windows_of(events, 2, of_new=3).newest("x").rows) == 3
    assert len(windows_of(events, 4, of_new=90).newest("x").rows) == 4
    found, short = windows_of(events, 2, of_new=3).newest_of(["x", "y"], SCHEMA)
    assert (found.height, short) == (3, {"y": 0})
