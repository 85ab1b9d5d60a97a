"""The event store: rows in, the same rows back, each once."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from telltale.contract.errors import SchemaError
from telltale.contract.schema import Column, EventSchema
from telltale.storage.database import Database, open_database
from telltale.telemetry.event_rows import event_rows, origin_of, write_rows
from telltale.telemetry.event_store import WINDOW_QUERY, EventStore, Stored
from telltale.telemetry.files import rows_from_objects
from telltale.telemetry.frames import ENTITY, LABEL, LINE, RESERVED, TIME
from telltale.telemetry.raw_rows import Quarantined
from telltale.telemetry.validate import check_rows

NOW = datetime(2024, 6, 1, tzinfo=UTC)
START = datetime(2024, 1, 1, tzinfo=UTC)
SCHEMA = EventSchema(
    name="e",
    columns=(Column(name="v", nullable=True), Column(name="w"), Column(name="note", dtype="str", nullable=True)),
    entity="who",
    label="label",
    lateness_s=float("inf"),
)
COLUMNS = ("v", "w", "note")


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = open_database(tmp_path / "events.db", schema="events")
    yield opened
    opened.close()


@pytest.fixture
def store(database: Database) -> EventStore:
    return EventStore(database)


def _frame(*rows: Mapping[str, object]) -> pl.DataFrame:
    filled = [
        {"timestamp": START.timestamp() + n, "w": n, "v": None, "note": None, **row} for n, row in enumerate(rows)
    ]
    checked = check_rows(SCHEMA, rows_from_objects(filled), require_time=True)
    assert checked.quarantined == ()
    return checked.frame


def _add(store: EventStore, frame: pl.DataFrame, *, event: str = "e") -> Stored:
    return store.add("app", event, frame, COLUMNS, source="t", now=NOW)


_VALUES = st.floats(allow_nan=False, allow_infinity=False)
_ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "timestamp": st.integers(-(10**15), 10**15).map(lambda micros: micros / 1e6),
            "who": st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=3),
            "v": st.none() | _VALUES,
            "w": _VALUES,
            "note": st.none() | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=5)
            | st.just('"v":'),
            "label": st.sampled_from([None, 0, 1]),
        }
    ),
    min_size=1,
    max_size=20,
    unique_by=lambda row: (row["who"], row["timestamp"]),
)  # fmt: skip


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
@given(_ROWS)
def test_rows_come_back_as_they_were_to_the_last_bit(store: EventStore, rows: list[dict[str, object]]) -> None:
    event = os.urandom(8).hex()
    frame = _frame(*rows)

    assert _add(store, frame, event=event) == Stored(n_stored=len(rows), n_already=0)
    stored = store.frame("app", msgspec.structs.replace(SCHEMA, name=event), columns=COLUMNS)
    expected = frame if frame[LABEL].null_count() < len(frame) else frame.drop(LABEL)
    assert stored.drop(LINE).equals(expected.drop(LINE))
    assert stored[LINE].is_unique().all()


def test_row_already_stored_is_counted_and_stays_as_it_was(store: EventStore) -> None:
    _add(store, _frame({"who": "a", "w": 1}))

    assert _add(store, _frame({"who": "a", "w": 9}, {"who": "a", "w": 2})) == Stored(n_stored=1, n_already=1)
    assert store.frame("app", SCHEMA, columns=("w",))["w"].to_list() == [1.0, 2.0]
    assert store.count("app", "e") == 2


def test_old_rows_may_come_after_new_ones(store: EventStore) -> None:
    _add(store, _frame({"timestamp": START.timestamp()}))

    assert _add(store, _frame({"timestamp": START.timestamp() - 1e6})).n_stored == 1


def test_apps_events_and_entities_do_not_mix(store: EventStore) -> None:
    frame = _frame({"who": "b"}, {"who": "a"}, {})
    _add(store, frame)
    _add(store, frame.head(1), event="other")

    assert (store.count("app", "e"), store.count("app", "other"), store.count("else", "e")) == (3, 1, 0)
    assert store.entities("app", "e") == ["", "a", "b"]
    assert store.frame("app", SCHEMA, entity="a")[ENTITY].to_list() == ["a"]


def test_frame_takes_a_span_of_time_and_the_newest(store: EventStore) -> None:
    _add(store, _frame(*({"who": "ab"[n % 2]} for n in range(10))))
    second = timedelta(seconds=1)

    span = store.frame("app", SCHEMA, since=START + 2 * second, until=START + 5 * second)
    assert sorted(span["w"]) == [2.0, 3.0, 4.0]
    newest = store.frame("app", SCHEMA, limit=3)
    assert newest["w"].to_list() == [8.0, 7.0, 9.0]
    assert newest[TIME].dtype == RESERVED[TIME]


def test_empty_store_gives_an_empty_checked_frame(store: EventStore) -> None:
    frame = store.frame("app", SCHEMA, columns=("w",))

    assert frame.columns == [ENTITY, TIME, LINE, "w"]
    assert frame.is_empty()
    assert (store.columns("app", SCHEMA), store.entities("app", "e"), store.window("app", "e", "", n=5)) == ((), [], [])


def test_rows_of_another_shape_are_left_out_and_stored_nulls_kept(store: EventStore) -> None:
    cpu = check_rows(
        EventSchema(name="e", columns=(), any_numeric=True),
        rows_from_objects([{"timestamp": 1, "cpu": 0.5}]),
        require_time=True,
    )
    store.add("app", "e", cpu.frame, cpu.columns, source="t", now=NOW)
    _add(store, _frame({"note": '"cpu":'}))

    assert store.columns("app", SCHEMA) == COLUMNS
    assert store.frame("app", SCHEMA)["v"].to_list() == [None]
    assert store.frame("app", SCHEMA, columns=("cpu",))["cpu"].to_list() == [0.5]


def test_row_that_was_stored_without_a_nullable_column_reads_null_there(store: EventStore) -> None:
    _add(store, _frame({}, {}))
    grown = EventSchema(
        name="e",
        columns=(
            *SCHEMA.columns,
            Column(name="later", nullable=True),
            Column(name="name", dtype="str", nullable=True),
            Column(name="list", dtype="floats", nullable=True),
        ),
        entity="who",
    )
    needed = msgspec.structs.replace(grown, columns=(*SCHEMA.columns, Column(name="later")))

    frame = store.frame("app", grown)
    assert frame.select("w", "later", "name", "list").rows() == [(0.0, None, None, None), (1.0, None, None, None)]
    assert frame.schema["name"] == pl.String
    assert frame.schema["list"] == pl.List(pl.Float64)
    assert store.frame("app", grown, columns=("later",)).height == 2
    assert store.frame("app", needed).is_empty()


@pytest.mark.parametrize(
    "changed",
    [
        Column(name="note"),
        Column(name="note", dtype="strs"),
        Column(name="w", dtype="str"),
        Column(name="w", dtype="floats"),
    ],
    ids=repr,
)
def test_column_whose_type_was_changed_is_told(store: EventStore, changed: Column) -> None:
    _add(store, _frame({"note": "a"}))

    with pytest.raises(
        SchemaError, match=r"app/e: column '\w+' has stored values that are not of .* under another name"
    ):
        store.frame("app", EventSchema(name="e", columns=(changed,)))


def test_row_without_event_time_is_not_stored(store: EventStore) -> None:
    checked = check_rows(SCHEMA, rows_from_objects([{"w": 1}]), require_time=False)

    with pytest.raises(SchemaError, match=r"without event time cannot be stored\. Give every row a time"):
        _add(store, checked.frame)


def test_window_is_the_newest_rows_of_one_entity_oldest_first(store: EventStore) -> None:
    _add(store, _frame(*({"who": "ab"[n % 2]} for n in range(10))))

    window = store.window("app", "e", "a", n=3)
    assert [(row.time_s - START.timestamp(), row.values["w"]) for row in window] == [(4, 4.0), (6, 6.0), (8, 8.0)]
    until = store.window("app", "e", "a", n=2, until=START + timedelta(seconds=6))
    assert [row.values["w"] for row in until] == [4.0, 6.0]


def test_window_and_frame_hold_the_same_rows(store: EventStore) -> None:
    _add(store, _frame(*({"v": n / 7} for n in range(20))))

    window = store.window("app", "e", "", n=5)
    frame = store.frame("app", SCHEMA, limit=5)
    assert [[row.values[name] for name in COLUMNS] for row in window] == [
        list(row) for row in frame.select(COLUMNS).rows()
    ]
    assert [row.time_s for row in window] == [at.timestamp() for at in frame[TIME]]


def test_window_does_not_read_the_whole_table(database: Database) -> None:
    plan = database.fetch(f"EXPLAIN QUERY PLAN {WINDOW_QUERY}", ("a", "e", "", 1, "", 1))

    assert len(plan) == 1
    assert plan[0][3].startswith("SEARCH event USING INDEX")
    assert plan[0][3].endswith("(app=? AND event=? AND entity=? AND (at_us,key)<(?,?))")


def test_rows_set_aside_are_kept_with_their_reasons(store: EventStore) -> None:
    rows = [Quarantined(line=n, reason="rate has no value", raw="1,,2") for n in (2, 5)]
    store.quarantine("app", "e", rows, source="a.csv", now=NOW)
    store.quarantine("app", "e", [], source="a.csv", now=NOW)

    assert store.quarantined("app", "e") == rows[::-1]
    assert store.quarantined("app", "e", limit=1) == rows[1:]
    assert store.quarantined("app", "other") == []


@pytest.mark.parametrize("n_rows", [1, 15, 16, 17, 127, 128, 300])
def test_writing_rows_tells_how_many_are_new(database: Database, n_rows: int) -> None:
    frame = _frame(*({} for _ in range(n_rows + 3)))
    rows = list(event_rows(frame, COLUMNS, where="t"))
    origin = origin_of("app", "e", source="t", now=NOW)

    with database.write() as connection:
        told = [write_rows(connection, origin, part) for part in (rows[:n_rows], rows, rows)]

    assert told == [n_rows, 3, 0]
    stored = database.fetch('SELECT entity, at_us, "key", "values", label FROM event ORDER BY id')
    assert stored == rows


def test_threads_that_add_the_same_rows_store_each_once(store: EventStore) -> None:
    frame = _frame(*({} for _ in range(500)))
    results: list[Stored] = []
    threads = [threading.Thread(target=lambda: results.append(_add(store, frame))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sum(result.n_stored for result in results) == 500
    assert sum(result.n_already for result in results) == 1500
    assert store.count("app", "e") == 500


@pytest.mark.slow
def test_process_killed_while_adding_leaves_rows_that_adding_again_completes(tmp_path: Path) -> None:
    path = tmp_path / "events.db"
    program = f"""
