from datetime import UTC, datetime

import numpy as np
import polars as pl
import pytest

from telltale.apps.eyenet.flows import FLOW
from telltale.apps.eyenet.simulate_flows import ATTACKS, simulate_flows
from telltale.contract.errors import UsageError
from telltale.contract.simulation import Simulation
from telltale.telemetry.frames import LINE
from telltale.telemetry.raw_rows import RawRows
from telltale.telemetry.validate import check_rows

START = datetime(2024, 1, 1, tzinfo=UTC)


def test_more_rows_begin_with_the_same_rows() -> None:
    many = simulate_flows(Simulation(n_rows=5_000, start=START, seed=3))

    for n in (1, 77, 2_000):
        assert simulate_flows(Simulation(n_rows=n, start=START, seed=3)).equals(many[:n])
    assert not simulate_flows(Simulation(n_rows=77, start=START, seed=4)).equals(many[:77])


@pytest.mark.parametrize("rate", [0.0, 0.05, 0.2, 0.5])
def test_the_share_of_attacks_is_what_was_asked_for(rate: float) -> None:
    rows = simulate_flows(Simulation(n_rows=4_000, start=START, positive_rate=rate))

    assert rows["is_attack"].mean() == pytest.approx(rate, abs=0.001)
    assert set(rows.filter(is_attack=1)["attack"]) <= set(ATTACKS)
    assert set(rows.filter(is_attack=0)["attack"]) == {""}


def test_every_row_passes_the_schema_and_the_numbers_are_measured() -> None:
    rows = simulate_flows(Simulation(days=0.2, start=START)).with_columns(pl.int_range(1, pl.len() + 1).alias(LINE))

    checked = check_rows(FLOW, RawRows(frame=rows, source="simulation"), require_time=True)

    assert not checked.quarantined
    assert {"protocol", "service", "state", "bytes_out", "bytes_in", "latency"} <= set(checked.columns)


def test_no_column_alone_tells_every_attack() -> None:
    rows = simulate_flows(Simulation(n_rows=20_000, start=START, positive_rate=0.2))
    normal = rows.filter(is_attack=0)
    numbers = [name for name in rows.columns if rows[name].dtype == pl.Float64]

    for name in numbers:
        low, high = np.quantile(normal[name].to_numpy(), (0.005, 0.995))
        outside = rows.filter(is_attack=1).select(((pl.col(name) < low) | (pl.col(name) > high)).mean()).item()
        assert outside < 0.5


def test_a_rate_above_one_half_is_refused() -> None:
    with pytest.raises(UsageError, match="rate"):
        simulate_flows(Simulation(n_rows=10, start=START, positive_rate=0.6))
