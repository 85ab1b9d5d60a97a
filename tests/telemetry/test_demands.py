from datetime import UTC, datetime

import polars as pl
import pytest

from telltale.contract.schema import Column, Demands, EventSchema
from telltale.telemetry.demands import unmet_demands
from telltale.telemetry.frames import LINE
from telltale.telemetry.raw_rows import RawRows
from telltale.telemetry.validate import Checked, check_rows

SCHEMA = EventSchema(
    name="averages",
    columns=(Column(name="speed", low=0.0),),
    label="is_legitimate",
    demands=Demands(least_rows=100, label_share=(0.5, 0.9)),
)


def checked(n: int, *, share: float | None, n_bad: int = 0) -> Checked:
    rows = pl.DataFrame({"speed": [-1.0] * n_bad + [5.0] * (n - n_bad), LINE: list(range(1, n + 1))})
    if share is not None:
        rows = rows.with_columns(pl.Series("is_legitimate", [int(i < share * n) for i in range(n)]))
    times = [datetime(2024, 1, 1, tzinfo=UTC).timestamp() + i for i in range(n)]
    return check_rows(
        SCHEMA, RawRows(frame=rows.with_columns(pl.Series("timestamp", times)), source="test"), require_time=True
    )


def test_a_file_that_meets_every_demand_lacks_nothing() -> None:
    assert unmet_demands(SCHEMA, checked(100, share=0.8)) == []


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (checked(99, share=0.8), "99 good rows; at least 100"),
        (checked(200, share=0.95), "95.0% of rows; 50% to 90%"),
        (checked(200, share=0.4), "40.0% of rows"),
        (checked(200, share=None), "no row has is_legitimate"),
        (checked(200, share=0.8, n_bad=3), "3 rows have a value"),
    ],
)
def test_each_demand_that_is_not_met_is_said(rows: Checked, said: str) -> None:
    assert [said in demand for demand in unmet_demands(SCHEMA, rows)] == [True]


def test_what_is_there_in_some_rows_only_is_a_missing_value() -> None:
    schema = EventSchema(
        name="averages",
        columns=(Column(name="speed"), Column(name="session_id", dtype="str", nullable=True)),
        entity="user_id",
        label="is_legitimate",
        demands=Demands(least_rows=1),
    )
    rows = pl.DataFrame(
        {
            "speed": [5.0] * 4,
            "session_id": ["a", None, "c", "d"],
            "user_id": ["u", "u", None, None],
            "is_legitimate": [1, 1, 1, None],
            "timestamp": [1.7e9 + i for i in range(4)],
            LINE: [1, 2, 3, 4],
        }
    )

    def demanded(frame: pl.DataFrame) -> list[str]:
        return unmet_demands(schema, check_rows(schema, RawRows(frame=frame, source="test"), require_time=True))

    assert demanded(rows) == [
        "session_id has no value in 1 of 4 rows",
        "is_legitimate has no value in 1 of 4 rows",
        "user_id has no value in 2 of 4 rows",
    ]
    assert demanded(rows.drop("session_id", "user_id", "is_legitimate")) == []


def test_an_event_that_asks_for_nothing_is_never_unfit() -> None:
    assert unmet_demands(EventSchema(name="any", columns=()), checked(1, share=None)) == []
