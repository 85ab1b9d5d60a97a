"""Segments end to end: trained, named, stored, answered, judged."""

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from telltale.contract.answer import Input
from telltale.contract.app import App, Task
from telltale.contract.errors import BundleError, UsageError
from telltale.contract.estimator import Parts
from telltale.contract.plan import Log, Plan
from telltale.contract.schema import Column, EventSchema
from telltale.contract.split import ByEntity
from telltale.contract.verdict import Target
from telltale.models.bundle import load_bundle, save_bundle
from telltale.models.segment_runtime import SegmentRuntime
from telltale.telemetry.frames import ENTITY, LINE, TIME
from telltale.train.fitted import TrainingChoices
from telltale.train.segment import judge_segment
from telltale.train.segment_names import segment_names
from telltale.train.split import hold_out
from telltale.train.version import TrainingRows, train_version

COLUMNS = ("login_count", "purchase_count")


def plan(frame: pl.DataFrame, columns: tuple[str, ...], *, sequence: int = 1) -> Plan:
    steps = tuple(Log(out=f"{name}_log", column=name, scale=1.0) for name in COLUMNS)
    return Plan(
        columns=COLUMNS,
        steps=steps,
        features=tuple(step.out for step in steps),
        explained=(),
        history=0,
        interval_s=0.0,
        sequence=sequence,
    )


TASK = Task(
    name="activity",
    kind="segment",
    event="activity",
    estimators=("kmeans",),
    targets=(Target(metric="bootstrap_ari", op=">=", limit=0.8),),
    minimum_rows=50,
    schedule="0 2 * * *",
    derive_plan=plan,
    split=ByEntity(share=0.25),
)
EVENT = EventSchema(name="activity", columns=tuple(Column(name=name) for name in COLUMNS), entity="user_id")


def no_rows(event: str, how: object) -> pl.DataFrame:
    raise UsageError(event)


APP = App(
    name="shop", title="", events=(EVENT,), tasks=(TASK,), simulate=no_rows, start=datetime(2024, 1, 1, tzinfo=UTC)
)


def customers(n: int = 300, seed: int = 0) -> pl.DataFrame:
    """Three kinds: those who buy, those who look, and those who do neither."""
    rng = np.random.default_rng(seed)
    counts = rng.poisson(np.array([(12.0, 8.0), (12.0, 0.3), (0.5, 0.1)])[np.arange(n) % 3]).astype(float)
    return pl.DataFrame(
        {
            ENTITY: [f"{seed}-{number:04d}" for number in range(n)],
            TIME: pl.Series([datetime(2024, 1, 1, tzinfo=UTC)] * n).dt.cast_time_unit("us"),
            LINE: pl.Series(range(1, n + 1), dtype=pl.Int64),
            "login_count": counts[:, 0],
            "purchase_count": counts[:, 1],
        }
    )


def trained(directory: Path, **choices: object) -> SegmentRuntime:
    train, held_out = hold_out(customers(), TASK.split)
    rows = TrainingRows(kind="file", train=train, held_out=held_out, columns=COLUMNS)
    made = TrainingChoices(**choices)  # type: ignore[arg-type]  # by name, as the tests write them
    train_version(APP, TASK, rows, made, directory=directory, progress=lambda *_: None)
    return SegmentRuntime(load_bundle(directory))


@pytest.fixture(scope="module")
def runtime(tmp_path_factory: pytest.TempPathFactory) -> SegmentRuntime:
    return trained(tmp_path_factory.mktemp("segment"))


def test_segments_are_named_by_what_they_have_more_or_less_of(runtime: SegmentRuntime) -> None:
    rows = ((12.0, 9.0), (13.0, 0.0), (0.0, 0.0))
    buys, looks, sleeps = (runtime.answer_row(row, 0.0) for row in rows)

    assert buys.name.startswith("many purchases")
    assert "many logins" in looks.name
    assert "few logins" in sleeps.name
    assert len({answer.segment for answer in (buys, looks, sleeps)}) == 3
    assert buys.share == pytest.approx(1 / 3, abs=0.05)


def test_every_way_of_asking_gives_the_same_answer(runtime: SegmentRuntime) -> None:
    frame = customers(seed=1)
    rows = frame.select(COLUMNS).rows()
    one_by_one = [runtime.answer_row(row, 0.0) for row in rows]

    assert runtime.answer_rows([(row, 0.0, None, False) for row in rows]) == one_by_one
    assert runtime.answer([Input(rows=[row], times=[0.0]) for row in rows]) == one_by_one
    framed = runtime.answer_frame(frame)
    assert framed["segment"].to_list() == [answer.segment for answer in one_by_one]
    assert framed["name"].to_list() == [answer.name for answer in one_by_one]
    runtime.self_test()


def test_the_number_of_segments_chosen_is_in_the_manifest(runtime: SegmentRuntime) -> None:
    assert runtime.manifest.parameters["k"] == len(runtime.names)


def test_kinds_that_are_there_come_out_again_for_other_customers(runtime: SegmentRuntime) -> None:
    judged = judge_segment(TASK, runtime, customers(seed=2))

    assert judged.verdict.outcome == "pass"
    assert judged.metrics["bootstrap_ari"].value > 0.9
    assert judged.metrics["smallest_share"].value > 0.03
    assert len(runtime.refits()) == 20


def test_judging_no_rows_is_no_evidence(runtime: SegmentRuntime) -> None:
    assert judge_segment(TASK, runtime, customers()[:0]).verdict.outcome == "not_enough_evidence"


def test_a_search_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no --tune"):
        trained(tmp_path, n_trials=3)


@pytest.mark.parametrize(("names", "fault"), [({}, "names.json lacks"), ({"segments": ("one",)}, "1 names, ")])
def test_a_bundle_whose_names_are_lost_is_refused(
    runtime: SegmentRuntime, tmp_path: Path, names: dict[str, tuple[str, ...]], fault: str
) -> None:
    bundle = runtime.bundle
    save_bundle(tmp_path, bundle.manifest, Parts(arrays=bundle.parts.arrays, names=names), bundle.trained_rows)

    with pytest.raises(BundleError, match=fault):
        SegmentRuntime(load_bundle(tmp_path))


def test_no_two_segments_have_the_same_name() -> None:
    which = np.repeat(np.arange(3), 50)
    alike = pl.DataFrame({"visit_count": np.r_[np.zeros(50), np.full(100, 9.0)], "load": np.zeros(150)})

    assert segment_names(alike, which) == ("few visits", "many visits (1)", "many visits (2)")


def test_a_segment_like_the_rest_is_called_ordinary_and_odd_columns_are_named_plainly() -> None:
    which = np.repeat(np.arange(3), 50)
    values = pl.DataFrame({"mean_basket": np.repeat([1.0, 5.0, 9.0], 50), "country": ["x"] * 150})

    assert segment_names(values, which) == ("low mean basket", "about average", "high mean basket")


def test_words_are_added_until_two_segments_differ() -> None:
    which = np.repeat(np.arange(4), 50)
    values = pl.DataFrame(
        {
            "login_count": np.repeat([9.0, 9.1, 0.0, 0.1], 50),
            "purchase_count": np.repeat([9.1, 9.0, 0.1, 0.0], 50),
            "cart_count": np.repeat([6.0, 4.0, 5.0, 5.1], 50),
        }
    )

    names = segment_names(values, which)

    assert len(set(names)) == 4
    assert "many carts" in names[0]
    assert "few carts" in names[1]
