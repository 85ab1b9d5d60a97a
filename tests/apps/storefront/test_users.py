"""Segments of customers, the whole way: rules and points that a shopkeeper can check, anybody placed at once."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from telltale.apps.storefront import APP
from telltale.apps.storefront.users import OUTCOMES, USERS, derive_users_plan, name_segments
from telltale.contract.answer import Input
from telltale.contract.errors import UsageError
from telltale.contract.simulation import Simulation
from telltale.evaluate.segment_plot import SEGMENTS_PLOT, write_segment_plot
from telltale.models.bundle import load_bundle
from telltale.models.segment_runtime import SegmentRuntime
from telltale.telemetry.frames import measured_columns
from telltale.train.estimator_choice import choose_estimator
from telltale.train.fitted import TrainingChoices
from telltale.train.segment import judge_segment
from telltale.train.sources import check_simulated, rows_simulated
from telltale.train.version import TrainingRows, train_version


@pytest.fixture(scope="module")
def rows() -> TrainingRows:
    return rows_simulated(APP, USERS, Simulation())


@pytest.fixture(scope="module")
def runtime(rows: TrainingRows, tmp_path_factory: pytest.TempPathFactory) -> SegmentRuntime:
    directory = tmp_path_factory.mktemp("users")
    train_version(APP, USERS, rows, TrainingChoices(), directory=directory, progress=lambda *_: None)
    return SegmentRuntime(load_bundle(directory))


def row_of(runtime: SegmentRuntime, **told: float) -> list[float | None]:
    return [told.get(name) for name in runtime.columns]


def test_the_default_passes_its_gate_on_simulated_customers(runtime: SegmentRuntime, rows: TrainingRows) -> None:
    judged = judge_segment(USERS, runtime, rows.held_out)

    assert judged.verdict.outcome == "pass"
    assert judged.metrics["bootstrap_ari"].value >= 0.8
    assert judged.metrics["lift_top20"].value > 1.5
    assert 3 <= len(runtime.names) <= 6
    assert judged.metrics["smallest_share"].value >= 0.03


def test_no_outcome_is_a_feature(runtime: SegmentRuntime) -> None:
    assert not {*OUTCOMES} & {*runtime.columns}


def test_better_segments_are_worth_more_later(runtime: SegmentRuntime, rows: TrainingRows) -> None:
    which, _ = runtime.assign_frame(rows.held_out)
    later = rows.held_out["next_spend"].to_numpy()
    means = [later[which == segment].mean() for segment in range(len(runtime.names))]

    assert means == sorted(means, reverse=True)


def test_points_of_columns_add_up_to_the_points_that_decide(runtime: SegmentRuntime, rows: TrainingRows) -> None:
    given = rows.held_out.select(runtime.columns).rows()[:50]
    told = runtime.answer([Input(rows=[row], times=[0.0]) for row in given], explain=True)
    plain = runtime.answer([Input(rows=[row], times=[0.0]) for row in given])

    for answer, other in zip(told, plain, strict=True):
        assert answer.points_of is not None
        assert sum(answer.points_of.values()) == answer.points == other.points
        assert other.points_of is None
        assert answer.name == runtime.names[answer.segment]
        assert answer.expected is not None
        assert {*answer.expected} == {*OUTCOMES}
    by_points = sorted(told, key=lambda answer: -(answer.points or 0))
    assert [answer.segment for answer in by_points] == sorted(answer.segment for answer in told)


def test_somebody_who_never_ordered_is_placed_at_once_and_last(runtime: SegmentRuntime) -> None:
    new = runtime.answer_row(row_of(runtime, n_orders=0.0, spend=0.0), 0.0, "new")
    keen = {"n_orders": 60.0, "spend": 3_000.0, "recency_days": 1.0, "recent_orders": 30.0, "recent_spend": 1_500.0}
    best = runtime.answer_row(row_of(runtime, **keen, n_items=50.0, tenure_days=300.0, mean_order=50.0), 0.0)

    assert (new.segment, best.segment) == (len(runtime.names) - 1, 0)
    assert new.expected is not None
    assert best.expected is not None
    assert new.expected["next_spend"] < best.expected["next_spend"]


def test_the_report_says_the_rule_of_each_segment_and_the_points_of_each_column(runtime: SegmentRuntime) -> None:
    told = runtime.told()

    for number, name in enumerate(runtime.names):
        assert "mostly" in told[f"segment {number}: {name}"]
        assert "points" in told[f"segment {number}: {name}"]
    assert "at least" in told["points for n orders"]
    assert {f"points for {column.replace('_', ' ')}" for column in runtime.columns} <= told.keys()


def test_the_card_as_told_is_the_card_that_answers(runtime: SegmentRuntime, rows: TrainingRows) -> None:
    told = runtime.told()["points for n orders"]
    *steps, rest = told.split(", ")
    by_hand = [(float(step.split()[2].rstrip(":").replace(",", "")), int(step.rsplit(" ", 1)[1])) for step in steps]
    place = runtime.columns.index("n_orders")
    for given in rows.held_out.select(runtime.columns).rows()[:40]:
        answer = runtime.answer([Input(rows=[given], times=[0.0])], explain=True)[0]
        reached = [points for least, points in by_hand if given[place] >= least]
        assert answer.points_of is not None
        assert answer.points_of["n_orders"] == (reached[-1] if reached else int(rest.split()[-1]))


def test_without_known_outcomes_customers_are_divided_by_likeness(rows: TrainingRows) -> None:
    unknown = rows.train.with_columns(pl.lit(None, dtype=pl.Float64).alias(name) for name in OUTCOMES)

    chosen = choose_estimator(USERS, TrainingChoices(), unknown, columns=(), declared=())

    assert chosen.estimator.name == "kmeans"
    assert "what came later" in chosen.passed_over["value_points"]
    with pytest.raises(UsageError, match="came later"):
        choose_estimator(USERS, TrainingChoices(estimator="value_points"), unknown, columns=(), declared=())


def test_a_shops_own_columns_count(rows: TrainingRows) -> None:
    own = rows.train.with_columns(pl.col("spend").shuffle(seed=0).alias("newsletter_opens"))

    plan = derive_users_plan(own, measured_columns(own))

    assert "newsletter_opens_log" in plan.features
    assert "largest_order" not in plan.columns  # told of everybody, not counted
    assert "n_visits" not in plan.columns  # nothing is known of it


def test_segments_have_names_that_shopkeepers_use() -> None:
    medians = [
        {"n_orders": 9.0, "recency_days": 5.0},
        {"n_orders": 4.0, "recency_days": 20.0, "mean_order": 80.0},
        {"n_orders": 4.0, "recency_days": 20.0, "mean_order": 30.0},
        {"n_orders": 2.0, "recency_days": 80.0},
        {"n_orders": 1.0, "recency_days": 20.0, "tenure_days": 20.0},
        {"n_orders": 1.0, "recency_days": 200.0},
    ]

    assert name_segments(medians) == [
        "best customers", "regulars, larger baskets", "regulars, smaller baskets", "slipping away", "new",
        "bought once, long ago",
    ]  # fmt: skip


def test_simulated_customers_come_every_month_with_what_came_later() -> None:
    checked = check_simulated(APP, "customer", Simulation(days=65.0, seed=2)).frame

    assert checked["@time"].n_unique() == 3
    assert checked["next_spend"].null_count() == 0
    assert (checked["next_spend"].to_numpy() > 0).mean() > 0.3


def test_segments_are_drawn_with_what_came_of_them(tmp_path: Path) -> None:
    later = np.array([5.0, np.nan, 1.0, 0.0])
    which = np.array([0, 0, 1, 1])

    drawn = write_segment_plot(
        tmp_path, names=("a", "b"), rules=("x", "y"), which=which, later=later, outcome="next_spend"
    )

    assert drawn[SEGMENTS_PLOT].read_bytes().startswith(b"\x89PNG")
    assert write_segment_plot(tmp_path, names=(), rules=(), which=which[:0], later=None, outcome="") == {}
