import json
from datetime import UTC, datetime
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from telltale.contract.answer import RowValue
from telltale.contract.errors import SchemaError, TelltaleError, UsageError
from telltale.contract.schema import Column, EventSchema
from telltale.serve.http.body_times import parse_time
from telltale.serve.predict.bodies import BodyReader
from telltale.telemetry.times import parse_times

SCHEMA = EventSchema(
    name="sample",
    columns=(
        Column(name="load", low=0.0, unit="jobs"),
        Column(name="share of errors", low=0.0, high=1.0),
        Column(name="gap", nullable=True),
    ),
    time_aliases=("time", "ts"),
    entity="device",
    any_numeric=True,
)
READER = BodyReader(SCHEMA, ("load", "share of errors"))
GOOD = {"load": 3, "share of errors": 0.5}


def _row(**changes: Any) -> tuple[tuple[RowValue, ...], float | None, str | None, bool]:
    found = READER.row(json.dumps(GOOD | changes).encode())
    assert found is not None
    return found


def test_values_come_in_the_order_of_the_version_as_floats() -> None:
    values, time_s, entity, explain = _row(other="ignored")

    assert values == (3.0, 0.5)
    assert all(type(value) is float for value in values)
    assert (time_s, entity, explain) == (None, None, False)


@pytest.mark.parametrize("key", ["timestamp", "time", "ts"])
def test_the_time_is_found_under_each_of_its_names(key: str) -> None:
    assert _row(**{key: "2024-01-01T00:00:01Z"})[1] == 1_704_067_201.0


@pytest.mark.parametrize("key", ["device", "entity"])
def test_the_entity_is_found_under_each_of_its_names(key: str) -> None:
    assert _row(**{key: "router-1"})[2] == "router-1"


def test_a_column_may_have_the_name_of_an_option() -> None:
    reader = BodyReader(SCHEMA, ("explain", "entity"))

    assert reader.row(b'{"explain": 1, "entity": 2, "device": "x"}') == ((1.0, 2.0), None, "x", False)


@pytest.mark.parametrize(
    ("body", "error", "words"),
    [
        (b"", UsageError, "not JSON"),
        (b"{", UsageError, "not JSON"),
        (b'{"load": NaN, "share of errors": 0}', SchemaError, "load: load is NaN. Send a finite number"),
        (b'{"load": 1, "share of errors": 0, "device": "\xff"}', UsageError, "not JSON"),
        (b'{"x":' + b"[" * 100_000 + b"]" * 100_000 + b"}", UsageError, "not JSON"),
        (b"[]", SchemaError, "one object with a number for each column"),
        (b'{"load": 1, "x": 2}', SchemaError, r"\['share of errors'\] are missing; there are \['load', 'x'\]"),
        (b'{"load": -1, "share of errors": 0}', SchemaError, "load is -1. Send a number of at least 0 in jobs"),
        (b'{"load": 1, "share of errors": 1.5}', SchemaError, "share of errors is 1.5. Send a number from 0 to 1"),
        (
            b'{"load": 1e19, "share of errors": 1}',
            SchemaError,
            r"load is 1e\+19. Send a number from 0 to 1e\+18 in jobs",
        ),
        (b'{"load": "3", "share of errors": 1}', SchemaError, 'load is "3". Send a number'),
        (b'{"load": true, "share of errors": 1}', SchemaError, "load is true. Send a number"),
        (b'{"load": 1e999, "share of errors": 1}', SchemaError, "load is 1e999. Send a finite number"),
        (b'{"load": 1, "share of errors": 1, "timestamp": "soon"}', SchemaError, "'soon' is not a time. Give ISO 8601"),
        (b'{"load": 1, "share of errors": 1, "time": 1704067200000}', SchemaError, "Give seconds, not milliseconds"),
        (b'{"load": 1, "share of errors": 1, "timestamp": []}', SchemaError, "timestamp"),
        (b'{"load": 1, "share of errors": 1, "device": 7.5}', SchemaError, "device"),
        (b'{"load": 1, "share of errors": 1, "device": true}', SchemaError, "device"),
    ],
)
def test_a_body_that_does_not_fit_is_told_what_where_and_the_mend(
    body: bytes, error: type[TelltaleError], words: str
) -> None:
    with pytest.raises(error, match=words):
        READER.row(body)


def test_what_the_plan_fills_may_be_null_or_left_out_and_nothing_else() -> None:
    reader = BodyReader(SCHEMA, ("load", "gap"), nullable=frozenset({"gap"}))

    assert reader.row(b'{"load": 1}') == ((1.0, None), None, None, False)
    assert reader.row(b'{"load": 1, "gap": null}') == ((1.0, None), None, None, False)
    window = reader.window(b'{"rows": [{"load": 1, "gap": 2}, {"load": 1, "gap": null}]}')
    assert window.rows == ((1.0, 2.0), (1.0, None))
    with pytest.raises(SchemaError, match=r"columns \['load'\] are missing; there are \['gap'\]"):
        reader.row(b'{"gap": 1}')