from datetime import UTC, datetime
import polars as pl
from telltale.storage.database import open_database
from telltale.telemetry.event_store import EventStore
from telltale.telemetry.frames import *
n = 100_000
times = pl.datetime_range(pl.datetime(2024, 1, 1), pl.datetime(2025, 1, 1), "1s", time_zone="UTC", eager=True).head(n)
frame = pl.DataFrame({{ENTITY: pl.repeat("", n, eager=True), TIME: times, LINE: pl.arange(1, n + 1, eager=True)}})
frame = frame.with_columns(v=pl.col(LINE).cast(float))
store = EventStore(open_database({str(path)!r}, schema="events"))
print("ready", flush=True)
print(store.add("app", "e", frame, ("v",), source="t", now=datetime.now(UTC)), flush=True)
"""
    first = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE)
    assert first.stdout is not None
    first.stdout.readline()
    database = open_database(path, schema="events")
    store = EventStore(database)
    while not store.count("app", "e"):
        time.sleep(0.005)
    first.send_signal(signal.SIGKILL)
    first.wait()
    first.stdout.close()
    n_left = store.count("app", "e")
    second = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True, timeout=60)

    assert 0 < n_left < 100_000
    assert f"n_stored={100_000 - n_left}, n_already={n_left}" in second.stdout.decode()
    frame = store.frame("app", SCHEMA, columns=("v",))
    database.close()
    assert frame["v"].to_list() == [float(n) for n in range(1, 100_001)]
