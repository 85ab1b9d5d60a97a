"""The quick way takes what the general way takes, and only that: the same rows, in the same order, to the byte."""

import json
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from telltale.contract.errors import TelltaleError
from telltale.contract.schema import Column, EventSchema
from telltale.home.apps import installed_apps
from telltale.telemetry.clean_rows import CleanReader
from telltale.telemetry.event_rows import EventRow, event_rows
from telltale.telemetry.request_bodies import read_objects
from telltale.telemetry.validate import check_rows
from telltale.telemetry.values import LONGEST_ENTITY

EVENTS = {f"{app.name}/{event.name}": event for app in installed_apps().values() for event in app.events}
LENIENT = EventSchema(
    name="lenient",
    columns=(Column(name="load", low=-1.0), Column(name="note", dtype="str", nullable=True)),
    entity="who",
    label="is_bad",
    key=("note",),
    lateness_s=10.0,
    any_numeric=True,
)
EVENTS["lenient"] = LENIENT
READERS = {name: CleanReader(event) for name, event in EVENTS.items()}
Row = dict[str, Any]


def _general(event: EventSchema, body: bytes) -> list[EventRow] | None:
    """What the general way stores of a body of which it refuses nothing; None for any other body."""
    try:
        checked = check_rows(event, read_objects(body), require_time=True)
    except TelltaleError:
        return None
    if checked.quarantined or checked.ignored:
        return None
    return list(event_rows(checked.frame, checked.columns, where="t"))


@dataclass(frozen=True)
class Number:
    """A number as it is spelt."""

    text: str


NUMBERS = st.one_of(
    st.floats(0, 1).map(repr),
    st.integers(0, 20).map(str),
    st.floats(allow_nan=False, allow_infinity=False, width=32).map(repr),
    st.integers(-(2**70), 2**70).map(str),
    st.sampled_from(
        ["-0", "-0.0", "0.1e1", "1E2", "9007199254740993", "1e308", "1e-400", "23.0", f"1{'0' * 320}", "1e999"]
    ),
).map(Number)
TEXTS = st.one_of(st.text(max_size=6), st.sampled_from(["a", "b", "read", "letter", 'a "quoted" text', "ü", "\0", "1"]))
ODD_TIMES: list[Any] = [
    "2024-03-01T10:00:00", "2024-03-01", "2024-03-01T10:00", "20240301T100000", "2024-W01-1T00:00:00Z", "1700000000",
    "2024-03-01T10:00:00.1234567Z", "2024-03-01T10:00:00+0100", "2024-03-01T10:00:00+05:99", "2024-13-01T10:00:00Z",
    "0001-01-01T00:00:00+02:00", "9999-12-31T23:59:59-02:00", "2024-02-30T00:00:00Z", " 2024-03-01T10:00:00Z", "soon",
    1_704_067_200_000, -62_135_596_801, 1e11, True, None,
]  # fmt: skip
TIMES = st.one_of(
    st.integers(0, 40),
    st.floats(1.7e9, 1.7e9 + 40).map(lambda at: round(at, 4)),
    st.integers(0, 59).map("2024-03-01T10:00:{:02d}Z".format),
    st.integers(0, 59).map("2024-03-01 10:00:{:02d}.25+01:00".format),
    st.sampled_from(ODD_TIMES),
)
ANYTHING = st.one_of(st.none(), st.booleans(), NUMBERS, TEXTS, st.lists(NUMBERS, max_size=2), st.just({"a": 1}))


def _good(column: Column) -> st.SearchStrategy[Any]:
    numbers = st.one_of(
        st.floats(column.low or 0.0, min(column.high or 1e6, 1e6)),
        st.sampled_from([column.low or 0.0, column.high or 1.0]),
        st.integers(int(column.low or 0) + 1, int(column.high or 9)) if (column.high or 9) >= 1 + (column.low or 0) else st.just(1),
    )  # fmt: skip
    texts = st.sampled_from(column.allowed) if column.allowed else TEXTS
    kinds: dict[str, st.SearchStrategy[Any]] = {
        "float": numbers,
        "int": st.integers(0, 599),
        "str": texts,
        "floats": st.lists(numbers, max_size=3),
        "strs": st.lists(texts, max_size=3),
    }
    return kinds[column.dtype]


@st.composite
def bodies(draw: st.DrawFn, event: EventSchema) -> bytes:
    """A body: mostly clean rows, and now and then something in it that is not."""
    rows = [_row(draw, event, at) for at in range(draw(st.integers(1, 5)))]
    if draw(st.booleans()):
        for _ in range(draw(st.integers(0, 2))):
            row = draw(st.sampled_from(rows))
            fault = draw(st.sampled_from(["value", "absent", "extra", "again"]))
            name = draw(st.sampled_from(list(row)))
            if fault == "value":
                row[name] = draw(TIMES if name == event.time else ANYTHING)
            elif fault == "absent" and len(row) > 1:
                del row[name]
            elif fault == "extra":
                row[draw(st.sampled_from(["time", "other", "label", "is_anomaly", "Unnamed: 0", "@time"]))] = 1
            else:
                rows.append(dict(row))
    texts = [_spell(row) for row in rows]
    if draw(st.integers(0, 9)) == 0:
        texts[0] = texts[0].replace("{", '{"timestamp": 3, ', 1)  # named twice
    shape = draw(st.sampled_from(["list", "lines", "lines", "one line", "over lines"]))
    if shape == "list":
        return f"[{','.join(texts)}]".encode()
    between = {"lines": draw(st.sampled_from(["\n", "\r\n", "\n\n", " \n"])), "one line": " ", "over lines": "\n"}[
        shape
    ]
    if shape == "over lines":
        texts = [text.replace(", ", ",\n", 1) for text in texts]
    ends = draw(st.sampled_from([("", ""), ("", "\n"), ("\n", ""), ("\ufeff", ""), (" ", " ")]))
    return (ends[0] + between.join(texts) + ends[1]).encode()


