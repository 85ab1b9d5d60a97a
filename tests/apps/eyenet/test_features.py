import numpy as np
import polars as pl
import pytest

from telltale.apps.eyenet import ANOMALY, APP
from telltale.apps.eyenet.features import NAMED, WINDOW_S, derive_plan
from telltale.contract.plan import WindowStat
from telltale.contract.simulation import Simulation
from telltale.features.frame import feature_matrix, run_plan
from telltale.features.reasons import reasons
from telltale.features.window import CompiledPlan
from telltale.telemetry.frames import ENTITY, TIME
from telltale.train.sources import check_simulated

TRAIN = check_simulated(APP, "sample", Simulation())
PLAN = derive_plan(TRAIN.frame, TRAIN.columns)
NOON_S = APP.start.timestamp() + 9 * 86_400 + 13 * 3_600

# What web-1 does at noon, by the minute.
USUAL = (7.0e6, 39.0e6, 28_500.0, 37_500.0, 1.6)
Row = tuple[float | None, ...]


def features(rows: list[Row], *, device: str = "web-1", start_s: float = NOON_S) -> dict[str, float]:
    compiled = CompiledPlan(PLAN)
    slots = compiled.run(rows, [start_s + 60.0 * i for i in range(len(rows))], device)
    return dict(zip(PLAN.features, compiled.features(slots), strict=True))


def test_a_device_as_usual_is_near_its_level_in_everything() -> None:
    found = features([USUAL] * 6)

    assert all(abs(value) < 1.0 for value in found.values())


def test_the_same_traffic_is_usual_for_one_device_and_far_off_for_another() -> None:
    assert features([USUAL])["bytes_out_deviation"] == pytest.approx(0.0, abs=0.6)
    assert features([USUAL], device="sensor-1")["bytes_out_deviation"] > 1.8
    assert features([USUAL], start_s=NOON_S - 10 * 3_600)["bytes_out_deviation"] > 0.8


def test_a_window_that_is_high_throughout_stays_high() -> None:
    # A scaler fitted on the window itself would centre it, and see nothing.
    high = tuple(value * 4 for value in USUAL)

    usual, found = features([USUAL] * 6), features([high] * 6)

    for name in ("bytes_out_rolling_mean_5m", "packets_in_rolling_mean_5m", "latency_rolling_mean_5m"):
        assert found[name] - usual[name] > 0.7


def test_no_packets_give_finite_features_and_so_do_enormous_ones() -> None:
    for row in ((0.0, 0.0, 0.0, 0.0, None), (5.0, 5.0, 0.0, 0.0, 0.0), (1e300, 1e300, 1e300, 0.0, 1e300)):
        for device in ("web-1", "never seen"):
            assert np.isfinite(list(features([row], device=device).values())).all()
    assert features([(0.0, 0.0, 0.0, 0.0, 1.6)])["bytes_per_packet_in_deviation"] < -1.0


def test_a_lost_ping_takes_the_last_answer_for_five_rows_and_then_the_middle_one() -> None:
    slow, lost = (*USUAL[:4], 40.0), (*USUAL[:4], None)

    shortly, later = features([slow, *[lost] * 5]), features([slow, *[lost] * 6])

    assert PLAN.nullable == {"latency"}
    assert shortly["latency_filled_deviation"] == features([slow])["latency_filled_deviation"] > 2.0
    assert later["latency_filled_deviation"] < 0.5


def test_an_answer_quicker_than_usual_is_no_event() -> None:
    assert features([(*USUAL[:4], 0.01)])["latency_filled_deviation"] == pytest.approx(-np.log(4 / 3))


