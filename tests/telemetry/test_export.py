"""Export: what is written comes back through the reader and the check as it was."""

import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from telltale.contract.errors import SchemaError, UsageError
from telltale.contract.schema import Column, EventSchema
from telltale.telemetry.export import event_columns, write_frame
from telltale.telemetry.files import read_rows, rows_from_objects
from telltale.telemetry.frames import LINE
from telltale.telemetry.validate import check_rows

SCHEMA = EventSchema(
    name="e",
    columns=(
        Column(name="v"),
        Column(name="w", nullable=True),
        Column(name="list", dtype="floats"),
        Column(name="note", dtype="str", nullable=True),
        Column(name="notes", dtype="strs", nullable=True),
    ),
    entity="who",
    label="label",
    lateness_s=float("inf"),
)
_FLOATS = st.floats(allow_nan=False, allow_infinity=False)
_NAMES = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00\r"), max_size=4)


def _checked(rows: list[dict[str, object]]) -> pl.DataFrame:
    filled = [{"list": [], **row} for row in rows]
    return check_rows(SCHEMA, rows_from_objects(filled), require_time=True).frame


@pytest.mark.parametrize("suffix", [".csv", ".ndjson", ".parquet"])
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40, deadline=None)
@given(
    rows=st.lists(
        st.fixed_dictionaries(
            {
                "timestamp": st.integers(0, 10**15).map(lambda micros: micros / 1e6),
                "who": _NAMES,
                "v": _FLOATS,
                "w": st.none() | _FLOATS,
                "list": st.lists(_FLOATS, max_size=3),
                "note": st.none() | _NAMES.filter(bool),
                "notes": st.none() | st.lists(_NAMES, max_size=3),
                "label": st.sampled_from([0, 1, None]),
            }
        ),
        min_size=1,
        max_size=10,
        unique_by=lambda row: (row["who"], row["timestamp"]),
    )
)
def test_rows_written_come_back_to_the_last_bit(tmp_path: Path, suffix: str, rows: list[dict[str, object]]) -> None:
    frame = _checked(rows)
    path = tmp_path / f"rows{suffix}"
    write_frame(event_columns(frame, SCHEMA), path)
    back = check_rows(SCHEMA, read_rows(path), require_time=True)

    assert back.quarantined == ()
    assert back.frame.drop(LINE).equals(frame.drop(LINE))
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]
    path.unlink()


def test_columns_that_carry_nothing_are_left_out() -> None:
    rows = rows_from_objects([{"v": 1.0, "w": None, "list": [1]}])
    frame = check_rows(SCHEMA, rows, require_time=False).frame
    measured = [column.name for column in SCHEMA.columns]

    assert event_columns(frame, SCHEMA).columns == measured
    assert event_columns(_checked([{"timestamp": 1, "v": 1}]).clear(), SCHEMA).columns == ["timestamp", *measured]


def test_labels_without_a_column_to_go_to_are_refused() -> None:
    frame = _checked([{"timestamp": 1, "v": 1, "label": 1}])

    with pytest.raises(SchemaError, match=r"event bare has no column for \['@label'\]"):
        event_columns(frame, EventSchema(name="bare", columns=SCHEMA.columns))


def test_failed_write_leaves_the_file_of_before(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("before")
    with pytest.raises(UsageError, match=r"cannot be written \(CSV format does not support nested data\)"):
        write_frame(pl.DataFrame({"v": [{"a": 1}]}), path)

    assert [entry.name for entry in tmp_path.iterdir()] == ["rows.csv"]
    assert path.read_text() == "before"


@pytest.mark.parametrize("suffix", [".csv", ".ndjson", ".parquet"])
def test_write_cut_off_by_a_limit_leaves_the_file_of_before(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"rows{suffix}"
    path.write_text("before")
    program = f"""
import resource
from pathlib import Path
import numpy as np, polars as pl
from telltale.telemetry.export import write_frame
frame = pl.DataFrame({{"v": np.random.default_rng(0).random(100_000)}})
resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))
try:
    write_frame(frame, Path({str(path)!r}))
except Exception as error:
    print(type(error).__name__, error)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True, timeout=60)

    assert done.stdout.startswith(b"UsageError")
    assert b"the file cannot be written (" in done.stdout
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]
    assert path.read_text() == "before"


def test_folder_that_is_not_there_and_unknown_suffix_are_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"cannot be written \(No such file or directory\)"):
        write_frame(pl.DataFrame({"v": [1]}), tmp_path / "none" / "rows.csv")
    with pytest.raises(UsageError, match=r"'\.xml' is not known"):
        write_frame(pl.DataFrame({"v": [1]}), tmp_path / "rows.xml")
