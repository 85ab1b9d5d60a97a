"""Files as they are published: read and checked without a row lost."""

import os
from pathlib import Path

import pytest

from telltale.contract.schema import Column, EventSchema
from telltale.telemetry.files import read_rows
from telltale.telemetry.frames import LABEL, TIME
from telltale.telemetry.validate import check_rows

pytestmark = pytest.mark.data

ANY = EventSchema(
    name="metrics",
    columns=(Column(name="event_count"), Column(name="error_rate", low=0, high=1)),
    any_numeric=True,
    time_aliases=("time",),
    entity="service",
    label="is_anomaly",
    label_aliases=("label",),
)


@pytest.fixture
def data() -> Path:
    folder = os.environ.get("TELLTALE_DATA", "")
    if not folder:
        pytest.skip("the real data sets are not here: set TELLTALE_DATA to their folder")
    return Path(folder)


def test_series_with_epoch_seconds_beside_a_time_column(data: Path) -> None:
    files = sorted((data / "kpi_netman").glob("*.parquet"))

    assert len(files) == 3
    for path in files:
        checked = check_rows(ANY, read_rows(path), require_time=True)
        assert checked.columns == ("value",)
        assert checked.ignored == {"time": "is an alias of timestamp"}
        assert (len(checked.frame), checked.quarantined) == (checked.n_read, ())
        assert checked.frame[TIME].diff().drop_nulls().unique().dt.total_seconds().to_list() == [300]
        assert checked.frame[LABEL].sum() > 0


def test_nineteen_metrics_without_a_time(data: Path) -> None:
    files = sorted((data / "asd").glob("*.parquet"))

    assert len(files) > 10
    for path in files:
        checked = check_rows(ANY, read_rows(path), require_time=False)
        assert checked.columns == tuple(f"m{n:02}" for n in range(1, 20))
        assert checked.frame[TIME].null_count() == checked.n_read
        assert (LABEL in checked.frame.columns) == ("test" in path.name)
        assert checked.quarantined == ()
