"""Texts, lists and their rules, from JSON, CSV and frames alike."""

import json
import math
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from telltale.contract.schema import Column, EventSchema
from telltale.telemetry.csv_rows import parse_csv
from telltale.telemetry.files import RawRows, rows_from_objects
from telltale.telemetry.frames import ENTITY, LINE
from telltale.telemetry.list_values import parse_lists
from telltale.telemetry.validate import Checked, check_rows

SCHEMA = EventSchema(
    name="session",
    columns=(
        Column(name="holds", dtype="floats", low=0, high=10),
        Column(name="classes", dtype="strs", allowed=("letter", "digit")),
        Column(name="gaps", dtype="floats", nullable=True),
        Column(name="item", dtype="str", nullable=True),
        Column(name="kind", dtype="str", nullable=True, allowed=("view", "buy")),
    ),
    entity="who",
)
GOOD: dict[str, object] = {"timestamp": 1, "holds": [1, 2.5], "classes": ["letter"]}


def _reasons(checked: Checked) -> dict[int, str]:
    return {row.line: row.reason for row in checked.quarantined}


def _objects(*cells: dict[str, object]) -> RawRows:
    return rows_from_objects([{**GOOD, "timestamp": n, **cell} for n, cell in enumerate(cells)])


def test_lists_and_texts_have_their_types_in_a_checked_frame() -> None:
    checked = check_rows(SCHEMA, _objects({}, {"holds": [], "item": "a"}), require_time=True)

    assert checked.frame.drop(LINE, "@time").to_dict(as_series=False) == {
        ENTITY: ["", ""], "holds": [[1.0, 2.5], []], "classes": [["letter"], ["letter"]], "gaps": [None, None],
        "item": [None, "a"], "kind": [None, None],
    }  # fmt: skip
    assert dict(checked.frame.select("holds", "classes", "gaps", "item").schema) == {
        "holds": pl.List(pl.Float64), "classes": pl.List(pl.String), "gaps": pl.List(pl.Float64), "item": pl.String(),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("cell", "reason"),
    [
        ({"holds": None}, "holds has no value"),
        ({"holds": 7}, "holds 7 is not a list of numbers"),
        ({"holds": "[1]"}, "holds '[1]' is not a list of numbers"),
        ({"holds": {"a": 1}}, "holds (an object) is not a list of numbers"),
        ({"holds": [1, "2"]}, "holds[1] '2' is not a number"),
        ({"holds": [True]}, "holds[0] True is not a number"),
        ({"holds": [1, [2]]}, "holds[1] (a list) is not a number"),
        ({"holds": [1, None]}, "holds[1] has no value"),
        ({"gaps": [None]}, "gaps[0] has no value"),
        ({"gaps": [1, float("nan")]}, "gaps[1] is NaN; a finite number is needed"),
        ({"gaps": [10**400]}, "gaps[0] is inf; a finite number is needed"),
        ({"holds": [1, -1, 99]}, "holds[1] -1 is below the range 0 to 10"),
        ({"holds": [1, 99, -1]}, "holds[1] 99 is above the range 0 to 10"),
        ({"classes": ["letter", "sign"]}, "classes[1] 'sign' is not one of 'letter', 'digit'"),
        ({"classes": ["letter", 1.5]}, "classes[1] 1.5 is not text"),
        ({"classes": "letter"}, "classes 'letter' is not a list of texts"),
        ({"kind": "gaze"}, "kind 'gaze' is not one of 'view', 'buy'"),
        ({"item": 1.5}, "item 1.5 is not text"),
        ({"kind": "gaze", "holds": [-1]}, "holds[0] -1 is below the range 0 to 10; kind 'gaze' is not one of 'view', 'buy'"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("mixed", [True, False], ids=["among-others", "alone"])
def test_cell_that_breaks_a_rule_is_set_aside_with_its_place(cell: dict[str, object], reason: str, mixed: bool) -> None:
    checked = check_rows(SCHEMA, _objects({}, cell, {}) if mixed else _objects(cell), require_time=True)

    assert _reasons(checked) == {2 if mixed else 1: reason}
    assert len(checked.frame) == (2 if mixed else 0)


def test_csv_holds_lists_as_json_text() -> None:
    raw = parse_csv(
        b'timestamp,holds,classes,gaps,item\n1,"[1, 2.5]","[""letter""]",,007\n2,"[1,",[],[],\n3,NaN,[],[],\n4,[],[],x,\n',
        source="t",
    )
    checked = check_rows(SCHEMA, raw, require_time=True)

    assert checked.frame.select("holds", "classes", "gaps", "item").rows() == [([1.0, 2.5], ["letter"], None, "007")]
    assert _reasons(checked) == {
        3: "holds '[1,' is not a list of numbers in JSON",
        4: "holds 'NaN' is not a list of numbers in JSON",
        5: "gaps 'x' is not a list of numbers in JSON",
    }


@pytest.mark.parametrize("dtype", [pl.Int64, pl.UInt8, pl.Float64, pl.Float32, pl.Object])
def test_whole_numbers_are_names(dtype: Any) -> None:
    values = [7, None, 8]
    series = pl.Series("item", [v if v is None or dtype != pl.Float64 else float(v) for v in values], dtype=dtype)
    frame = pl.DataFrame({"timestamp": [1, 2, 3], "holds": [[1]] * 3, "classes": [["digit"]] * 3, LINE: [1, 2, 3]})
    raw = RawRows(frame=frame.with_columns(series, series.alias("who")), source="t")
    checked = check_rows(SCHEMA, raw, require_time=True)

    assert checked.quarantined == ()
    assert checked.frame.sort(LINE)["item"].to_list() == ["7", None, "8"]
    assert checked.frame.sort(LINE)[ENTITY].to_list() == ["7", "", "8"]


def test_whole_numbers_among_names_in_a_list_are_names() -> None:
    column = Column(name="items", dtype="strs")

    assert parse_lists(pl.Series([["a", 7, 8.0]], dtype=pl.Object), column, is_text=False).values.to_list() == [
        ["a", "7", "8"]
    ]
    assert parse_lists(pl.Series([[7, 8]]), column, is_text=False).values.to_list() == [["7", "8"]]


def test_categories_are_texts() -> None:
    frame = pl.DataFrame({**GOOD, "holds": [[1.0]], "classes": [["digit"]], LINE: [1]})
    raw = RawRows(frame=frame.with_columns(kind=pl.Series(["buy"], dtype=pl.Categorical)), source="t")

    assert check_rows(SCHEMA, raw, require_time=True).frame["kind"].to_list() == ["buy"]


def test_a_version_may_want_some_columns_and_nullable_ones_may_be_absent() -> None:
    raw = rows_from_objects([{"timestamp": 1, "holds": [1], "item": "a"}])
    checked = check_rows(SCHEMA, raw, columns=("gaps", "kind", "holds"), require_time=True)

    assert checked.columns == ("gaps", "kind", "holds")
    assert checked.frame.select(checked.columns).rows() == [(None, None, [1.0])]
    assert checked.ignored == {"item": "is not a column of this version"}


_INSIDE = st.sampled_from([0, 1.5, 10, -1, 11, 2, 2.5, None, math.nan, math.inf, "x", True])
_CELLS = st.lists(
    st.none() | st.just(3) | st.lists(_INSIDE, max_size=4) | st.lists(st.floats(0, 10), max_size=4), max_size=8
)


def _oracle(cell: object) -> int | None:
    """The position of the first fault, -1 for the cell as a whole; None where there is none."""
    if not isinstance(cell, list):
        return -1
    of_wrong_kind = [i for i, value in enumerate(cell) if isinstance(value, bool) or not isinstance(value, int | float)]
    strange = [i for i, value in enumerate(cell) if i in of_wrong_kind or not 0 <= value <= 10]
    return next(iter(of_wrong_kind or strange), None)


@given(_CELLS)
def test_parsing_of_lists_agrees_with_plain_python(cells: list[object]) -> None:
    column = SCHEMA.columns[0]
    parsed = parse_lists(pl.Series("holds", cells, dtype=pl.Object), column, is_text=False)

    for index, cell in enumerate(cells):
        position = _oracle(cell)
        if position is None:
            assert index not in parsed.faults
            assert parsed.values[index].to_list() == cell
        else:
            assert parsed.faults[index].startswith("holds " if position < 0 else f"holds[{position}] ")


@given(
    st.lists(st.lists(st.sampled_from([0.0, 1.5, 10.0, -1.0, 11.0, math.nan, math.inf, None]), max_size=4), max_size=8)
)
def test_lists_of_a_frame_are_parsed_as_those_of_json(cells: list[list[float | None]]) -> None:
    column = SCHEMA.columns[0]
    native = parse_lists(pl.Series("holds", cells, dtype=pl.List(pl.Float64)), column, is_text=False)

    for index, cell in enumerate(cells):
        alone = parse_lists(pl.Series("holds", [cell], dtype=pl.Object), column, is_text=False)
        assert (index in native.faults) == bool(alone.faults)
        texts = [None if value is None else str(value) for value in cell]
        if not alone.faults and None not in texts:
            assert native.values[index].to_list() == json.loads(json.dumps(cell))
