"""Policies end to end: trained, stored, asked, taught, judged by a later log."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import numpy as np
import polars as pl
import pytest

from telltale.contract.app import App, Task
from telltale.contract.errors import BundleError, NotEnoughDataError, SchemaError, UsageError
from telltale.contract.kinds import Acting, Reward
from telltale.contract.query import ActQuery
from telltale.contract.schema import Column, EventSchema
from telltale.contract.verdict import Target
from telltale.models.act_runtime import MOST_AVAILABLE, ActRuntime
from telltale.models.bundle import load_bundle
from telltale.telemetry.frames import ENTITY, LINE, TIME, sort_checked
from telltale.train.act import judge_act
from telltale.train.fitted import TrainingChoices
from telltale.train.split import hold_out
from telltale.train.version import TrainingRows, train_version

START = datetime(2024, 1, 1, tzinfo=UTC)
WORKERS = ("quick", "middling", "slow")
USUAL_S = {"quick": 1.0, "middling": 2.0, "slow": 6.0}
COLUMNS = ("seconds", "size", "workers", "propensity")
EVENT = EventSchema(
    name="job",
    columns=(
        Column(name="seconds"),
        Column(name="size", nullable=True),
        Column(name="workers", dtype="strs"),
        Column(name="propensity", nullable=True),
    ),
    entity="worker",
)
TASK = Task(
    name="send",
    kind="act",
    event="job",
    estimators=("linear_thompson",),
    targets=(Target(metric="gain_dr", op=">=", limit=0.0), Target(metric="overlap", op=">=", limit=0.6)),
    acting=Acting(
        action=("worker",),
        reward=Reward(column="seconds", is_cost=True),
        context=("size",),
        available="workers",
    ),
    minimum_rows=100,
    schedule="",
)
APP = App(
    name="made", title="", events=(EVENT,), tasks=(TASK,), simulate=lambda _event, _how: pl.DataFrame(), start=START
)


def jobs(n: int, *, seed: int = 0, has_propensity: bool = True, workers: tuple[str, ...] = WORKERS) -> pl.DataFrame:
    """Jobs sent to any worker, evenly."""
    rng = np.random.default_rng(seed)
    sent = rng.choice(workers, n)
    size = rng.normal(size=n)
    seconds = np.array([USUAL_S[name] for name in sent]) * np.exp(0.3 * size + 0.3 * rng.normal(size=n))
    return sort_checked(
        pl.DataFrame(
            {
                ENTITY: sent.tolist(),
                TIME: pl.Series(
                    [START + timedelta(seconds=seed * n + i) for i in range(n)], dtype=pl.Datetime("us", "UTC")
                ),
                LINE: np.arange(1, n + 1),
                "seconds": seconds,
                "size": size,
                "workers": [list(workers)] * n,
                "propensity": [1.0 / len(workers) if has_propensity else None] * n,
            },
            schema_overrides={"propensity": pl.Float64},
        )
    )


def trained(frame: pl.DataFrame, directory: Path, **choices: object) -> ActRuntime:
    train, held_out = hold_out(frame, TASK.split)
    rows = TrainingRows(kind="file", train=train, held_out=held_out, columns=COLUMNS)
    made = TrainingChoices(**choices)  # type: ignore[arg-type]  # by name, as the tests write them
    train_version(APP, TASK, rows, made, directory=directory, progress=lambda *_: None)
    return ActRuntime(load_bundle(directory))


@pytest.fixture(scope="module")
def runtime(tmp_path_factory: pytest.TempPathFactory) -> ActRuntime:
    return trained(jobs(900), tmp_path_factory.mktemp("act") / "bundle")


def test_a_policy_that_learned_who_is_quick_passes_and_says_by_how_much(runtime: ActRuntime) -> None:
    manifest = runtime.manifest
    gain = manifest.verdict.targets[0]

    assert manifest.verdict.outcome == "pass"
    assert gain.value == pytest.approx(np.mean(list(USUAL_S.values())) - 1.0, rel=0.4)  # seconds a job
    assert (gain.low or 0) > 0
    value, logged = manifest.metrics["value_dr"], manifest.metrics["value_logged"]
    assert value is not None
    assert logged is not None
    assert value > logged
    assert manifest.metrics["overlap"] == pytest.approx(1.0, abs=0.35)
    told = runtime.ask([ActQuery(available=WORKERS)])[0]
    assert set(told.action) == {"worker"}
    assert runtime.ask([ActQuery(available=("quick",))])[0].expected == pytest.approx(-1.1, rel=0.2)


def test_rows_without_a_propensity_are_no_evidence(runtime: ActRuntime) -> None:
    judged = judge_act(TASK, runtime, jobs(300, seed=5, has_propensity=False))
    impossible = jobs(300, seed=5).with_columns(pl.Series("workers", [["another"]] * 300))

    assert judged.verdict.outcome == "not_enough_evidence"
    assert judged.metrics == {}
    assert judge_act(TASK, runtime, impossible).verdict.n == 0
    assert judge_act(TASK, runtime, jobs(300, seed=5)).verdict.n == 300


def test_a_log_that_never_does_what_the_policy_would_does_not_pass(runtime: ActRuntime) -> None:
    slow_only = jobs(300, seed=6, workers=("middling", "slow")).with_columns(
        pl.Series("workers", [list(WORKERS)] * 300), propensity=pl.lit(0.5)
    )

    judged = judge_act(TASK, runtime, slow_only)

    assert judged.verdict.outcome == "fail"
    assert [(target.name, target.met) for target in judged.verdict.targets][1] == ("overlap", False)
    assert judged.metrics["overlap"].high < 0.2


def test_what_is_available_is_all_that_is_done(runtime: ActRuntime) -> None:
    answers = runtime.ask([ActQuery(available=("slow", "middling"))] * 5_000)

    assert {answer.action["worker"] for answer in answers} == {"slow", "middling"}
    for wrong in ((), ("quick", "quick"), ("",), tuple(map(str, range(MOST_AVAILABLE + 1)))):
        with pytest.raises(UsageError, match=r"workers.*Name what can be done"):
            runtime.ask([ActQuery(available=wrong)])
    with pytest.raises(SchemaError, match=r"weather.*size"):
        runtime.ask([ActQuery(available=WORKERS, context={"weather": 1.0})])


def test_what_came_of_it_is_learned_and_can_be_taken_back(runtime: ActRuntime) -> None:
    worse = jobs(600, seed=7).with_columns(
        seconds=pl.when(pl.col(ENTITY) == "quick").then(20.0).otherwise(pl.col("seconds"))
    )
    query = ActQuery(available=WORKERS)

    learned = runtime.learn(worse)

    assert runtime.probabilities(query)["quick"] > 0.9
    assert learned.probabilities(query)["middling"] > 0.9
    assert learned.ask([query])[0].n_learned == 600
    assert runtime.with_learned(learned.learned()).probabilities(query) == learned.probabilities(query)
    assert runtime.learn(worse[:0]) is runtime
    with pytest.raises(BundleError, match="n_learned"):
        runtime.with_learned(msgspec.structs.replace(learned.learned(), arrays={}))


def test_every_row_is_answered_with_the_likeliest_and_with_its_own_chance(runtime: ActRuntime) -> None:
    frame = jobs(60, seed=8)
    told = runtime.answer_frame(frame)

    assert told.height == 60
    assert set(told["best"]) == {"quick"}
    assert told["best_probability"].min() > 0.9  # type: ignore[operator]  # a number
    own = told.filter(pl.col("action") == "slow")["probability"]
    assert 0.0 < own.max() < 0.1  # type: ignore[operator]  # a number
    assert told.filter(pl.col("action") == "quick")["probability"].min() > 0.9  # type: ignore[operator]


def test_one_action_alone_or_a_search_cannot_be_trained(tmp_path: Path) -> None:
    with pytest.raises(NotEnoughDataError, match="1 different actions among"):
        trained(jobs(300, workers=("quick",)), tmp_path / "one")
    with pytest.raises(UsageError, match="tune"):
        trained(jobs(300), tmp_path / "tuned", n_trials=3)
