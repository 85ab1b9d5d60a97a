import math

from telltale.apps.helios import ANOMALY, APP
from telltale.apps.helios.features import NAMED, derive_plan
from telltale.contract.simulation import Simulation
from telltale.features.derive import LEAST_EXCESS, SQUASH
from telltale.features.window import CompiledPlan
from telltale.testing.samples import epoch_s
from telltale.train.sources import check_simulated

TRAIN = check_simulated(APP, "metrics", Simulation(days=7.0))
PLAN = derive_plan(TRAIN.frame, TRAIN.columns)


def features(row: dict[str, float]) -> dict[str, float]:
    """Features at a Wednesday noon whose other metrics are as usual."""
    usual = {"event_count": 1_000.0, "error_rate": 0.006, "p50_latency_ms": 45.0, "p95_latency_ms": 90.0}
    values = {**usual, "p99_latency_ms": 125.0, **row}
    compiled = CompiledPlan(PLAN)
    noon = epoch_s(TRAIN.frame)[0] + 2 * 86_400 + 12 * 3_600
    slots = compiled.run([[values[name] for name in NAMED]], [noon], "")
    return dict(zip(PLAN.features, compiled.features(slots), strict=True))


def test_the_five_named_metrics_give_twelve_features() -> None:
    assert TRAIN.columns == NAMED
    assert len(PLAN.features) == 12
    assert PLAN.features[:3] == ("event_count_deviation", "error_rate_deviation", "p50_latency_ms_deviation")


def test_the_order_of_columns_in_a_file_does_not_choose_the_plan() -> None:
    assert derive_plan(TRAIN.frame, tuple(reversed(NAMED))).features == PLAN.features


def test_other_columns_get_a_plan_of_their_own() -> None:
    plan = derive_plan(TRAIN.frame, NAMED[:2])

    assert plan.columns == NAMED[:2]
    assert plan.features[0] == "event_count_deviation"
    assert "event_count_deviation_recent_mean" in plan.features


def test_more_errors_and_latency_and_traffic_either_way_stand_out_and_less_errors_and_latency_do_not() -> None:
    # What less than expected can come to at most: it is cut off at one spread, then squashed.
    most_below = math.log1p(-LEAST_EXCESS / SQUASH)

    for row in (
        {"event_count": 9_000.0},
        {"event_count": 100.0},
        {"error_rate": 0.15},
        {"p50_latency_ms": 200.0, "p95_latency_ms": 400.0, "p99_latency_ms": 600.0},
    ):
        assert features(row)["largest_deviation"] > 3 * most_below, row
    for row in ({"error_rate": 0.0}, {"p50_latency_ms": 20.0, "p95_latency_ms": 40.0, "p99_latency_ms": 55.0}):
        assert features(row)["largest_deviation"] <= most_below + 1e-9, row


def test_noon_traffic_at_night_stands_out() -> None:
    compiled = CompiledPlan(PLAN)
    monday = epoch_s(TRAIN.frame)[0]
    row = [1_000.0, 0.006, 45.0, 90.0, 125.0]

    at = {
        hour: compiled.value(compiled.run([row], [monday + hour * 3_600], ""), "event_count_deviation")
        for hour in (3, 12)
    }

    assert at[3] > 2.0
    assert abs(at[12]) < 1.0


def test_the_task_is_the_promised_one() -> None:
    limits = {(target.metric, target.op): (target.limit, target.goal) for target in ANOMALY.targets}

    assert limits == {
        ("precision", ">="): (0.95, 0.953),
        ("recall", ">="): (0.85, 0.871),
        ("false_positive_rate", "<="): (0.15, 0.118),
    }
    assert ANOMALY.estimators[0] == "isolation_forest"
