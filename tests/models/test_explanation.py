"""Reasons of an answer whose model reads a window: of which row of it, and the same on every path."""

from datetime import UTC, datetime, timedelta

import msgspec
import numpy as np
import polars as pl
import pytest
from msgspec.structs import replace

from telltale.contract.answer import Input, Reason, ScoreAnswer
from telltale.contract.estimator import Features, Parts
from telltale.contract.plan import Plan, Seasonal
from telltale.features.derive import PlanDraft
from telltale.features.frame import feature_matrix
from telltale.features.own_level import apart, apart_now, apart_over
from telltale.models.bundle import Bundle
from telltale.models.robust_z import ESTIMATOR
from telltale.models.score_runtime import ScoreRuntime
from telltale.telemetry.frames import ENTITY, LABEL, TIME
from telltale.testing.samples import sample_manifest, windows

START = datetime(2024, 1, 1, tzinfo=UTC)
STEP_S = 10.0
COLUMNS = ("load", "heat", "delay")
KINDS = ("row", "window", "sequence", "own level")


def telemetry(entities: tuple[str, ...], *, n: int, seed: int) -> pl.DataFrame:
    """Rows of each entity every ten seconds; some have no delay."""
    rng = np.random.default_rng(seed)
    own = [
        pl.DataFrame(
            {
                ENTITY: [entity] * n,
                TIME: [START + timedelta(seconds=STEP_S * row) for row in range(n)],
                "load": rng.normal(100.0 * (1 + place), 5.0, n),
                "heat": rng.lognormal(3.0, 1.0, n),
                "delay": [None if rng.random() < 0.1 else float(x) for x in rng.normal(20.0, 1.0, n)],
            },
            schema_overrides={TIME: pl.Datetime("us", "UTC")},
        )
        for place, entity in enumerate(entities)
    ]
    return pl.concat(own)


TRAINED = telemetry(("a", "b"), n=400, seed=0)


def plan_of(kind: str) -> Plan:
    draft = PlanDraft(TRAINED.with_columns(pl.lit(0, pl.Int8).alias(LABEL)), COLUMNS)
    if kind == "own level":
        of = {name: apart(draft, name, rows=12) for name in ("load", "heat")}
        now = (
            apart_now(draft, of["load"]),
            apart_now(draft, of["heat"]),
            draft.deviation(draft.fill("delay", 2), only_more=True),
        )
        peak = apart_over(draft, of["load"], "max", 60.0, out="peak")
        return draft.finish(*now, peak, apart_over(draft, of["heat"], "mean", 90.0, out="warmth"))
    delay = draft.deviation(draft.fill("delay", 2), only_more=True)
    load, heat = draft.deviation("load"), draft.deviation("heat")
    if kind == "row":
        return draft.finish(load, heat, delay)
    if kind == "sequence":
        return draft.finish(load, heat, delay, sequence=6)
    # No window reads the delay; its change is of the row that is decided.
    return draft.finish(
        load,
        heat,
        draft.change(delay, window=4),
        draft.window_stat(load, "mean", 60.0),
        draft.window_stat(heat, "max", 90.0),
    )


def runtime_of(kind: str) -> ScoreRuntime:
    plan = plan_of(kind)
    rows: Features = feature_matrix(plan, TRAINED)
    parts: Parts = ESTIMATOR.fit(rows, labels=None, parameters=ESTIMATOR.defaults, seed=0)
    manifest = replace(sample_manifest("robust_z"), plan=plan, columns=COLUMNS, threshold=6.0)
    return ScoreRuntime(Bundle(manifest=manifest, parts=parts, trained_rows=np.empty(0, dtype=np.uint64)))


RUNTIMES = {kind: runtime_of(kind) for kind in KINDS}


def asked(runtime: ScoreRuntime, frame: pl.DataFrame) -> ScoreAnswer:
    """The answer to the last row."""
    return runtime.answer(windows(runtime, frame, [frame.height - 1]), explain=True)[0]


def moved(frame: pl.DataFrame, column: str, back: int, value: float) -> pl.DataFrame:
    """The frame with another value so many rows before its last one."""
    values = frame[column].to_list()
    values[-1 - back] = value
    return frame.with_columns(pl.Series(column, values))


def close(reason: Reason) -> Reason:
    """Equal to a reason whose numbers differ in their last bits."""
    names = ("value", "expected_low", "expected_high", "distance")
    return replace(reason, **{name: pytest.approx(getattr(reason, name), rel=1e-9, abs=1e-9) for name in names})


@pytest.mark.parametrize("kind", ["window", "sequence", "own level"])
def test_a_metric_is_told_as_of_the_row_of_the_window_where_it_was_furthest_outside(kind: str) -> None:
    calm = telemetry(("a",), n=40, seed=5)
    frame = moved(moved(calm, "load", 4, 190.0), "load", 2, 150.0)

    [told, *_] = asked(RUNTIMES[kind], frame).reasons

    assert (told.metric, told.value) == ("load", 190.0)
    assert (told.rows_before, told.at) == (4, "2024-01-01T00:05:50Z")  # the last one is at 00:06:30
    assert 80 < told.expected_low < 100 < told.expected_high < 120


@pytest.mark.parametrize("kind", ["window", "sequence", "own level"])
def test_what_lies_before_the_window_is_no_reason(kind: str) -> None:
    frame = moved(telemetry(("a",), n=40, seed=5), "load", 6, 190.0)

    told = asked(RUNTIMES[kind], frame).reasons

    assert [reason.metric for reason in told if abs(reason.distance) > 3.0] in ([], ["heat"])


