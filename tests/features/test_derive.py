from collections.abc import Callable

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from telltale.contract.errors import NotEnoughDataError, SchemaError
from telltale.contract.plan import Clip, ForwardFill, Log, Seasonal, WindowStat
from telltale.features.derive import LEAST_EXCESS, SQUASH, PlanDraft
from telltale.features.frame import feature_matrix, run_plan
from telltale.features.generic import derive_generic
from telltale.features.window import CompiledPlan

CheckedFrame = Callable[..., pl.DataFrame]


def noise(n: int, *, seed: int = 0, level: float = 100.0) -> list[float]:
    return [level + float(x) for x in np.random.default_rng(seed).normal(size=n)]


def test_generic_features_are_distances_and_what_they_did_in_a_short_window(checked_frame: CheckedFrame) -> None:
    one = derive_generic(checked_frame({"load": noise(400)}), ("load",))
    two = derive_generic(checked_frame({"load": noise(400), "heat": noise(400, seed=1)}), ("load", "heat"))

    assert one.features == ("load_deviation", "load_deviation_change", "load_deviation_recent")
    assert two.features == tuple(
        f"{name}_deviation{what}"
        for what in ("", "_recent_mean", "_recent_std", "_recent_std_")
        for name in ("load", "heat")
    )
    assert (one.history, two.history) == (6, 14)
    assert one.interval_s == 300.0


def test_a_distance_is_in_spreads_and_squashed(checked_frame: CheckedFrame) -> None:
    plan = derive_generic(checked_frame({"load": noise(2_000)}), ("load",))
    compiled = CompiledPlan(plan)

    slots = compiled.run([(110.0,)], [0.0], "")

    distance = compiled.value(slots, "load_distance")
    assert distance == pytest.approx(10.0, rel=0.15)
    assert compiled.value(slots, "load_deviation") == pytest.approx(np.log1p(distance / SQUASH))


def test_rows_labelled_positive_have_no_part_in_the_plan(checked_frame: CheckedFrame) -> None:
    values = np.array(noise(400))
    labels = [int(i % 10 == 0) for i in range(400)]
    wild = np.where(np.array(labels) == 1, 1e6, values)

    plans = [derive_generic(checked_frame({"load": v}, labels=labels), ("load",)) for v in (values, wild)]

    assert plans[0] == plans[1]


def test_unlabelled_rows_count_as_normal(checked_frame: CheckedFrame) -> None:
    labels = [None] * 395 + [1] * 5

    assert derive_generic(checked_frame({"load": noise(400)}, labels=labels), ("load",)).features


@pytest.mark.parametrize("labels", [None, [1] * 400, [0] * 19 + [1] * 381])
def test_too_few_normal_rows_are_refused_with_the_mend(
    checked_frame: CheckedFrame, labels: list[int | None] | None
) -> None:
    frame = checked_frame({"load": noise(400)}, labels=labels)

    with pytest.raises(NotEnoughDataError, match="at least 20 rows"):
        derive_generic(frame if labels else frame[:19], ("load",))


def test_a_metric_that_stretches_upwards_is_looked_at_in_logarithms(checked_frame: CheckedFrame) -> None:
    rng = np.random.default_rng(0)
    plan = derive_generic(
        checked_frame({"bytes": rng.lognormal(5, 2, 500), "heat": noise(500), "balance": rng.normal(size=500)}),
        ("bytes", "heat", "balance"),
    )

    assert [item.log_scale is not None for item in plan.explained if item.change is None] == [True, False, False]


def test_less_than_expected_is_no_event_where_only_more_is(checked_frame: CheckedFrame) -> None:
    draft = PlanDraft(checked_frame({"ms": noise(500)}), ("ms",))
    plan = draft.finish(draft.deviation("ms", only_more=True))
    compiled = CompiledPlan(plan)

    lowest = [compiled.features(compiled.run([(value,)], [0.0], ""))[0] for value in (0.0, 50.0, 90.0)]
    high = compiled.features(compiled.run([(110.0,)], [0.0], ""))[0]

    assert len(set(lowest)) == 1
    assert lowest[0] == pytest.approx(-np.log1p(-LEAST_EXCESS / SQUASH))
    assert high > 1.0
    assert any(isinstance(step, Clip) for step in plan.steps)


