"""Stored windows that serve two versions: long enough for both, refused by the needs of the one that decides."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from telltale.contract.errors import NotEnoughDataError
from telltale.contract.schema import Column, EventSchema
from telltale.serve.live.stored_windows import StoredWindows
from telltale.storage.database import open_database
from telltale.telemetry.event_store import EventStore
from telltale.telemetry.files import rows_from_objects
from telltale.telemetry.validate import check_rows

SCHEMA = EventSchema(name="e", columns=(Column(name="v"),), entity="device")


@pytest.fixture
def windows(tmp_path: Path) -> Iterator[StoredWindows]:
    """Of two rows; four are stored."""
    events = open_database(tmp_path / "events.db", schema="events")
    objects = [{"timestamp": n, "device": "x", "v": float(n)} for n in range(4)]
    frame = check_rows(SCHEMA, rows_from_objects(objects), require_time=True).frame
    EventStore(events).add("app", "e", frame, ("v",), source="t", now=datetime(2024, 1, 1, tzinfo=UTC))
    yield StoredWindows(events, "app", "e", columns=("v",), nullable=frozenset(), n_rows=2)
    events.close()


@pytest.mark.parametrize(("n_read", "n_rows"), [(1, 2), (3, 3), (9, 4)])
def test_as_much_is_read_as_either_version_uses_and_there_is(windows: StoredWindows, n_read: int, n_rows: int) -> None:
    assert len(windows.reading(n_read).newest("x").rows) == n_rows


def test_fewer_rows_than_the_version_that_decides_needs_are_refused(windows: StoredWindows) -> None:
    wider = windows.reading(9)

    assert len(wider.newest("x", least=4).rows) == 4
    with pytest.raises(NotEnoughDataError, match="4 rows of 'x' are stored; the window needs 9"):
        wider.newest("x", least=9)