def test_a_metric_that_the_model_reads_in_the_last_row_alone_is_told_as_of_that() -> None:
    calm = telemetry(("a",), n=40, seed=5)

    before = asked(RUNTIMES["window"], moved(calm, "delay", 3, 90.0))
    last = asked(RUNTIMES["window"], moved(calm, "delay", 0, 90.0))

    assert all(reason.metric != "delay" or reason.value < 30 for reason in before.reasons)
    assert [(reason.value, reason.at) for reason in last.reasons if reason.metric == "delay"] == [
        (90.0, "2024-01-01T00:06:30Z")
    ]


def test_of_rows_without_time_it_is_told_how_many_rows_before_the_last_that_was() -> None:
    runtime, frame = RUNTIMES["sequence"], moved(telemetry(("a",), n=40, seed=5), "load", 4, 190.0)
    timeless = frame.with_columns(pl.lit(None, dtype=frame[TIME].dtype).alias(TIME))

    [told, *_] = runtime.explain_frame(timeless, [39])[0]

    assert (told.value, told.at, told.rows_before) == (190.0, msgspec.UNSET, 4)


def test_a_new_entity_is_held_against_the_level_of_its_own_last_rows() -> None:
    frame = telemetry(("never-seen",), n=40, seed=5).with_columns(pl.col("load") * 50)
    risen = frame.with_columns(pl.when(pl.int_range(40) >= 32).then(pl.col("load") * 2).otherwise(pl.col("load")))

    [reasons] = RUNTIMES["own level"].explain_frame(moved(risen, "load", 3, 90_000.0), [39])
    told = {one.metric: one for one in reasons}["load"]

    # Of its last twelve rows eight have risen; of the twelve that end with the row that is told of, five.
    level = risen["load"].tail(12).median()
    assert isinstance(level, float)
    assert (told.value, told.at) == (90_000.0, "2024-01-01T00:06:00Z")
    assert told.expected_low < level < told.expected_high < 2 * level
    assert np.sqrt(told.expected_low * told.expected_high) == pytest.approx(level, rel=0.02)


def test_of_rows_equally_far_the_newest_is_told() -> None:
    frame = moved(moved(telemetry(("a",), n=40, seed=5), "load", 5, 190.0), "load", 1, 190.0)

    assert asked(RUNTIMES["sequence"], frame).reasons[0].at == "2024-01-01T00:06:20Z"


def test_a_model_of_single_rows_tells_no_other_row_and_a_calm_answer_has_no_reasons() -> None:
    calm = telemetry(("a",), n=40, seed=5)
    runtime = RUNTIMES["row"]
    [told] = runtime.answer(windows(runtime, moved(calm, "load", 0, 190.0), [39]))

    assert set(msgspec.to_builtins(told.reasons[0])) == {
        "metric", "value", "expected_low", "expected_high", "distance", "against"
    }  # fmt: skip
    for of_kind in RUNTIMES.values():
        assert of_kind.answer(windows(of_kind, calm, [39]))[0].reasons == ()


@pytest.mark.parametrize("kind", KINDS)
def test_windows_frames_and_a_look_over_all_entities_have_the_same_reasons(kind: str) -> None:
    runtime, rng = RUNTIMES[kind], np.random.default_rng(3)
    n, entities = 25, ("a", "b", "never-seen")
    frame = telemetry(entities, n=n, seed=8).with_columns(
        pl.when(pl.Series(rng.random(n * 3) < 0.1)).then(pl.col(name) * 9).otherwise(pl.col(name)).alias(name)
        for name in COLUMNS
    )
    places = list(range(frame.height))
    ends = [n - 1, 2 * n - 1, 3 * n - 1]

    by_window = runtime.answer(windows(runtime, frame, places), explain=True)
    by_frame = runtime.explain_frame(frame, places)
    newest = runtime.answer_last(frame)

    assert any(reason.at not in {msgspec.UNSET, by_window[0].reasons[0].at} for reason in by_frame[-1]) or kind == "row"
    for told, framed in zip(by_window, by_frame, strict=True):
        assert framed == tuple(close(reason) for reason in told.reasons)
    assert [one.decision for one in newest] == [by_window[end].decision for end in ends]
    assert any(one.decision for one in newest)
    for one, end in zip(newest, ends, strict=True):
        assert one.reasons == (tuple(close(reason) for reason in by_window[end].reasons) if one.decision else ())


@pytest.mark.parametrize("kind", KINDS)
def test_an_entity_that_training_has_not_seen_is_said_to_be_new(kind: str) -> None:
    runtime = RUNTIMES[kind]
    frame = telemetry(("a", "never-seen"), n=30, seed=2)
    rows, times = frame.select(COLUMNS).rows()[:1], [START.timestamp()]

    assert [one.entity_is_new for one in runtime.answer_last(frame)] == [False, True]
    for entity, is_new in (("a", False), ("b", False), ("never-seen", True), (None, False)):
        assert runtime.answer([Input(rows=rows, times=times, entity=entity)])[0].entity_is_new is is_new
        assert runtime.answer_row(rows[0], times[0], entity).entity_is_new is is_new
        assert runtime.answer_rows([(rows[0], times[0], entity, False)])[0].entity_is_new is is_new


def test_where_no_entity_has_levels_of_its_own_none_is_new() -> None:
    runtime = RUNTIMES["row"]
    steps = tuple(
        replace(step, tables={"": step.tables[""]}) if isinstance(step, Seasonal) else step
        for step in runtime.plan.steps
    )
    alike = ScoreRuntime(
        replace(runtime.bundle, manifest=replace(runtime.manifest, plan=replace(runtime.plan, steps=steps)))
    )

    assert not any(one.entity_is_new for one in alike.answer_last(telemetry(("a", "never-seen"), n=30, seed=2)))
