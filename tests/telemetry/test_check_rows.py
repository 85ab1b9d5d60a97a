"""The check: each rule, with the value, the limit and the mend in its reason."""

import json
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import polars as pl
import pytest

from telltale.contract.errors import SchemaError
from telltale.contract.schema import Column, EventSchema
from telltale.telemetry.csv_rows import parse_csv
from telltale.telemetry.files import RawRows, parse_ndjson, read_rows, rows_from_objects
from telltale.telemetry.frames import ENTITY, KEY, LABEL, LINE, RESERVED, TIME, measured_columns
from telltale.telemetry.validate import Checked, check_rows

SCHEMA = EventSchema(
    name="metrics",
    columns=(
        Column(name="count", dtype="int", low=0),
        Column(name="rate", low=0, high=1),
        Column(name="note", dtype="str", nullable=True),
        Column(name="spare", nullable=True, high=5),
    ),
    time_aliases=("time", "ts"),
    entity="service",
    label="is_anomaly",
    label_aliases=("label",),
    lateness_s=60,
    forbidden=("body",),
)
ANY = EventSchema(
    name="any", columns=(Column(name="count"), Column(name="rate")), any_numeric=True, time_aliases=("time",), entity="service",
    label="is_anomaly", label_aliases=("label",),
)  # fmt: skip
T0 = 1_704_067_200


def _objects(*rows: dict[str, object]) -> RawRows:
    return rows_from_objects([{"timestamp": T0 + n, "count": 1, "rate": 0.5, **row} for n, row in enumerate(rows)])


def _reasons(checked: Checked) -> dict[int, str]:
    return {row.line: row.reason for row in checked.quarantined}


def test_checked_frame_has_the_declared_shape_and_order() -> None:
    raw = parse_csv(
        b"service,timestamp,count,rate,is_anomaly\nb,2024-01-01T00:00:00Z,1,0.5,1\na,1704067201,2,0.25,\na,1704067200,3,1,0\n",
        source="t",
    )
    checked = check_rows(SCHEMA, raw, require_time=True)

    reserved = {name: dtype for name, dtype in RESERVED.items() if name != KEY}
    assert checked.frame.schema == {
        **reserved, "count": pl.Float64(), "rate": pl.Float64(), "note": pl.String(), "spare": pl.Float64(),
    }  # fmt: skip
    assert measured_columns(checked.frame) == checked.columns == ("count", "rate", "note", "spare")
    assert checked.frame[ENTITY].to_list() == ["a", "a", "b"]
    assert checked.frame[LINE].to_list() == [4, 3, 2]
    assert checked.frame[LABEL].to_list() == [0, None, 1]
    assert checked.frame[TIME].to_list()[2] == datetime(2024, 1, 1, tzinfo=UTC)
    assert (checked.quarantined, checked.n_read) == ((), 3)


@pytest.mark.parametrize(
    ("cell", "reason"),
    [
        ({"count": None}, "count has no value"),
        ({"count": "7"}, "count '7' is not a number"),
        ({"count": True}, "count True is not a number"),
        ({"count": [1, 2]}, "count (a list) is not a number"),
        ({"count": 1.5}, "count 1.5 is not a whole number"),
        ({"count": -1}, "count -1 is below the limit 0"),
        ({"count": 10**400}, "count is inf; a finite number is needed"),
        ({"rate": float("nan")}, "rate is NaN; a finite number is needed"),
        ({"rate": float("-inf")}, "rate is -inf; a finite number is needed"),
        ({"rate": 1.25}, "rate 1.25 is above the range 0 to 1"),
        ({"rate": -0.5}, "rate -0.5 is below the range 0 to 1"),
        ({"spare": 6}, "spare 6 is above the limit 5"),
        ({"spare": float("nan")}, "spare is NaN; a finite number is needed"),
        ({"note": 7.5}, "note 7.5 is not text"),
        ({"note": True}, "note True is not text"),
        ({"note": ["a"]}, "note (a list) is not text"),
        ({"timestamp": None}, "timestamp has no value"),
        ({"timestamp": "soon"}, "timestamp 'soon' is not a time; give ISO 8601 or epoch seconds"),
        ({"timestamp": T0 * 1000}, "timestamp 1704067200000 is not epoch seconds; give seconds, not milliseconds"),
        ({"service": True}, "service True is not a name; give text or a number"),
        ({"is_anomaly": 2}, "is_anomaly 2 is not 0 or 1"),
        ({"is_anomaly": "yes"}, "is_anomaly 'yes' is not 0 or 1"),
        ({"is_anomaly": float("nan")}, "is_anomaly nan is not 0 or 1"),
        ({"rate": 2, "count": -3}, "count -3 is below the limit 0; rate 2 is above the range 0 to 1"),
    ],
)
@pytest.mark.parametrize("mixed", [True, False], ids=["among-others", "alone"])
def test_row_that_breaks_a_rule_is_set_aside_with_the_reason(cell: dict[str, object], reason: str, mixed: bool) -> None:
    checked = check_rows(SCHEMA, _objects({}, cell, {}) if mixed else _objects(cell), require_time=True)

    line = 2 if mixed else 1
    assert _reasons(checked) == {line: reason}
    assert checked.frame[LINE].to_list() == ([1, 3] if mixed else [])
    shown = json.loads(checked.quarantined[0].raw)
    assert all(shown[name] == value or str(shown[name]) == str(value) for name, value in cell.items())