def test_a_device_that_was_not_there_is_measured_by_its_own_rows() -> None:
    # A twentieth of what web-1 does, which is like no device that was there.
    own = tuple(value / 20 for value in USUAL[:4])

    quiet: Row = (*own, 1.6)
    loud: Row = (own[0], 5 * own[1], own[2], 5 * own[3], 1.6)

    as_usual = features([quiet] * 35, device="web-9")
    suddenly = features([quiet] * 31 + [loud] * 4, device="web-9")

    assert all(abs(value) < 0.5 for name, value in as_usual.items() if not name.startswith("bytes_per"))
    assert suddenly["bytes_out_deviation"] > as_usual["bytes_out_deviation"] + 0.7
    assert suddenly["bytes_out_rolling_mean_5m"] > as_usual["bytes_out_rolling_mean_5m"] + 0.5
    assert PLAN.knows_strangers


def test_whether_pings_are_answered_is_told() -> None:
    lost = (*USUAL[:4], None)

    found = features([USUAL, USUAL, lost, USUAL, lost])

    assert found["latency_missing"] == 1.0
    assert found["latency_missing_rolling_mean_5m"] == pytest.approx(0.4)


def test_statistics_are_of_five_minutes_and_named_as_promised() -> None:
    windows = {step.out: step for step in PLAN.steps if isinstance(step, WindowStat)}

    assert {step.window_s for step in windows.values()} == {WINDOW_S} == {300.0}
    assert {step.most_rows for step in windows.values()} == {5}
    assert {
        *(f"{name}_{stat}" for name in NAMED for stat in ("rolling_mean_5m", "rolling_std_5m", "min", "max")),
        "bytes_out_quantile_75",
        "latency_quantile_75",
        "latency_missing_rolling_mean_5m",
    } <= set(PLAN.features)
    # Five rows back for a lost ping and four for the window; of a new device, those that it is measured by.
    assert (PLAN.known_history, PLAN.history) == (5 + 4, 5 + 29)


def test_a_model_that_reads_a_sequence_sees_the_distances_of_its_rows_alone() -> None:
    plan = derive_plan(TRAIN.frame, TRAIN.columns, sequence=30)

    assert plan.features == (
        *(f"{name}_deviation" for name in NAMED[:4]),
        "latency_filled_deviation",
        "bytes_per_packet_in_deviation",
        "bytes_per_packet_out_deviation",
        "bytes_out_per_in_deviation",
        "packets_out_per_in_deviation",
        "latency_missing",
    )
    assert (plan.sequence, plan.history) == (30, 5 + 29)


def test_rows_to_be_judged_have_no_part_in_what_is_usual() -> None:
    later = TRAIN.frame.filter(pl.col(TIME) >= pl.col(TIME).max().over(ENTITY) - pl.duration(hours=1))
    moved = later.with_columns(pl.col("bytes_in") * 100)

    plan = derive_plan(TRAIN.frame, TRAIN.columns)

    assert plan == PLAN
    unmoved = run_plan(plan, later)["bytes_in_level"]
    assert run_plan(plan, moved)["bytes_in_level"].equals(unmoved)


def test_other_columns_get_a_plan_of_their_own() -> None:
    frame = TRAIN.frame.select(
        ENTITY, TIME, "@label", pl.col("bytes_in").alias("drops"), pl.col("bytes_out").alias("temperature")
    )

    plan = derive_plan(frame, ("drops", "temperature"))

    assert {"drops_deviation", "temperature_deviation"} < set(plan.features)
    assert np.isfinite(feature_matrix(plan, frame)).all()
    assert derive_plan(frame, ("drops", "temperature"), sequence=4).sequence == 4


def test_the_task_answers_in_the_promised_names() -> None:
    assert ANOMALY.answer_names == {"decision": "is_anomaly", "score": "anomaly_score", "time": "timestamp"}
    assert ANOMALY.thresholds == {"lstm": 0.5}
    assert ANOMALY.estimators[0] == "ensemble"


def test_a_slow_answer_is_told_as_latency() -> None:
    compiled = CompiledPlan(PLAN)
    slots = compiled.run([(*USUAL[:4], 60.0)], [NOON_S], "web-1")

    assert [reason.metric for reason in reasons(PLAN, lambda name: compiled.value(slots, name))] == ["latency"]