def test_a_rate_is_weighed_by_its_count(checked_frame: CheckedFrame) -> None:
    rng = np.random.default_rng(0)
    counts = rng.poisson(1_000, 600).astype(float)
    frame = checked_frame({"rate": rng.binomial(counts.astype(int), 0.005) / counts, "count": counts})
    draft = PlanDraft(frame, ("rate", "count"))
    compiled = CompiledPlan(draft.finish(draft.rate_deviation("rate", "count")))

    def distance(rate: float, count: float) -> float:
        return compiled.value(compiled.run([(rate, count)], [0.0], ""), "rate_distance")

    assert distance(1 / 8, 8) < 2.0  # one error among eight
    assert distance(1 / 8, 1_000) > 10.0
    assert np.isfinite(distance(1.0, 0.0))


def test_an_entity_with_rows_enough_has_its_own_level_and_others_share_one(checked_frame: CheckedFrame) -> None:
    n = 900
    names = ["big"] * 500 + ["other"] * 300 + ["small"] * 100
    level = np.select([np.array(names) == "big", np.array(names) == "other"], [100.0, 500.0], 900.0)
    values = level + np.random.default_rng(0).normal(size=n)
    times_us = [*range(500), *range(300), *range(100)]
    plan = derive_generic(
        checked_frame({"load": values}, entities=names, times_us=[i * 60_000_000 for i in times_us]), ("load",)
    )
    compiled = CompiledPlan(plan)

    tables = next(step.tables for step in plan.steps if isinstance(step, Seasonal))
    assert set(tables) == {"", "big", "other"}
    own, pooled = (
        abs(compiled.value(compiled.run([(500.0,)], [0.0], entity), "load_distance")) for entity in ("other", "unseen")
    )
    assert own < 1.0
    assert pooled > own


def test_constant_and_tiny_and_huge_columns_give_finite_features(checked_frame: CheckedFrame) -> None:
    rng = np.random.default_rng(0)
    values = {
        "still": np.full(400, 5.0),
        "zero": np.zeros(400),
        "tiny": 1e-12 * rng.normal(size=400),
        "huge": 1e12 * rng.random(400),
        "rare": (rng.random(400) < 0.02) * 7.0,
    }
    frame = checked_frame(values)

    plan = derive_generic(frame, tuple(values))

    assert np.isfinite(feature_matrix(plan, frame)).all()
    wild = checked_frame({name: [1e308, -1e308, 0.0] for name in values})
    assert np.isfinite(feature_matrix(plan, wild)).all()


@settings(max_examples=30, deadline=None)
@given(
    columns=st.lists(
        st.sampled_from(
            [
                "a",
                "a_level",
                "a_spread",
                "a_distance",
                "a_deviation",
                "a_deviation_change",
                "a_deviation_recent_mean",
                "a_log",
                "a_level_",
                "largest_deviation",
                "all_deviations",
                "largest_change",
            ]
        ),
        min_size=1,
        max_size=6,
        unique=True,
    )
)
def test_columns_named_like_steps_are_told_apart_from_them(checked_frame: CheckedFrame, columns: list[str]) -> None:
    rng = np.random.default_rng(0)
    frame = checked_frame({name: rng.lognormal(i, 1.5, 120) for i, name in enumerate(columns)})

    plan = derive_generic(frame, tuple(columns))

    framed = run_plan(plan, frame)
    assert framed.select(columns).equals(frame.select(columns))
    assert len({step.out for step in plan.steps} | set(columns)) == len(plan.steps) + len(columns)
    compiled = CompiledPlan(plan)
    served = compiled.features(compiled.run(frame.select(columns).rows()[:40], [0.0] * 40, ""))
    assert np.allclose(served, framed.select(plan.features).row(39), rtol=1e-9, atol=1e-9)


