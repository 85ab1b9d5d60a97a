"""A file of a million rows takes seconds, and bad rows do not change that."""

import time
from pathlib import Path
from typing import Literal

import numpy as np
import polars as pl
import pytest

from telltale.contract.schema import Column, EventSchema
from telltale.telemetry.files import read_rows
from telltale.telemetry.validate import check_rows

SCHEMA = EventSchema(
    name="e",
    columns=tuple(Column(name=f"c{n}", low=0) for n in range(5)),
    entity="service",
    label="is_anomaly",
)
N_ROWS = 1_000_000


@pytest.mark.slow
@pytest.mark.parametrize(("quote_style", "limit_s"), [("necessary", 10), ("always", 40)])
def test_million_rows_of_csv_are_read_and_checked_in_seconds(
    tmp_path: Path, quote_style: Literal["necessary", "always"], limit_s: float
) -> None:
    rng = np.random.default_rng(0)
    path = tmp_path / "rows.csv"
    values = {f"c{n}": rng.random(N_ROWS) for n in range(5)}
    values["c0"][::100] = -1
    frame = pl.DataFrame({"timestamp": np.arange(N_ROWS), "service": "a", **values, "is_anomaly": 0})
    frame.with_columns(pl.from_epoch("timestamp").dt.to_string("%Y-%m-%dT%H:%M:%SZ")).write_csv(
        path, quote_style=quote_style
    )
    started = time.process_time()  # not by the clock on the wall: the machine may have other work
    checked = check_rows(SCHEMA, read_rows(path), require_time=True)
    elapsed_s = time.process_time() - started

    assert (len(checked.frame), len(checked.quarantined)) == (990_000, 10_000)
    assert elapsed_s < limit_s