@pytest.mark.parametrize("body", [b'{"load": 1}', b'{"load": 1, "gap": null}', b'{"rows": [{"load": 1}]}'])
def test_a_column_that_no_plan_fills_is_needed_even_where_the_event_may_lack_it(body: bytes) -> None:
    reader = BodyReader(SCHEMA, ("load", "gap"))

    with pytest.raises(SchemaError, match="gap"):
        _ = reader.row(body) or reader.window(body)


def test_a_row_without_any_value_is_none_though_every_column_may_lack_one() -> None:
    reader = BodyReader(SCHEMA, ("load", "gap"), nullable=frozenset({"load", "gap"}))

    with pytest.raises(SchemaError, match="at least one of them"):
        reader.row(b'{"device": "a", "load": null}')
    assert reader.row(b'{"rows": [{"load": 1}]}') is None


@pytest.mark.parametrize(
    ("body", "alone"),
    [
        (b'{"device": "a"}', ("a", False)),
        (b'{"entity": "a", "explain": true}', ("a", True)),
        (b'{"device": 7}', ("7", False)),
        (b'{"device": "a", "timestamp": 1}', None),
        (b'{"device": "a", "entity": "a"}', None),
        (b'{"device": "a", "explain": 1}', None),
        (b'{"device": true}', None),
        (b'{"device": null}', None),
        (b'{"load": 1}', None),
        (b"{}", None),
        (b'["device"]', None),
        (b"{", None),
    ],
)
def test_a_body_with_an_entity_alone_is_told_from_all_others(body: bytes, alone: tuple[str, bool] | None) -> None:
    assert READER.entity_alone(body) == alone


def test_an_entity_may_be_a_number() -> None:
    assert _row(device=7)[2] == "7"
    assert READER.window(json.dumps({"rows": [GOOD | {"device": 7}]}).encode()).entity == "7"


def test_a_window_keeps_rows_times_and_the_entity() -> None:
    rows = [GOOD | {"timestamp": 10.0, "device": "a"}, GOOD | {"ts": 20, "load": 9}]
    body = json.dumps({"rows": rows, "explain": True}).encode()

    assert READER.row(body) is None
    with pytest.raises(SchemaError, match="several entities"):
        READER.window(body)
    window = READER.window(json.dumps({"rows": rows, "device": "a", "explain": True}).encode())
    assert (window.rows, window.times) == (((3.0, 0.5), (9.0, 0.5)), (10.0, 20.0))
    assert (window.entity, window.explain) == ("a", True)


@pytest.mark.parametrize(
    "rows",
    [
        [],
        [GOOD | {"timestamp": 2}, GOOD | {"timestamp": 1}],
        [GOOD | {"timestamp": 2}, GOOD],
        [GOOD | {"device": "a"}, GOOD | {"device": "b"}],
    ],
)
def test_rows_that_are_no_window_are_refused(rows: list[dict[str, object]]) -> None:
    with pytest.raises(SchemaError, match="consecutive rows of one entity, oldest first"):
        READER.window(json.dumps({"rows": rows}).encode())


def test_a_fault_inside_a_window_names_the_row() -> None:
    body = json.dumps({"rows": [GOOD, GOOD | {"load": -2}]}).encode()

    with pytest.raises(SchemaError, match=r"rows\[1\].load: load is -2"):
        READER.window(body)


@given(load=st.floats(), share=st.floats(), extra=st.text(max_size=5))
def test_what_passes_is_within_the_declared_ranges_and_what_does_not_is_a_schema_error(
    load: float, share: float, extra: str
) -> None:
    body = json.dumps({"load": load, "share of errors": share, "x" + extra: extra}).encode()
    is_good = 0 <= load <= 1e18 and 0 <= share <= 1

    try:
        found = READER.row(body)
    except TelltaleError:
        assert not is_good
    else:
        assert found is not None
        assert found[0] == (load, share)
        assert is_good


_FORMATS = st.sampled_from(
    ["%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S.%f+05:30", "%Y-%m-%dT%H:%M", "%Y-%m-%d", "%Y%m%d", "%G-W%V-%u"]
)  # fmt: skip


@given(at=st.datetimes(datetime(1950, 1, 1), datetime(2200, 1, 1)), shape=_FORMATS)  # noqa: DTZ001 - naive by intent
def test_times_are_read_as_in_files(at: datetime, shape: str) -> None:
    text = at.strftime(shape)
    in_files = parse_times(pl.Series([text]))[0]

    try:
        seconds = parse_time(text)
    except SchemaError:
        assert in_files is None
    else:
        assert abs(seconds - in_files.timestamp()) < 1e-5


@pytest.mark.parametrize(
    "value", [-1e12, "0001-01-01T00:00:00+23:00", "9999-12-31T23:59:59-23:00", "2024-13-01", "nan"]
)
def test_a_time_that_no_calendar_holds_is_refused(value: str | float) -> None:
    with pytest.raises(SchemaError, match="Give ISO 8601 or epoch seconds"):
        parse_time(value)


def test_naive_times_are_utc() -> None:
    assert parse_time("2024-12-01T14:30:22") == datetime(2024, 12, 1, 14, 30, 22, tzinfo=UTC).timestamp()
