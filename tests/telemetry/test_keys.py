"""Rows of one entity and moment that a key tells apart: checked, stored, read back, written out."""

import os
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from telltale.contract.schema import Column, EventSchema
from telltale.storage.database import open_database
from telltale.telemetry.event_rows import event_rows
from telltale.telemetry.event_store import EventStore, Stored
from telltale.telemetry.export import event_columns, write_frame
from telltale.telemetry.files import read_rows, rows_from_objects
from telltale.telemetry.frames import KEY, LINE, measured_columns
from telltale.telemetry.validate import Checked, check_rows

ORDER = EventSchema(
    name="order",
    columns=(
        Column(name="item", dtype="str"),
        Column(name="place", dtype="int", nullable=True),
        Column(name="price", low=0),
        Column(name="tags", dtype="strs", nullable=True),
    ),
    entity="who",
    key=("item", "place"),
)
NOW = datetime(2024, 6, 1, tzinfo=UTC)
_TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00\r"), min_size=1, max_size=4)
_ORDERS = st.lists(
    st.fixed_dictionaries(
        {
            "timestamp": st.integers(0, 2),
            "who": st.sampled_from(["a", "b"]),
            "item": _TEXTS | st.sampled_from(["x", "y", "1", "[", '"']),
            "place": st.none() | st.integers(0, 1),
            "price": st.floats(0, 1e300),
            "tags": st.none() | st.lists(_TEXTS | st.just(""), max_size=3),
        }
    ),
    min_size=1,
    max_size=12,
)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[EventStore]:
    database = open_database(tmp_path / "events.db", schema="events")
    yield EventStore(database)
    database.close()


def _check(*rows: Mapping[str, object]) -> Checked:
    filled = [{"timestamp": 1, "who": "a", "item": "x", "price": 1.0, **row} for row in rows]
    return check_rows(ORDER, rows_from_objects(filled), require_time=True)


def test_rows_that_differ_in_the_key_are_no_duplicates_and_others_are() -> None:
    checked = _check({}, {"item": "y"}, {"place": 1}, {"price": 9.0}, {"who": "b"})

    assert [(row.line, row.reason) for row in checked.quarantined] == [
        (4, "duplicate of line 1: same who, timestamp, item and place")
    ]
    assert checked.frame.height == 4
    assert KEY not in measured_columns(checked.frame)


def test_rows_of_one_moment_are_in_the_order_of_their_keys() -> None:
    for items in (("y", "x"), ("x", "y")):
        assert _check(*({"item": item} for item in items)).frame["item"].to_list() == ["x", "y"]


def test_key_is_read_where_the_version_does_not_want_its_columns() -> None:
    raw = rows_from_objects([{"timestamp": 1, "item": item, "price": 1} for item in ("x", "y", "x")])
    checked = check_rows(ORDER, raw, columns=("price",), require_time=True)

    assert checked.columns == ("price",)
    assert checked.frame.columns == ["@entity", "@time", KEY, "@line", "price"]
    assert [row.line for row in checked.quarantined] == [3]
    without = rows_from_objects([{"timestamp": n, "price": 1} for n in (1, 2)])
    assert check_rows(ORDER, without, columns=("price",), require_time=True).frame.height == 2


def test_store_keeps_one_row_of_each_key(store: EventStore) -> None:
    frame = _check({}, {"item": "y"}).frame
    columns = measured_columns(frame)

    assert store.add("shop", "order", frame, columns, source="t", now=NOW) == Stored(n_stored=2, n_already=0)
    assert store.add("shop", "order", frame, columns, source="t", now=NOW) == Stored(n_stored=0, n_already=2)
    assert store.count("shop", "order") == 2


def test_window_ends_with_the_row_asked_for(store: EventStore) -> None:
    frame = _check({"timestamp": 0}, {"item": "x"}, {"item": "y"}, {"item": "z"}).frame
    columns = measured_columns(frame)
    store.add("shop", "order", frame, columns, source="t", now=NOW)
    keys = [key for _, _, key, _, _ in event_rows(frame, columns, where="t")]
    until = datetime.fromtimestamp(1, UTC)

    def items(**ends: object) -> list[object]:
        return [row.values["item"] for row in store.window("shop", "order", "a", n=3, **ends)]  # type: ignore[arg-type]  # one of two

    assert items() == items(until=until) == ["x", "y", "z"]
    assert items(until=until, key=keys[2]) == ["x", "x", "y"]
    assert items(until=until, key=keys[1]) == ["x", "x"]
    assert items(until=datetime.fromtimestamp(0, UTC)) == ["x"]


@pytest.mark.parametrize("suffix", ["", ".csv", ".ndjson", ".parquet"])
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25, deadline=None)
@given(rows=_ORDERS)
def test_stored_and_exported_rows_are_the_checked_ones(
    store: EventStore, tmp_path: Path, suffix: str, rows: list[dict[str, object]]
) -> None:
    frame = check_rows(ORDER, rows_from_objects(rows), require_time=True).frame
    columns = measured_columns(frame)
    app = os.urandom(8).hex()
    assert store.add(app, "order", frame, columns, source="t", now=NOW).n_already == 0
    back = store.frame(app, ORDER)
    if suffix:
        path = tmp_path / f"rows{suffix}"
        write_frame(event_columns(back, ORDER), path)
        checked = check_rows(ORDER, read_rows(path), require_time=True)
        assert checked.quarantined == ()
        back = checked.frame

    assert back.drop(LINE).equals(frame.drop(LINE))
    windows = {who: [list(row.values.values()) for row in store.window(app, "order", who, n=99)] for who in ("a", "b")}
    assert windows["a"] + windows["b"] == [list(row) for row in frame.select(columns).rows()]
