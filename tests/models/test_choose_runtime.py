import math
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from msgspec.structs import replace

from telltale.contract.answer import Input
from telltale.contract.errors import BundleError, SchemaError
from telltale.contract.estimator import Parts
from telltale.contract.kinds import Choices, Outcome
from telltale.contract.plan import ForwardFill, Plan, Product
from telltale.contract.schema import Column, EventSchema
from telltale.contract.verdict import Verdict
from telltale.models.bundle import Bundle
from telltale.models.choose_runtime import SAMPLE_ROWS, ChooseRuntime
from telltale.models.linear_outcomes import ESTIMATOR
from telltale.models.manifest import Manifest, TrainedOn
from telltale.telemetry.frames import ENTITY, TIME, TIME_DTYPE

# Two roads: the long one takes its length, learned as e**x; the short one a known hour, at a price.
CHOICES = Choices(
    names=("long", "short"),
    outcomes=(
        Outcome(name="time", column="{choice}_time", weight="hour_price", known={"short": 1.0}),
        Outcome(name="toll", column="{choice}_toll", weight="toll_price", known={"long": 0.0, "short": 5.0}),
    ),
    unit="eur",
)
PLAN = Plan(
    columns=("x", "price", "toll"),
    steps=(
        ForwardFill(out="price_filled", column="price", limit=0, otherwise=1.0),
        Product(out="hour_price", columns=("price_filled",), factor=2.0),
        Product(out="toll_price", columns=("toll",)),
    ),
    features=("x",),
    explained=(),
    history=0,
    interval_s=0.0,
)


def bundle(*, plan: Plan = PLAN, choices: Choices | None = CHOICES) -> Bundle:
    x = np.linspace(-3.0, 3.0, 400, dtype=np.float32)[:, None]
    parts = ESTIMATOR.fit(x, outcomes=x.astype(np.float64), parameters={"alpha": 1e-6}, seed=0)
    sample = np.array([[-2.0, math.nan, 1.0], [0.0, 3.0, 1.0], [2.0, 1.0, 0.0]])
    manifest = Manifest(
        app="check",
        task="roads",
        kind="choose",
        event=EventSchema(name="event", columns=tuple(Column(name=name) for name in plan.columns)),
        plan=plan,
        estimator="linear_outcomes",
        parameters={},
        seed=0,
        choices=choices,
        trained_on=TrainedOn(kind="simulated", sha256="", n_rows=0, n_positive=None, first="", last=""),
        reference={},
        verdict=Verdict(outcome="not_enough_evidence", targets=(), n=0, n_positive=0),
        metrics={},
        libraries={},
    )
    return Bundle(
        manifest=manifest,
        parts=replace(parts, arrays={**parts.arrays, SAMPLE_ROWS: sample}),
        trained_rows=np.empty(0, dtype=np.uint64),
    )


def frame(rows: list[list[float | None]]) -> pl.DataFrame:
    columns = {name: pl.Series([row[at] for row in rows], dtype=pl.Float64) for at, name in enumerate(PLAN.columns)}
    times = pl.Series([0] * len(rows), dtype=pl.Int64).cast(TIME_DTYPE)
    return pl.DataFrame({ENTITY: [""] * len(rows), TIME: times, **columns})


@pytest.mark.parametrize(
    ("row", "long", "short"),
    [
        ([0.0, 1.0, 1.0], 2.0 * 1.0, 2.0 + 5.0),
        ([2.0, 1.0, 1.0], 2.0 * math.exp(2.0), 2.0 + 5.0),
        ([2.0, None, 1.0], 2.0 * math.exp(2.0), 2.0 + 5.0),
        ([1.0, 0.5, 0.0], math.exp(1.0), 1.0),
    ],
)
def test_a_choice_costs_its_outcomes_times_their_weights(row: list[float | None], long: float, short: float) -> None:
    answer = ChooseRuntime(bundle()).answer_row(row, 0.0)

    assert answer.costs == pytest.approx({"long": long, "short": short}, rel=1e-5)
    assert answer.choice == ("long" if long < short else "short")
    assert (answer.unit, answer.context) == ("eur", "window")