@pytest.mark.parametrize(
    ("cell", "reason"),
    [
        (",0.5,", "count has no value"),
        ("x,0.5,", "count 'x' is not a number"),
        ("1_0,0.5,", "count '1_0' is not a number"),
        ("1,NaN,", "rate is NaN; a finite number is needed"),
        ("1,-Infinity,", "rate is -inf; a finite number is needed"),
        ("1,0.5,2", "is_anomaly '2' is not 0 or 1"),
    ],
)
def test_csv_cell_that_breaks_a_rule_is_set_aside_with_its_line(cell: str, reason: str) -> None:
    raw = parse_csv(f"timestamp,count,rate,is_anomaly\n1,1,0.5,0\n2,{cell}\n3,1,0.5,1\n".encode(), source="t")
    checked = check_rows(SCHEMA, raw, require_time=True)

    assert _reasons(checked) == {3: reason}
    assert checked.quarantined[0].raw == f"2,{cell}"
    assert checked.frame[LINE].to_list() == [2, 4]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([0, 1, None], [0, 1, None]),
        ([0.0, 1.0, None], [0, 1, None]),
        ([False, True, None], [0, 1, None]),
        (["0", "1", ""], [0, 1, None]),
        (["0", 1, True], [0, 1, 1]),
    ],
)
def test_labels_are_taken_as_number_text_or_truth(values: list[object], expected: list[int | None]) -> None:
    checked = check_rows(SCHEMA, _objects(*({"label": value} for value in values)), require_time=True)

    assert checked.frame[LABEL].to_list() == expected
    assert checked.quarantined == ()


def test_frame_has_no_label_column_where_the_source_has_none() -> None:
    assert LABEL not in check_rows(SCHEMA, _objects({}), require_time=True).frame.columns


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (["a", None, "007"], ["a", "", "007"]),
        ([3, None, 4], ["3", "", "4"]),
        (["a", 3, None], ["a", "3", ""]),
        ([None, None, None], ["", "", ""]),
        ([3.0, 4.5, None], ["3", "4.5", ""]),
        ([2.0, "a", 2**70], ["2", "a", str(2**70)]),
    ],
)
def test_entity_is_text_and_none_is_the_empty_name(values: list[object], expected: list[str]) -> None:
    checked = check_rows(SCHEMA, _objects(*({"service": value} for value in values)), require_time=True)

    assert checked.frame.sort(LINE)[ENTITY].to_list() == expected


def test_second_row_of_an_entity_and_time_is_a_duplicate_of_the_first_even_with_other_values() -> None:
    raw = _objects(
        {"timestamp": T0, "service": "a"},
        {"timestamp": T0, "service": "b"},
        {"timestamp": T0, "service": "a"},
        {"timestamp": T0, "service": "a", "count": 9},
    )
    checked = check_rows(SCHEMA, raw, require_time=True)

    reason = "duplicate of line 1: same service and timestamp"
    assert _reasons(checked) == {3: reason, 4: reason}