def test_rows_without_time_are_looked_at_without_a_calendar(checked_frame: CheckedFrame) -> None:
    frame = checked_frame({"load": noise(400)}).with_columns(
        pl.lit(None, dtype=pl.Datetime("us", "UTC")).alias("@time")
    )

    plan = derive_generic(frame, ("load",))

    assert plan.interval_s == 0.0
    assert {step.period_s for step in plan.steps if isinstance(step, Seasonal)} == {0.0}
    assert np.isfinite(feature_matrix(plan, frame)).all()


def test_forty_columns_give_a_plan_with_four_features_for_each(checked_frame: CheckedFrame) -> None:
    columns = {f"c{i}": noise(300, seed=i) for i in range(40)}

    plan = derive_generic(checked_frame(columns), tuple(columns))

    assert len(plan.features) == 160
    assert sum(isinstance(step, Log) for step in plan.steps) == 40


def test_missing_values_are_filled_before_anything_else_reads_them(checked_frame: CheckedFrame) -> None:
    rng = np.random.default_rng(0)
    values = [float(x) if rng.random() > 0.2 else None for x in rng.normal(50, 2, 600)]
    frame = checked_frame({"ms": values, "load": noise(600)})
    draft = PlanDraft(frame, ("ms", "load"))
    plan = draft.finish(draft.deviation(draft.fill("ms", 3)))
    compiled = CompiledPlan(plan)

    filled = next(step for step in plan.steps if isinstance(step, ForwardFill))
    assert filled.otherwise == pytest.approx(50.0, abs=0.5)
    assert plan.nullable == {"ms"}
    assert plan.columns == ("ms",)
    assert plan.history == 3
    assert abs(compiled.features(compiled.run([(None,)], [0.0], ""))[0]) < 0.2
    with pytest.raises(SchemaError, match=r"PlanDraft\.fill"):
        PlanDraft(frame, ("ms", "load")).deviation("ms")


def test_a_column_of_which_nothing_is_known_is_filled_with_zeros(checked_frame: CheckedFrame) -> None:
    frame = checked_frame({"ms": [None] * 30})
    draft = PlanDraft(frame, ("ms",))

    plan = draft.finish(draft.deviation(draft.fill("ms", 0)))

    assert feature_matrix(plan, frame).tolist() == [[0.0]] * 30


def test_rows_before_add_up_along_a_chain_of_windows(checked_frame: CheckedFrame) -> None:
    rng = np.random.default_rng(0)
    values = [float(x) if rng.random() > 0.4 else None for x in rng.normal(50, 2, 400)]
    gaps_us = rng.integers(5, 20, 400) * 1_000_000
    frame = checked_frame({"ms": values}, times_us=np.cumsum(gaps_us).tolist())
    draft = PlanDraft(frame, ("ms",))
    mean = draft.window_stat(draft.fill("ms", 2), "mean", 60.0)
    draft.change(mean, window=4)
    plan = draft.finish("ms_filled_mean_change", sequence=3)
    compiled = CompiledPlan(plan)

    matrix = feature_matrix(plan, frame)

    rows, seconds = frame.select("ms").rows(), [time / 1e6 for time in np.cumsum(gaps_us).tolist()]
    need = plan.reach + 1
    for i in range(need, 400):
        last = slice(i + 1 - need, i + 1)
        tail = compiled.run_tail(rows[last], seconds[last], "")
        assert compiled.tail_features(tail) == pytest.approx(matrix[i].tolist(), rel=1e-5, abs=1e-5)
    assert 2 + 6 + 4 <= plan.history <= 2 + 10 + 4
    assert plan.reach == plan.history + 2