def _row(draw: st.DrawFn, event: EventSchema, at: int) -> Row:
    row: Row = {event.time: draw(st.one_of(st.just(1_700_000_000 + at), st.just(1_700_000_000 - 900.5 * at), TIMES))}
    if event.entity and draw(st.booleans()):
        row[event.entity] = draw(st.one_of(TEXTS, st.none(), st.just("x" * LONGEST_ENTITY), st.just("x" * 513)))
    if event.label and draw(st.booleans()):
        row[event.label] = draw(st.sampled_from([0, 1, None]))
    for column in event.columns:
        if column.nullable and draw(st.booleans()):
            if draw(st.booleans()):
                row[column.name] = None
        else:
            row[column.name] = draw(_good(column))
    return row


def _spell(row: Row) -> str:
    parts = [f"{json.dumps(name)}: {_spell_value(value)}" for name, value in row.items()]
    return "{" + ", ".join(parts) + "}"


def _spell_value(value: object) -> str:
    if isinstance(value, list):
        return f"[{', '.join(map(_spell_value, value))}]"
    return value.text if isinstance(value, Number) else json.dumps(value)


@pytest.mark.parametrize("name", EVENTS)
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_what_the_quick_way_takes_the_general_way_stores_to_the_byte(name: str, data: st.DataObject) -> None:
    event = EVENTS[name]
    body = data.draw(bodies(event))

    quick = READERS[name].read(body)

    assert quick is None or quick == _general(event, body)


def _ordinary(event: EventSchema) -> list[Row]:
    """Some rows as they usually are."""
    rows: list[Row] = [{event.time: f"2024-03-01T10:{minute:02d}:00Z"} for minute in range(40)]
    for number, row in enumerate(rows):
        if event.entity:
            row[event.entity] = f"e{number % 3}"
        for column in event.columns:
            text = column.allowed[number % len(column.allowed)] if column.allowed else f"x{number}"
            value = (column.low or 0.0) + (0.0 if column.high is not None else number)
            kinds: dict[str, object] = {"str": text, "strs": [text], "floats": [value]}
            row[column.name] = kinds.get(column.dtype, value)
    return rows


@pytest.mark.parametrize("shape", ["list", "lines", "one"])
@pytest.mark.parametrize("name", EVENTS)
def test_ordinary_bodies_go_the_quick_way(name: str, shape: str) -> None:
    rows = _ordinary(EVENTS[name])
    lines = [json.dumps(row) for row in rows]
    body = {"list": json.dumps(rows), "lines": "\n".join(lines) + "\n", "one": lines[0]}[shape].encode()

    taken = READERS[name].read(body)

    assert taken is not None
    assert taken == _general(EVENTS[name], body)
    assert len(taken) == (1 if shape == "one" else 40)


LOAD: Row = {"timestamp": 1_700_000_000, "who": "a", "load": 1.0, "note": "n"}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"7",
        b'{"timestamp": 1700000000, "load": 1, "load": 2}',
        b'{"timestamp": 1700000000, "load": 1, "l\\u006fad": 2}',
        b'{"timestamp": 1700000000, "load": 1} {"timestamp": 1700000001, "load": 1}',
        b'{"timestamp": 1700000000,\n"load": 1}\n{"timestamp": 1700000001, "load": 1}',
        *(json.dumps([LOAD | {"timestamp": 1_700_000_000 + at} for at in times]).encode() for times in ([0, 0], [20, 0])),
        *(json.dumps(LOAD | one).encode() for one in ({"load": -2}, {"load": None}, {"load": "1"}, {"other": 1}, {"who": "a\0"})),
    ],
)  # fmt: skip
def test_whatever_is_doubtful_goes_the_general_way(body: bytes) -> None:
    assert READERS["lenient"].read(body) is None


@pytest.mark.parametrize(
    "schema",
    [
        EventSchema(name="e", columns=(Column(name="load", nullable=True),), any_numeric=True),
        EventSchema(name="e", columns=(Column(name="load"), Column(name="timestamp"))),
        EventSchema(name="e", columns=(Column(name="load"),), key=("place",)),
        EventSchema(name="e", columns=(Column(name="@load"),)),
    ],
)
def test_events_that_a_struct_cannot_say_all_of_go_the_general_way(schema: EventSchema) -> None:
    assert CleanReader(schema).read(json.dumps({"timestamp": 1, schema.columns[0].name: 1}).encode()) is None


@pytest.mark.parametrize(
    "stamp", [*ODD_TIMES, 16.690_63, 520.938_418, 1_700_000_000.000_001, 1_700_000_000.123_457, 0.000_000_5, -1.5, 1e11]
)
def test_a_time_is_read_alike_or_left_to_the_general_way(stamp: object) -> None:
    body = json.dumps([{"timestamp": stamp, "load": 1}]).encode()

    taken = READERS["lenient"].read(body)

    assert taken is None or taken == _general(LENIENT, body)


def test_a_whole_number_is_one() -> None:
    request = {"timestamp": 1, "response_time": 1, "request_size": 1, "error_count": 0}
    reader = READERS["storefront/request"]

    assert reader.read(json.dumps(request | {"status": 404.0}).encode()) is not None
    assert reader.read(json.dumps(request | {"status": 404.5}).encode()) is None
