from datetime import UTC, datetime

import numpy as np
import polars as pl
import pytest

from telltale.apps.personhood import APP
from telltale.apps.personhood.averages import averages_of
from telltale.apps.personhood.schema import CONTENT, FIVE, KEY_CLASSES
from telltale.contract.errors import SchemaError
from telltale.contract.simulation import Simulation
from telltale.telemetry.frames import LINE
from telltale.telemetry.raw_rows import RawRows
from telltale.telemetry.validate import check_rows
from telltale.train.sources import check_simulated, simulated


def made(event: str, **how: object) -> pl.DataFrame:
    return simulated(APP, event, Simulation(**how))  # type: ignore[arg-type]


@pytest.mark.parametrize("event", ["averages", "session"])
@pytest.mark.parametrize("positive_rate", [0.0, 0.37, 1.0])
def test_every_row_passes_its_own_schema(event: str, positive_rate: float) -> None:
    for seed in range(3):
        checked = check_simulated(APP, event, Simulation(n_rows=300, positive_rate=positive_rate, seed=seed))

        assert checked.quarantined == ()
        assert checked.frame.height == 300


@pytest.mark.parametrize("event", ["averages", "session"])
def test_more_rows_or_days_begin_with_the_same_rows(event: str) -> None:
    few, more = made(event, n_rows=120, seed=2), made(event, n_rows=600, seed=2)
    day, days = made(event, days=0.5, seed=2), made(event, days=2, seed=2)

    assert more[:120].equals(few)
    assert days[: day.height].equals(day)
    assert days[:120].equals(few)


def test_without_a_wish_there_are_ten_thousand_sessions_four_in_five_genuine() -> None:
    rows = made("averages")

    assert rows.height == 10_000
    assert rows["is_legitimate"].mean() == 0.8
    assert rows["user_id"].n_unique() == 250
    per_person = rows["user_id"].value_counts()["count"]
    assert per_person.min() == per_person.max() == 40
    kinds = dict(rows.filter(pl.col("impostor") != "")["impostor"].value_counts().iter_rows())
    assert kinds["person"] == pytest.approx(1_000, abs=100)
    assert kinds["script"] == pytest.approx(500, abs=80)
    assert kinds["imitation"] == pytest.approx(500, abs=80)


def test_both_events_tell_of_the_same_sessions() -> None:
    averages, sessions = made("averages", n_rows=200, seed=4), made("session", n_rows=200, seed=4)

    for one, other in zip(averages.iter_rows(named=True), sessions.iter_rows(named=True), strict=True):
        assert (one["user_id"], one["session_id"], one["timestamp"]) == (
            other["user_id"],
            other["session_id"],
            other["timestamp"],
        )
        found = averages_of(
            other["presses_ms"], other["releases_ms"], corrections=other["corrections"], local_hour=other["local_hour"]
        )
        assert found is not None
        assert [float(getattr(found, name)) for name in FIVE] == [one[name] for name in FIVE]


def test_a_session_is_whole() -> None:
    for row in made("session", n_rows=100, positive_rate=0.5).iter_rows(named=True):
        presses, releases = np.array(row["presses_ms"]), np.array(row["releases_ms"])
        assert len(presses) == len(releases) == len(row["classes"]) >= 10
        assert presses[0] == 0
        assert (np.diff(presses) >= 0).all()
        assert (releases > presses).all()
        assert set(row["classes"]) <= set(KEY_CLASSES)
        assert row["classes"].count("correction") == row["corrections"]


def test_people_are_like_themselves_and_unlike_each_other() -> None:
    genuine = made("averages", days=20, positive_rate=1.0)

    for name in ("typing_speed_wpm", "avg_key_hold_time_ms", "avg_transition_time_ms"):
        own = genuine.group_by("user_id").agg(pl.col(name).std().alias("within"), pl.col(name).mean().alias("at"))
        within, between = own["within"].mean(), own["at"].std()
        assert isinstance(within, float)
        assert isinstance(between, float)
        assert between > 1.5 * within


def test_the_population_is_that_of_the_study() -> None:
    genuine = made("averages", days=10, positive_rate=1.0)

    assert genuine["typing_speed_wpm"].mean() == pytest.approx(52, abs=6)
    assert genuine["avg_key_hold_time_ms"].mean() == pytest.approx(116, abs=6)
    assert genuine["error_rate_percent"].mean() == pytest.approx(6.3, abs=1)


def test_a_start_within_a_day_keeps_times_and_hours_of_clocks_apart_by_whole_hours() -> None:
    start = datetime(2025, 3, 3, 6, 30, tzinfo=UTC)

    rows = made("averages", days=1, start=start)

    assert rows["timestamp"].is_sorted()
    assert rows["timestamp"].min() >= start  # type: ignore[operator]
    assert rows.height == 250
    zones = (rows["activity_hour_preference"] - rows["timestamp"].dt.hour().cast(pl.Float64)) % 24
    assert set(zones) <= {*map(float, range(10)), *map(float, range(16, 24))}


@pytest.mark.parametrize("event", APP.events, ids=lambda event: event.name)
@pytest.mark.parametrize("name", ["key", "text", "char", "code", "password"])
def test_an_event_that_could_hold_what_was_typed_is_refused_by_name(event: object, name: str) -> None:
    assert name in CONTENT
    rows = made(event.name, n_rows=5).with_columns(pl.lit("s").alias(name), pl.int_range(5).alias(LINE))  # type: ignore[attr-defined]

    with pytest.raises(SchemaError, match=f"'{name}'.* could hold content"):
        check_rows(event, RawRows(frame=rows, source="test"), require_time=True)  # type: ignore[arg-type]
