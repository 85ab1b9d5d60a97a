"""What the documents promise of made-up service metrics: the normal pattern, and five kinds of anomaly, a fifth each."""

from datetime import UTC, datetime

import polars as pl
import pytest

from telltale.apps.helios.simulate import KINDS, simulate
from telltale.contract.errors import UsageError
from telltale.contract.simulation import Simulation

MONDAY = datetime(2024, 1, 1, tzinfo=UTC)


def rows(*, days: float = 28.0, interval_s: float = 300.0, positive_rate: float = 0.05, seed: int = 0) -> pl.DataFrame:
    how = Simulation(days=days, interval_s=interval_s, positive_rate=positive_rate, seed=seed, start=MONDAY)
    return simulate("metrics", how).with_columns(
        pl.col("timestamp").dt.hour().alias("hour"), (pl.col("timestamp").dt.weekday() >= 6).alias("is_weekend")
    )


@pytest.fixture(scope="module")
def normal() -> pl.DataFrame:
    return rows(positive_rate=0.0)


def test_a_week_at_five_minutes_is_2016_rows_with_5_percent_anomalies() -> None:
    week = rows(days=7.0)

    assert week.height == 2_016
    assert week["is_anomaly"].sum() == round(0.05 * 2_016)


def test_working_hours_bring_about_a_thousand_events(normal: pl.DataFrame) -> None:
    counts = normal.filter(~pl.col("is_weekend") & pl.col("hour").is_between(10, 15))["event_count"]

    assert counts.median() == pytest.approx(1_000, rel=0.03)
    assert counts.quantile(0.01) > 800  # type: ignore[operator]  # there are rows
    assert counts.quantile(0.99) < 1_200  # type: ignore[operator]  # there are rows


def test_nights_and_weekends_bring_150_to_300_events(normal: pl.DataFrame) -> None:
    quiet = normal.filter(pl.col("is_weekend") | ~pl.col("hour").is_between(8, 17))

    assert quiet["event_count"].is_between(150, 300).mean() > 0.95  # type: ignore[operator]  # there are rows
    by_hour = quiet.group_by("hour").agg(pl.col("event_count").median())["event_count"]
    assert by_hour.is_between(150, 300).all()
    assert quiet["event_count"].is_between(110, 370).all()


def test_errors_are_a_tenth_of_a_percent_to_two_percent_and_p99_100_to_150_ms(normal: pl.DataFrame) -> None:
    assert normal["error_rate"].is_between(0.001, 0.02).all()
    assert normal["p99_latency_ms"].is_between(100, 150).all()
    assert (normal["p50_latency_ms"] < normal["p95_latency_ms"]).all()
    assert (normal["p95_latency_ms"] < normal["p99_latency_ms"]).all()


def test_each_kind_of_anomaly_is_a_fifth() -> None:
    kinds = rows(days=60.0).filter(pl.col("is_anomaly") == 1)["anomaly"]

    assert set(kinds) == set(KINDS)
    assert len(KINDS) == 5
    for kind in KINDS:
        assert (kinds == kind).mean() == pytest.approx(0.2, abs=0.03)


def test_each_kind_does_what_its_name_says(normal: pl.DataFrame) -> None:
    """The same seed without anomalies is what the rows would have been: draws for anomalies come after the normal ones."""
    disturbed = rows(positive_rate=0.05)
    columns = ("event_count", "error_rate", "p50_latency_ms", "p95_latency_ms", "p99_latency_ms")
    ratio = disturbed.select(
        "anomaly", pl.col("error_rate").alias("errors"), *[disturbed[name] / normal[name] for name in columns]
    )
    by_kind = {kind: ratio.filter(pl.col("anomaly") == kind) for kind in ("", *KINDS)}

    assert by_kind[""].select(pl.col(columns) == 1.0).to_numpy().all()
    assert by_kind["errors"]["errors"].is_between(0.05, 0.25).all()
    for name in columns[2:]:
        assert by_kind["latency"][name].is_between(2.99, 10.01).all()
    assert by_kind["traffic_spike"]["event_count"].is_between(4.9, 20.1).all()
    assert by_kind["traffic_drop"]["event_count"].is_between(0.045, 0.205).all()
    combined = by_kind["combined"].with_columns(
        (pl.col("errors") >= 0.05).cast(int).alias("has_errors"),
        (pl.col("p99_latency_ms") > 2.9).cast(int).alias("has_latency"),
        ((pl.col("event_count") > 4.9) | (pl.col("event_count") < 0.21)).cast(int).alias("has_traffic"),
    )
    causes = combined.select(pl.sum_horizontal("has_errors", "has_latency", "has_traffic"))["has_errors"]
    assert causes.is_between(2, 3).all()
    assert set(causes) == {2, 3}


def test_rows_further_apart_carry_as_many_more_events(normal: pl.DataFrame) -> None:
    apart = rows(interval_s=600.0, positive_rate=0.0)

    assert apart.height == normal.height // 2
    assert apart["event_count"].sum() == pytest.approx(normal["event_count"].sum(), rel=0.02)


@pytest.mark.parametrize("rate", [0.0, 0.01, 0.1, 0.3])
def test_the_share_asked_for_is_the_share_made(rate: float) -> None:
    assert rows(positive_rate=rate)["is_anomaly"].mean() == pytest.approx(rate, abs=1e-4)


def test_an_unknown_event_is_refused_with_what_is_known() -> None:
    with pytest.raises(UsageError, match="Known: metrics"):
        simulate("sample", Simulation(start=MONDAY))