def test_bad_row_does_not_make_a_good_one_a_duplicate() -> None:
    raw = _objects({"timestamp": T0, "count": -1}, {"timestamp": T0})

    assert list(_reasons(check_rows(SCHEMA, raw, require_time=True))) == [1]


def test_time_may_go_back_by_the_lateness_and_no_more() -> None:
    raw = _objects(
        {"timestamp": T0 + 100, "service": "a"},
        {"timestamp": T0 + 40, "service": "a"},
        {"timestamp": T0 + 39.5, "service": "a"},
        {"timestamp": T0, "service": "b"},
        {"timestamp": T0 + 41, "service": "a"},
    )
    checked = check_rows(SCHEMA, raw, require_time=True)

    assert _reasons(checked) == {
        3: "timestamp 2024-01-01T00:00:39.500000Z goes back 60.5 s behind line 1; allowed: 60 s"
    }
    assert checked.frame[LINE].to_list() == [2, 5, 1, 4]


def test_repeat_of_an_old_row_is_told_as_a_duplicate_not_as_late() -> None:
    raw = _objects({"timestamp": T0}, {"timestamp": T0 + 1000}, {"timestamp": T0})

    assert _reasons(check_rows(SCHEMA, raw, require_time=True)) == {3: "duplicate of line 1: same timestamp"}


def test_repeat_of_a_late_row_is_late_too_for_the_first_was_not_taken() -> None:
    raw = _objects({"timestamp": T0 + 1000}, {"timestamp": T0}, {"timestamp": T0})
    reasons = _reasons(check_rows(SCHEMA, raw, require_time=True))

    assert ["goes back" in reason for reason in reasons.values()] == [True, True]


def test_unlimited_lateness_takes_any_order() -> None:
    schema = EventSchema(name="e", columns=(Column(name="v"),), lateness_s=float("inf"))
    raw = rows_from_objects([{"timestamp": 4e9, "v": 1}, {"timestamp": -4e9, "v": 1}])

    assert check_rows(schema, raw, require_time=True).quarantined == ()


def test_missing_column_is_named_with_what_is_there() -> None:
    raw = rows_from_objects([{"timestamp": 1, "count": 1}])

    with pytest.raises(SchemaError, match=r"\['rate'\] are missing; there are \['count', 'timestamp'\]\. Rename"):
        check_rows(SCHEMA, raw, require_time=True)


def test_forbidden_column_refuses_the_whole_source() -> None:
    with pytest.raises(SchemaError, match=r"\['body'\] could hold content.*Remove the columns at the source"):
        check_rows(SCHEMA, _objects({}, {"body": None}), require_time=True)


@pytest.mark.parametrize("name", ["BODY", "Body", " body "])
def test_forbidden_column_is_known_however_it_is_written(name: str) -> None:
    with pytest.raises(SchemaError, match="could hold content"):
        check_rows(SCHEMA, _objects({}, {name: 1}), require_time=True)


def test_rows_set_aside_keep_what_they_were_beside_the_declared_columns_only_where_nothing_is_forbidden() -> None:
    open_schema = msgspec.structs.replace(SCHEMA, forbidden=())
    lines = b'{"timestamp": 1, "count": "x", "rate": 0.5, "remark": "private"}\n{"rate": "private'
    table = b"timestamp,count,rate,remark\n1,x,0.5,private\n2,private\n"

    for raw in (parse_ndjson(lines), parse_csv(table, source="t")):
        kept = [row.raw for row in check_rows(SCHEMA, raw, require_time=True).quarantined]
        whole = [row.raw for row in check_rows(open_schema, raw, require_time=True).quarantined]

        assert len(kept) == 2
        assert "x" in kept[0]
        assert "private" not in "".join(kept)
        assert all("private" in text for text in whole)


def test_time_is_needed_where_asked_for_and_null_where_not() -> None:
    raw = rows_from_objects([{"count": 1, "rate": 0.5}] * 2)

    with pytest.raises(SchemaError, match=r"\['timestamp'\] are missing"):
        check_rows(SCHEMA, raw, require_time=True)
    checked = check_rows(SCHEMA, raw, require_time=False)
    assert checked.frame[TIME].to_list() == [None, None]
    assert checked.quarantined == ()


