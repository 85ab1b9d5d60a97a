"""What an entity came to since a version was trained, found among stored rows."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from telltale.contract.schema import Column, EventSchema
from telltale.serve.live.stored_items import MOST_ROWS, items_since
from telltale.storage.database import Database, open_database
from telltale.telemetry.arrivals import newest_id
from telltale.telemetry.event_store import EventStore
from telltale.telemetry.files import rows_from_objects
from telltale.telemetry.validate import check_rows

SCHEMA = EventSchema(
    name="taken",
    columns=(Column(name="item", dtype="str", nullable=True), Column(name="n", nullable=True)),
    entity="user",
    key=("item",),
)


@pytest.fixture
def events(tmp_path: Path) -> Iterator[Database]:
    events = open_database(tmp_path / "events.db", schema="events")
    yield events
    events.close()


def store(events: Database, *rows: dict[str, Any]) -> None:
    frame = check_rows(SCHEMA, rows_from_objects(list(rows)), require_time=True).frame
    EventStore(events).add("shop", "taken", frame, ("item", "n"), source="t", now=datetime(2024, 1, 1, tzinfo=UTC))


def taken(at: int, user: str, item: str | None) -> dict[str, Any]:
    return {"timestamp": at, "user": user, "item": item, "n": 1.0}


def test_rows_stored_since_count_oldest_first_and_only_those_of_the_entity(events: Database) -> None:
    store(events, taken(5, "a", "old"), taken(6, "b", "old"))
    find = items_since(events, "shop", "taken", column="item", after_id=newest_id(events))
    assert find("a") == ()

    for row in (taken(9, "a", 'ne"w'), taken(8, "a", "x"), taken(3, "a", "late"), taken(9, "b", "other")):
        store(events, row)

    assert find("a") == ("late", "x", 'ne"w')
    assert find("b") == ("other",)
    assert find("nobody") == ()


def test_rows_without_an_item_are_passed_over(events: Database) -> None:
    store(events, taken(1, "a", None), taken(2, "a", "x"))

    assert items_since(events, "shop", "taken", column="item", after_id=0)("a") == ("x",)


def test_of_very_many_rows_the_newest_are_looked_at(events: Database) -> None:
    store(events, *(taken(at, "robot", f"i{at}") for at in range(MOST_ROWS + 5)))

    found = items_since(events, "shop", "taken", column="item", after_id=0)("robot")

    assert (len(found), found[0], found[-1]) == (MOST_ROWS, "i5", f"i{MOST_ROWS + 4}")
