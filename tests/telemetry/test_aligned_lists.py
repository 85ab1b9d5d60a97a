"""Lists of a row that say something of the same things are equally long, whichever way the row comes."""

import msgspec

from telltale.contract.schema import Column, EventSchema
from telltale.telemetry.clean_rows import CleanReader
from telltale.telemetry.raw_rows import rows_from_objects
from telltale.telemetry.validate import check_rows

SCHEMA = EventSchema(
    name="session",
    columns=(
        Column(name="began", dtype="floats"),
        Column(name="kinds", dtype="strs"),
        Column(name="free", dtype="floats", nullable=True),
    ),
    aligned=("began", "kinds"),
    entity="who",
    label=None,
)


def row(number: int, **changed: object) -> dict[str, object]:
    return {"who": "a", "timestamp": 1.7e9 + number, "began": [0.0, 1.0], "kinds": ["x", "y"], "free": [5.0]} | changed


def test_a_row_of_unequal_lists_is_set_aside_with_the_counts_and_the_others_stay() -> None:
    rows = [row(0), row(1, began=[0.0]), row(2, began=[], kinds=[]), row(3, kinds=["x", "y", "z"]), row(4, free=None)]

    checked = check_rows(SCHEMA, rows_from_objects(rows), require_time=True)

    assert [(bad.line, bad.reason) for bad in checked.quarantined] == [
        (2, "1 began, 2 kinds: there must be as many of each"),
        (4, "2 began, 3 kinds: there must be as many of each"),
    ]
    assert checked.frame.height == 3


def test_a_list_that_is_missing_has_that_reason_alone() -> None:
    checked = check_rows(SCHEMA, rows_from_objects([row(0), row(1, began=None)]), require_time=True)

    assert [bad.reason for bad in checked.quarantined] == ["began has no value"]


def test_the_quick_way_takes_rows_of_equal_lists_alone() -> None:
    unequal = msgspec.json.encode(row(0, began=[0.0]))

    assert CleanReader(SCHEMA).read(msgspec.json.encode(row(0))) is not None
    assert CleanReader(SCHEMA).read(unequal) is None
    assert CleanReader(msgspec.structs.replace(SCHEMA, aligned=())).read(unequal) is not None
