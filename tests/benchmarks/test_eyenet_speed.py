"""The speed of eyenet is measured on a fleet that is there, and every figure is given."""

from pathlib import Path

import msgspec
import numpy as np
import polars as pl
import pytest
from benchmarks.eyenet_speed import Fleet, Speed, measure
from benchmarks.eyenet_speed_home import INTERVAL_S, fleet_rows, write_questions

from telltale.telemetry.frames import ENTITY, TIME


def ignore(_what: str) -> None:
    pass


def test_every_device_has_its_rows_ten_seconds_apart_and_they_come_in_turn() -> None:
    frame = fleet_rows(12, rows=7, seed=1)

    assert frame[ENTITY][:13].to_list() == [*(f"device-{number:05d}" for number in range(12)), "device-00000"]
    assert frame.select(pl.col(pl.Float64).exclude("latency")).null_count().sum_horizontal().item() == 0
    for (_,), own in frame.group_by(ENTITY):
        gaps = own[TIME].diff().drop_nulls().dt.total_microseconds().to_numpy() / 1e6
        assert np.array_equal(gaps, np.full(6, INTERVAL_S))
    assert fleet_rows(12, rows=7, seed=1).equals(frame)
    assert not fleet_rows(12, rows=7, seed=2).equals(frame)


def test_every_request_is_of_another_device(tmp_path: Path) -> None:
    lines = write_questions(tmp_path / "bodies", n_devices=50, seed=0).read_bytes().splitlines()

    asked = [msgspec.json.decode(line)["device_id"] for line in lines]

    assert asked != sorted(asked) == [f"device-{number:05d}" for number in range(50)]


def test_figures_are_named_by_the_sizes_that_were_measured() -> None:
    fleets = tuple(
        Fleet(
            n_devices=n,
            http_per_s=1_000.0 / ratio,
            cost_ratio=ratio,
            p50_ms=1.0,
            p99_ms=2.0,
            cpu_us=500.0,
            rss_mb=100.0 * ratio,
        )
        for n, ratio in ((100, 1.0), (10_000, 1.25))
    )
    speed = Speed(
        estimator="isolation_forest",
        fleets=fleets,
        windows_per_s={"isolation_forest": 3.0, "robust_z": 4.0, "lstm": 5.0, "of new devices": 2.0},
        windows_per_cpu_s={"isolation_forest": 3.5, "robust_z": 4.5, "lstm": 5.5, "of new devices": 2.5},
        both_cores_per_s={"lstm": 6.0},
        rss_mb_looked=130.0,
        onnx_difference=1e-7,
        window_rows=35,
        n_anomalous=1,
    )

    found = speed.metrics

    assert (found["http_per_s"], found["cost_ratio_10000"], found["rss_mb_10000"]) == (800.0, 1.25, 125.0)
    assert (found["fleet_windows_per_s"], found["fleet_lstm_per_s"], found["fleet_default_per_s"]) == (3.0, 5.0, 3.0)
    assert [table.rows[0] for table in speed.tables][1] == ("isolation_forest", 3.0, 3.5, None)


@pytest.mark.slow
@pytest.mark.server
def test_a_quick_run_asks_real_servers_and_finds_the_stored_lstm_equal_to_pytorch() -> None:
    found = measure(ignore, quick=True)

    assert [one.n_devices for one in found.fleets] == [20, 100]
    assert found.onnx_difference <= 1e-5
    assert all(one.http_per_s > 100 and one.p50_ms <= one.p99_ms and one.rss_mb > 50 for one in found.fleets)
    assert min(found.windows_per_s.values()) > 200
    assert found.window_rows >= 30