def test_a_window_of_regular_rows_reaches_back_as_many_rows_as_it_holds_less_one(checked_frame: CheckedFrame) -> None:
    # Devices that report in turn, each every ten seconds.
    n = 400
    times_us = [(i // 4) * 10_000_000 + (i % 4) * 2_000_000 for i in range(n)]
    frame = checked_frame({"bytes": noise(n)}, entities=[f"d{i % 4}" for i in range(n)], times_us=times_us)
    draft = PlanDraft(frame, ("bytes",))
    plan = draft.finish(draft.window_stat("bytes", "q75", 300.0))

    assert plan.features == ("bytes_quantile_75",)
    assert plan.interval_s == 10.0
    assert plan.history == 29


def test_without_a_clock_a_window_of_time_is_the_row_alone_in_serving_too(checked_frame: CheckedFrame) -> None:
    frame = checked_frame({"load": noise(400)}).with_columns(
        pl.lit(None, dtype=pl.Datetime("us", "UTC")).alias("@time")
    )
    draft = PlanDraft(frame, ("load",))
    plan = draft.finish(draft.window_stat("load", "mean", 300.0), draft.deviation("load"))
    compiled = CompiledPlan(plan)

    assert plan.history == 0
    assert next(step.window_s for step in plan.steps if isinstance(step, WindowStat)) == 0.0
    assert compiled.run([(90.0,), (100.0,)], [7.0, 7.0], "")[1] == 100.0
    assert run_plan(plan, frame)["load_mean"].equals(frame["load"].alias("load_mean"))


def test_a_product_and_a_column_as_it_is(checked_frame: CheckedFrame) -> None:
    frame = checked_frame({"bytes": noise(50), "hops": [2.0] * 50, "spare": [1.0] * 50})
    draft = PlanDraft(frame, ("bytes", "hops", "spare"))
    cost = draft.product("cost", ("bytes", "hops"), 0.5)
    plan = draft.finish(draft.raw("bytes"), cost)

    assert feature_matrix(plan, frame)[:, 1] == pytest.approx(feature_matrix(plan, frame)[:, 0])
    assert plan.columns == ("bytes", "hops")


def test_a_column_is_kept_for_what_reads_it_after_the_plan(checked_frame: CheckedFrame) -> None:
    draft = PlanDraft(checked_frame({"bytes": noise(50), "price": noise(50)}), ("bytes", "price"))
    draft.raw("price")

    plan = draft.finish(draft.deviation("bytes"))

    assert plan.columns == ("bytes", "price")
    assert "price" not in plan.features


def test_columns_of_text_are_passed_over_and_refused_where_asked_for(checked_frame: CheckedFrame) -> None:
    frame = checked_frame({"bytes": noise(50)}).with_columns(pl.lit("zip").alias("kind"))
    draft = PlanDraft(frame, ("bytes", "kind"))

    plan = draft.finish(draft.deviation("bytes"))

    assert plan.columns == ("bytes",)
    with pytest.raises(SchemaError, match="kind holds String"):
        draft.raw("kind")


def test_a_model_that_reads_a_sequence_gets_the_distances_of_its_rows_alone(checked_frame: CheckedFrame) -> None:
    frame = checked_frame({"load": noise(400), "heat": noise(400, seed=1)})

    plan = derive_generic(frame, ("load", "heat"), sequence=6)

    assert plan.features == ("load_deviation", "heat_deviation")
    assert (plan.sequence, plan.history, plan.reach) == (6, 0, 5)
    assert feature_matrix(plan, frame).shape == (400, 12)


def test_a_row_alone_is_given_the_window_that_rows_like_it_have(checked_frame: CheckedFrame) -> None:
    rng = np.random.default_rng(0)
    steady = np.repeat(rng.normal(size=400), 10)  # what a row is, the rows before it are
    values = {"steady": steady.tolist(), "restless": rng.normal(size=4_000).tolist()}
    plan = derive_generic(checked_frame(values), tuple(values))
    compiled = CompiledPlan(plan)

    slots = compiled.run([(2.0, 2.0)], [0.0], "")

    now, mean = ([compiled.value(slots, f"{name}_deviation{what}") for name in values] for what in ("", "_recent_mean"))
    assert mean[0] > 0.7 * now[0]
    assert 0.1 * now[1] < mean[1] < 0.3 * now[1]
    assert compiled.value(slots, "restless_deviation_recent_std") > 0.1