def test_row_rows_windows_and_frame_answer_alike() -> None:
    runtime = ChooseRuntime(bundle())
    rng = np.random.default_rng(0)
    rows: list[list[float | None]] = [
        [float(x), None if x > 1 else float(price), float(toll)] for x, price, toll in rng.uniform(0, 2, (40, 3))
    ]

    one_by_one = [runtime.answer_row(row, 0.0) for row in rows]

    assert runtime.answer_rows([(row, 0.0, None, False) for row in rows]) == one_by_one
    assert runtime.answer([Input(rows=[row], times=[0.0]) for row in rows]) == one_by_one
    framed = runtime.answer_frame(frame(rows))
    assert framed.columns == ["choice", "cost", "cost_long", "cost_short"]
    assert framed["choice"].to_list() == [answer.choice for answer in one_by_one]
    assert framed["cost_long"].to_list() == pytest.approx([answer.costs["long"] for answer in one_by_one])
    assert framed["cost"].to_list() == pytest.approx([min(answer.costs.values()) for answer in one_by_one])
    assert runtime.answer_frame(frame([])).height == 0
    assert runtime.answer_rows([]) == []


def test_the_best_single_choice_is_that_of_rows_as_in_training_at_the_prices_given() -> None:
    runtime = ChooseRuntime(bundle())

    assert runtime.best_single({}) == "long"
    assert runtime.best_single({"toll": 0.0}) == "short"


def test_a_row_without_a_value_that_is_needed_is_refused() -> None:
    with pytest.raises(SchemaError, match="x is None"):
        ChooseRuntime(bundle()).answer([Input(rows=[[None, 1.0, 1.0]], times=[0.0])])


def test_the_self_test_passes_and_sees_a_model_of_another_shape() -> None:
    ChooseRuntime(bundle()).self_test()
    other = ESTIMATOR.fit(
        np.zeros((40, 2), dtype=np.float32), outcomes=np.ones((40, 3)), parameters=ESTIMATOR.defaults, seed=0
    )
    whole = bundle()
    wrong = Parts(arrays={**other.arrays, SAMPLE_ROWS: whole.parts.arrays[SAMPLE_ROWS]})

    with pytest.raises(BundleError, match="self-test failed"):
        ChooseRuntime(replace(whole, parts=wrong)).self_test()


def test_a_bundle_that_does_not_say_what_to_choose_from_is_refused() -> None:
    whole = bundle()
    bare = Parts(arrays={name: array for name, array in whole.parts.arrays.items() if name != SAMPLE_ROWS})

    with pytest.raises(BundleError, match="no choices"):
        ChooseRuntime(bundle(choices=None))
    with pytest.raises(BundleError, match=r"weights \['hour_price'\]"):
        ChooseRuntime(bundle(plan=replace(PLAN, steps=(PLAN.steps[0], PLAN.steps[2]))))
    with pytest.raises(BundleError, match="sample_rows"):
        ChooseRuntime(replace(whole, parts=bare))


def test_answering_loads_no_training_library(tmp_path: Path) -> None:
    from telltale.testing.processes import in_another_process

    assert in_another_process(_libraries_of_a_choice) == []


def _libraries_of_a_choice() -> list[str]:
    import sys

    before = set(sys.modules)
    x = np.zeros((1, 1), dtype=np.float32)
    names = ("centre", "spread", "level", "low", "high")
    arrays = {name: np.ones(1) for name in names} | {"slopes": np.ones((1, 1))}
    ESTIMATOR.load(Parts(arrays=arrays)).predict(x)
    return sorted({"sklearn", "scipy", "torch"} & (set(sys.modules) - before))
