"""The newest rows of many entities at once are those that one entity's window holds."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from telltale.contract.errors import SchemaError
from telltale.contract.schema import Column, EventSchema
from telltale.storage.database import Database, open_database
from telltale.telemetry.event_store import EventStore
from telltale.telemetry.files import rows_from_objects
from telltale.telemetry.frames import ENTITY, TIME
from telltale.telemetry.newest_windows import entities_with_rows, newest_windows
from telltale.telemetry.validate import check_rows

NOW = datetime(2024, 6, 1, tzinfo=UTC)
START = datetime(2024, 1, 1, tzinfo=UTC)
SCHEMA = EventSchema(
    name="e",
    columns=(Column(name="v", nullable=True), Column(name="w"), Column(name="note", dtype="str", nullable=True)),
    entity="who",
    key=("w",),
    lateness_s=float("inf"),
)
COLUMNS = ("v", "w", "note")
# Few moments, so that rows of one entity and moment differ by key alone.
Rows = list[tuple[str, int, float, float | None, str | None]]
ROWS = st.lists(
    st.tuples(
        st.sampled_from(["a", "b", 'c"\n', "ü", ""]),
        st.integers(0, 3),
        st.floats(-1e300, 1e300),
        st.none() | st.floats(allow_nan=False, allow_infinity=False),
        st.none() | st.text(max_size=5),
    ),
    min_size=1,
    max_size=30,
)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = open_database(tmp_path / "events.db", schema="events")
    yield opened
    opened.close()


def store(database: Database, app: str, rows: Rows) -> None:
    given_rows = [
        {"timestamp": START.timestamp() + at, "who": who or None, "w": w, "v": v, "note": note}
        for who, at, w, v, note in rows
    ]
    checked = check_rows(SCHEMA, rows_from_objects(given_rows), require_time=True)
    EventStore(database).add(app, "e", checked.frame, COLUMNS, source="test", now=NOW)


def one_by_one(database: Database, app: str, entity: str, n: int) -> list[tuple[object, ...]]:
    return [
        (row.time_s, *(row.values.get(name) for name in COLUMNS))
        for row in EventStore(database).window(app, "e", entity, n=n)
    ]


@given(rows=ROWS, n=st.integers(1, 6), number=st.integers())
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_every_entity_has_the_rows_of_its_own_window(database: Database, rows: Rows, n: int, number: int) -> None:
    app = f"app{number}"
    store(database, app, rows)
    entities = entities_with_rows(database, app, "e")

    found = newest_windows(database, app, SCHEMA, entities, columns=COLUMNS, n_rows=lambda _: n)

    known = EventStore(database).entities(app, "e")
    assert entities == [entity for entity in known if entity]
    assert found.columns == [ENTITY, TIME, *COLUMNS]
    assert found[ENTITY].rle().struct.field("value").to_list() == entities
    seconds = (found[TIME].dt.epoch("us") / 1e6).alias("@s")
    for entity in entities:
        own = found.with_columns(seconds).filter(pl.col(ENTITY) == entity).select("@s", *COLUMNS).rows()
        assert own == one_by_one(database, app, entity, n)


def test_rows_of_another_app_or_event_and_entities_without_rows_are_no_windows(database: Database) -> None:
    store(database, "mine", [("a", 0, 1.0, None, None)])
    store(database, "other", [("a", 1, 2.0, None, None), ("b", 1, 2.0, None, None)])

    found = newest_windows(database, "mine", SCHEMA, ["a", "b"], columns=("w", "not_stored"), n_rows=lambda _: 5)

    assert entities_with_rows(database, "mine", "e") == ["a"]
    assert found.drop(TIME).rows() == [("a", 1.0, None)]
    assert newest_windows(database, "mine", SCHEMA, ["a"], columns=("not_stored",), n_rows=lambda _: 5).height == 1
    assert newest_windows(database, "nobody", SCHEMA, [], columns=COLUMNS, n_rows=lambda _: 5).is_empty()


def test_values_of_another_type_than_is_declared_now_are_refused(database: Database) -> None:
    store(database, "app", [("a", 0, 1.0, None, "words")])
    now = EventSchema(name="e", columns=(Column(name="note"),), entity="who")

    with pytest.raises(SchemaError, match="Declare the column as it was"):
        newest_windows(database, "app", now, ["a"], columns=("note",), n_rows=lambda _: 5)


def test_since_a_moment_those_with_a_row_at_it_or_later_are_told(database: Database) -> None:
    store(database, "app", [("old", 0, 1.0, None, None), ("new", 0, 1.0, None, None), ("new", 3, 1.0, None, None)])

    def since(seconds: float) -> list[str]:
        return entities_with_rows(database, "app", "e", since=START + timedelta(seconds=seconds))

    assert (since(0), since(3), since(3.000001)) == (["new", "old"], ["new"], [])
