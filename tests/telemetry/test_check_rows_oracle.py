"""The columnar check against the same rules in plain Python, a row at a time."""

import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from telltale.contract.schema import Column, EventSchema
from telltale.telemetry.csv_rows import parse_csv
from telltale.telemetry.files import RawRows, rows_from_objects
from telltale.telemetry.frames import ENTITY, LABEL, LINE, TIME
from telltale.telemetry.validate import check_rows

SCHEMA = EventSchema(
    name="oracle",
    columns=(Column(name="rate", low=0, high=1), Column(name="count", dtype="int", nullable=True, low=-2)),
    entity="who",
    label="label",
    lateness_s=2,
)
_TIMES = st.integers(0, 6) | st.sampled_from(
    [None, 3.5, "1970-01-01T00:00:04Z", "1970-01-01 01:00:05+01:00", "x", 1e12]
)
_RATES = st.sampled_from([0, 1, 0.25, 0.5, 0.75] * 2 + [None, math.nan, math.inf, -0.5, 1.5])
_COUNTS = st.integers(-2, 3) | st.sampled_from([None, 1.5, -3, 2.0])
_LABELS = st.sampled_from([0, 1, None, 2, "1", 1.0])
_ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "timestamp": _TIMES,
            "who": st.sampled_from(["a", "b", None]),
            "rate": _RATES,
            "count": _COUNTS,
            "label": _LABELS,
        }
    ),
    min_size=1,
    max_size=25,
)


def _oracle(rows: list[dict[str, Any]], *, first_line: int) -> tuple[list[tuple[Any, ...]], dict[int, list[str]]]:
    """Good rows in order, and for each bad line what its reasons must speak of."""
    good: list[tuple[Any, ...]] = []
    bad: dict[int, list[str]] = {}
    taken: dict[tuple[str, float], int] = {}
    latest: dict[str, float] = {}
    for line, row in enumerate(rows, start=first_line):
        faults = []
        time_s = {"1970-01-01T00:00:04Z": 4.0, "1970-01-01 01:00:05+01:00": 5.0}.get(row["timestamp"], row["timestamp"])
        if time_s in (None, "x", 1e12):
            faults.append("timestamp")
        label = None if row["label"] is None else float(row["label"])
        if label not in (None, 0.0, 1.0):
            faults.append("label")
        rate = row["rate"]
        if rate is None or not math.isfinite(rate) or not 0 <= rate <= 1:
            faults.append("rate")
        count = row["count"]
        if count is not None and (count != int(count) or count < -2):
            faults.append("count")
        entity = row["who"] or ""
        if not faults and (entity, time_s) in taken:
            faults.append(f"duplicate of line {taken[entity, time_s]}:")
        elif not faults and time_s < latest.get(entity, -math.inf) - 2:
            faults.append("goes back")
        if faults:
            bad[line] = faults
            continue
        taken[entity, time_s] = line
        latest[entity] = max(latest.get(entity, -math.inf), time_s)
        good.append((entity, time_s, label, line, float(rate), None if count is None else float(count)))
    return sorted(good, key=lambda row: (row[0], row[1], row[3])), bad


def _assert_agrees(raw: RawRows, rows: list[dict[str, Any]], *, first_line: int) -> None:
    checked = check_rows(SCHEMA, raw, require_time=True)
    good, bad = _oracle(rows, first_line=first_line)

    frame = checked.frame.select(ENTITY, TIME, LABEL, LINE, "rate", "count")
    assert [(who, at.timestamp(), *rest) for who, at, *rest in frame.rows()] == good
    assert [row.line for row in checked.quarantined] == list(bad)
    for row in checked.quarantined:
        assert row.reason.count(";") + 1 >= len(bad[row.line])
        assert all(fault in row.reason for fault in bad[row.line]), row
    assert checked.n_read == len(rows)


@pytest.mark.slow
@settings(max_examples=300)
@given(_ROWS)
def test_check_of_objects_agrees_with_plain_python(rows: list[dict[str, Any]]) -> None:
    _assert_agrees(rows_from_objects(rows), rows, first_line=1)


@pytest.mark.slow
@settings(max_examples=300)
@given(_ROWS)
def test_check_of_csv_agrees_with_plain_python(rows: list[dict[str, Any]]) -> None:
    names = ("timestamp", "who", "rate", "count", "label")
    lines = [",".join("" if row[name] is None else str(row[name]) for name in names) for row in rows]
    data = "\n".join([",".join(names), *lines]).encode()

    _assert_agrees(parse_csv(data, source="t"), rows, first_line=2)