def test_alias_is_used_where_the_time_column_is_absent_and_ignored_beside_it() -> None:
    both = rows_from_objects([{"timestamp": T0, "time": "x", "count": 1, "rate": 0.5}])
    alias = rows_from_objects([{"time": T0, "count": 1, "rate": 0.5}])

    assert check_rows(SCHEMA, both, require_time=True).ignored == {"time": "is an alias of timestamp"}
    assert check_rows(SCHEMA, alias, require_time=True).frame[TIME].null_count() == 0


def test_columns_that_are_not_declared_are_ignored_and_named() -> None:
    checked = check_rows(SCHEMA, _objects({"extra": 1}), require_time=True)

    assert checked.ignored == {"extra": "is not a column of metrics"}


def test_without_declared_columns_every_numeric_one_is_measured_constants_too() -> None:
    raw = parse_csv(
        b"timestamp,service,cpu,text,flat,broken,empty,label\n1,a,0.5,x,7,1,,0\n2,a,0.6,y,7,oops,,1\n3,a,0.7,3,7,2,,0\n",
        source="t",
    )
    checked = check_rows(ANY, raw, require_time=True)

    assert checked.columns == ("cpu", "flat", "broken")
    assert checked.ignored == {
        "text": "is not numeric (1 of 3 values are numbers)",
        "empty": "has no value",
    }
    assert _reasons(checked) == {3: "broken 'oops' is not a number"}


def test_times_under_a_name_that_is_none_of_times_are_told_apart_from_texts() -> None:
    raw = parse_csv(b"Date,host,cpu\n2024-01-01 00:00,web,3.5\n2024-01-01 00:05,web,4.5\n", source="t")

    assert check_rows(ANY, raw, require_time=False).ignored == {
        "Date": "holds times, and counts as none: name it 'timestamp', or give --map",
        "host": "is not numeric (0 of 2 values are numbers)",
    }


def test_one_declared_column_present_means_the_declared_shape() -> None:
    with pytest.raises(SchemaError, match=r"\['rate'\] are missing"):
        check_rows(ANY, rows_from_objects([{"timestamp": 1, "count": 1, "cpu": 2}]), require_time=True)


def test_source_without_numbers_is_refused() -> None:
    with pytest.raises(SchemaError, match=r"no column holds numbers.*Give the columns \['count', 'rate'\], or others"):
        check_rows(ANY, rows_from_objects([{"timestamp": 1, "name": "x", "up": True}]), require_time=True)


def test_columns_of_a_version_are_required_exactly() -> None:
    raw = rows_from_objects([{"timestamp": 1, "cpu": 1, "disk": 2}, {"timestamp": 2, "cpu": 1, "disk": None}])
    checked = check_rows(ANY, raw, columns=("disk",), require_time=True)

    assert checked.columns == ("disk",)
    assert checked.ignored == {"cpu": "is not a column of this version"}
    assert _reasons(checked) == {2: "disk has no value"}
    with pytest.raises(SchemaError, match=r"\['net'\] are missing"):
        check_rows(ANY, raw, columns=("disk", "net"), require_time=True)


def test_every_row_read_is_taken_or_set_aside(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("timestamp,count,rate\n1,1,0.5\n1,1\n1,1,0.5\n\n2,x,0.5\n3,1,0.5\n")
    checked = check_rows(SCHEMA, read_rows(path), require_time=True)

    assert (len(checked.frame), [row.line for row in checked.quarantined], checked.n_read) == (2, [3, 4, 6], 5)


def test_raw_frame_is_left_as_it_was() -> None:
    raw = _objects({}, {"count": -1})
    before = raw.frame.clone()
    check_rows(SCHEMA, raw, require_time=True)

    assert raw.frame.equals(before)


def test_row_set_aside_is_kept_short() -> None:
    checked = check_rows(SCHEMA, _objects({"note": "x" * 10_000, "count": -1}), require_time=True)

    assert len(checked.quarantined[0].raw) == 1_000


@pytest.mark.parametrize("data", [b"timestamp,count,rate\n", b"timestamp,count,rate\n1\n"])
def test_source_without_good_rows_gives_an_empty_frame(data: bytes) -> None:
    checked = check_rows(SCHEMA, parse_csv(data, source="t"), require_time=True)

    assert checked.frame.is_empty()
    assert checked.frame.schema["count"] == pl.Float64
