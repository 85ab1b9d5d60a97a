from itertools import pairwise

import numpy as np
import polars as pl
import pytest

from telltale.apps.eyenet import APP
from telltale.apps.eyenet.faults import KINDS
from telltale.apps.eyenet.features import NAMED
from telltale.apps.eyenet.network_devices import DEVICES, devices
from telltale.contract.simulation import Simulation
from telltale.evaluate.ranking import auroc
from telltale.train.sources import check_simulated, simulated

WEEK = simulated(APP, "sample", Simulation(days=7.0))
WELL = WEEK.filter(fault="")


def middle(device: str, column: str, hour: int) -> float:
    found = WELL.filter(pl.col("device_id") == device, pl.col("timestamp").dt.hour() == hour)[column].median()
    assert isinstance(found, float)
    return found


def test_as_it_comes_there_are_fewer_than_twenty_thousand_rows_of_five_devices() -> None:
    rows = simulated(APP, "sample", Simulation())

    assert rows.height == 19_800
    assert set(rows["device_id"]) == set(DEVICES)
    assert rows["is_anomaly"].mean() == pytest.approx(0.05, abs=0.001)


def test_more_days_begin_with_the_same_rows() -> None:
    for days in (0.01, 0.5, 3.0):
        fewer = simulated(APP, "sample", Simulation(days=days))
        assert fewer.equals(WEEK[: fewer.height])
    assert simulated(APP, "sample", Simulation(n_rows=1_237)).equals(WEEK[:1_237])


@pytest.mark.parametrize("rate", [0.02, 0.05, 0.2, 0.5])
def test_the_share_of_faults_is_kept_from_the_first_hours_on(rate: float) -> None:
    for seed in range(6):
        labels = simulated(APP, "sample", Simulation(days=1.0, positive_rate=rate, seed=seed))["is_anomaly"].to_numpy()
        share = np.cumsum(labels) / np.arange(1, len(labels) + 1)
        assert np.abs(share[600:] - rate).max() <= max(0.2 * rate, 0.01)


def test_more_devices_leave_those_before_as_they_are_where_they_are_well() -> None:
    many = simulated(APP, "sample", Simulation(days=1.0, n_entities=12))

    assert [len(site) for site in devices(12)] == [5, 5, 2]
    assert set(many["device_id"]) == {device.name for site in devices(12) for device in site}
    first = many.filter(pl.col("device_id") == "web-1", fault="").join(
        WELL.filter(pl.col("device_id") == "web-1"), on="timestamp"
    )
    assert first.height > 1_000
    assert first["bytes_out"].equals(first["bytes_out_right"].rename("bytes_out"))


def test_no_two_devices_are_alike() -> None:
    found = [device for site in devices(60) for device in site if not device.is_gateway]

    assert len({(device.bytes_in_s, device.latency_ms) for device in found}) == len(found)
    assert len({device.name for device in found}) == len(found)


def test_no_metric_alone_tells_a_fault() -> None:
    """The furthest metric in standard deviations of its device: what a dashboard with limits does."""
    labels = WEEK["is_anomaly"].to_numpy()
    distance = (pl.col(NAMED) - pl.col(NAMED).mean().over("device_id")) / pl.col(NAMED).std().over("device_id")
    furthest = WEEK.with_columns(distance.abs()).select(pl.max_horizontal(pl.col(NAMED).fill_null(0.0)))

    assert auroc(labels, furthest.to_series().to_numpy()) < 0.85


def test_every_kind_of_fault_comes_and_lasts_minutes() -> None:
    assert set(WEEK["fault"]) == {"", *KINDS}
    for (_,), rows in WEEK.group_by("device_id"):
        faults = rows.sort("timestamp")["fault"].rle().struct.unnest().filter(pl.col("value") != "")
        # The last one may be cut short by the end of the rows.
        assert faults["len"][:-1].min() >= 3  # type: ignore[operator]  # there are faults
        assert faults["len"].median() <= 12  # type: ignore[operator]  # one may follow another of its kind


def test_a_busy_hour_is_busier_and_slower_than_a_night() -> None:
    for device in ("db-1", "gateway-1", "office-1", "web-1"):
        for column in ("bytes_in", "bytes_out", "packets_in", "packets_out"):
            assert middle(device, column, 13) > 3 * middle(device, column, 4)
        assert middle(device, "latency", 13) > middle(device, "latency", 4)
    assert middle("sensor-1", "packets_out", 13) == pytest.approx(middle("sensor-1", "packets_out", 4), abs=1)


def test_links_rise_and_fall_together() -> None:
    wide = WELL.filter(pl.col("timestamp").dt.hour() == 13).pivot("device_id", index="timestamp", values="bytes_out")
    logs = wide.drop_nulls().select(pl.col("web-1", "db-1", "gateway-1").log())

    between = np.corrcoef(logs.to_numpy().T)

    assert between[0, 1] > 0.1
    assert between[0, 2] > 0.5


def test_what_a_fault_does_can_be_seen_in_what_it_is_about() -> None:
    def shares(kind: str, column: str) -> float:
        """The median ratio to what the device does at that hour."""
        hourly = WELL.group_by("device_id", pl.col("timestamp").dt.hour().alias("hour")).agg(
            pl.col(column).median().alias("usual")
        )
        rows = WEEK.filter(fault=kind).with_columns(pl.col("timestamp").dt.hour().alias("hour"))
        found = rows.join(hourly, on=["device_id", "hour"])
        ratio = found.select((pl.col(column) / pl.col("usual").clip(1e-3)).median()).item()
        assert isinstance(ratio, float)
        return ratio

    assert shares("flood", "packets_in") > 2
    assert shares("exfiltration", "bytes_out") > 1.5
    assert shares("slow_leak", "bytes_out") > 1.2
    assert shares("port_scan", "packets_out") > 1.5
    assert shares("port_scan", "bytes_out") < 1.4
    assert shares("congestion", "latency") > 2
    assert shares("congestion", "bytes_in") < 1.0
    assert shares("silent_device", "bytes_in") < 0.05
    assert WEEK.filter(fault="silent_device")["latency"].null_count() == WEEK.filter(fault="silent_device").height


def test_pings_are_lost_and_packets_fail_to_come_where_nothing_is_wrong_too() -> None:
    assert WELL["latency"].null_count() / WELL.height == pytest.approx(0.02, abs=0.005)
    assert WELL.filter(packets_in=0, device_id="sensor-1").height > 100


def test_rows_of_any_interval_pass_the_check_in_order() -> None:
    for interval_s in (10.0, 0.25, 300.0):
        checked = check_simulated(APP, "sample", Simulation(n_rows=300, interval_s=interval_s, positive_rate=0.3))
        assert checked.quarantined == ()
        times = checked.frame.filter(pl.col("@entity") == "db-1")["@time"].to_list()
        assert {(b - a).total_seconds() for a, b in pairwise(times)} == {interval_s}
