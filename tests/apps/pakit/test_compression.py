"""The task `compression` as a whole: what it may see, what a choice costs, and whether it is worth it."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from telltale.apps.pakit import APP, COMPRESSION_TASK
from telltale.apps.pakit.compression.features import derive_plan
from telltale.apps.pakit.schema import MEASURED_CODECS, TRIALS
from telltale.apps.pakit.statistics import STATISTICS
from telltale.contract.errors import NotEnoughDataError
from telltale.contract.simulation import Simulation
from telltale.features.frame import feature_matrix
from telltale.models.choose_runtime import ChooseRuntime
from telltale.models.runtimes import load_runtime
from telltale.telemetry.validate import Checked
from telltale.train.choose import judge_choose, measured_costs
from telltale.train.fitted import TrainingChoices
from telltale.train.sources import check_simulated, rows_from_checked
from telltale.train.version import TrainingRows, train_version


def blocks(seed: int, n_rows: int = 1_500) -> Checked:
    return check_simulated(APP, "block", Simulation(n_rows=n_rows, seed=seed))


def trained(rows: TrainingRows, directory: Path, **choices: object) -> ChooseRuntime:
    train_version(
        APP,
        COMPRESSION_TASK,
        rows,
        TrainingChoices(**choices),  # type: ignore[arg-type]
        directory=directory,
        progress=lambda _what, _done, _of: None,
    )
    runtime = load_runtime(directory)
    assert isinstance(runtime, ChooseRuntime)
    return runtime


@pytest.fixture(scope="module")
def runtime(tmp_path_factory: pytest.TempPathFactory) -> ChooseRuntime:
    rows = rows_from_checked("file", blocks(seed=0), COMPRESSION_TASK, where="test")
    return trained(rows, tmp_path_factory.mktemp("compression") / "version")


def test_the_codec_that_was_used_and_what_came_of_it_are_no_features() -> None:
    checked = blocks(seed=0)
    unlike = checked.frame.with_columns(
        pl.lit("zstd_9").alias("compression_algorithm"),
        pl.lit(0.01).alias("compression_ratio"),
        pl.lit(1.0).alias("propensity"),
        *(pl.col(f"{codec}_ratio") * 3 for codec in MEASURED_CODECS),
    )

    plan, other = (derive_plan(frame, checked.columns) for frame in (checked.frame, unlike))

    assert plan == other
    assert np.array_equal(feature_matrix(plan, checked.frame), feature_matrix(plan, unlike))


def test_objects_are_on_one_side_of_the_split_only() -> None:
    rows = rows_from_checked("file", blocks(seed=0), COMPRESSION_TASK, where="test")

    assert not {*rows.train["@entity"]} & {*rows.held_out["@entity"]}


def test_a_choice_costs_writing_moving_and_reading(runtime: ChooseRuntime) -> None:
    block = (
        blocks(seed=3)
        .frame[:1]
        .with_columns(pl.lit(2e6).alias("block_size"), pl.lit(50.0).alias("bandwidth_mb_s"), pl.lit(3.0).alias("reads"))
    )
    row = block.row(0, named=True)

    costs = measured_costs(runtime, block)[0]

    assert costs[0] == pytest.approx(2 / 50)
    for place, codec in enumerate(MEASURED_CODECS, start=1):
        write, read = row[f"{codec}_write_s_per_mb"], row[f"{codec}_read_s_per_mb"]
        assert costs[place] == pytest.approx(2 * write + row[f"{codec}_ratio"] * 2 / 50 + 3 * 2 * read)


def test_where_a_block_does_not_say_it_is_one_read_at_100_mb_s(runtime: ChooseRuntime) -> None:
    rows = blocks(seed=3).frame[:50]
    said = rows.with_columns(pl.lit(100.0).alias("bandwidth_mb_s"), pl.lit(1.0).alias("reads"))

    assert np.array_equal(runtime.costs_of(rows), runtime.costs_of(said))


def test_the_faster_the_way_the_less_is_compressed(runtime: ChooseRuntime) -> None:
    rows = blocks(seed=3).frame

    def unpacked(bandwidth: float) -> float:
        answers = runtime.answer_frame(rows.with_columns(pl.lit(bandwidth).alias("bandwidth_mb_s")))
        return float((answers["choice"] == "none").mean())  # type: ignore[arg-type]  # of booleans

    assert unpacked(1.0) < unpacked(1_000.0) < unpacked(100_000.0) == 1.0


def test_choices_cost_less_than_the_best_single_codec_on_objects_not_trained_on(runtime: ChooseRuntime) -> None:
    judged = judge_choose(COMPRESSION_TASK, runtime, blocks(seed=1).frame)

    assert judged.verdict.outcome == "pass"
    assert judged.metrics["regret"].high < judged.metrics["regret_best_single"].low


def test_a_version_that_was_taught_by_shuffled_outcomes_does_not_pass(tmp_path: Path) -> None:
    checked = blocks(seed=0)
    names = [name for name in checked.columns if name.endswith(("_ratio", "_per_mb")) and name != "compression_ratio"]
    shuffled = checked.frame.select(names).sample(fraction=1.0, shuffle=True, seed=0)
    frame = checked.frame.with_columns(shuffled)
    rows = TrainingRows(kind="file", train=frame, held_out=frame[:0], columns=checked.columns)

    judged = judge_choose(COMPRESSION_TASK, trained(rows, tmp_path / "version"), blocks(seed=1).frame)

    assert judged.verdict.outcome != "pass"


def test_blocks_of_which_nothing_was_measured_are_nothing_to_learn_from(tmp_path: Path) -> None:
    checked = blocks(seed=0, n_rows=200)
    names = [name for name in checked.columns if name.endswith(("_ratio", "_per_mb"))]
    frame = checked.frame.with_columns(pl.lit(None, dtype=pl.Float64).alias(name) for name in names)

    with pytest.raises(NotEnoughDataError, match="lz4 on 0, snappy on 0"):
        trained(TrainingRows(kind="file", train=frame, held_out=frame[:0], columns=checked.columns), tmp_path)


def test_a_version_is_judged_at_three_bandwidths_beside_its_own(runtime: ChooseRuntime) -> None:
    rows = blocks(seed=1).frame

    judged = judge_choose(COMPRESSION_TASK, runtime, rows)

    assert judged.metrics["regret_at_100MBs"] == judged.metrics["regret"]  # which is where a block does not say
    fast = judge_choose(COMPRESSION_TASK, runtime, rows.with_columns(pl.lit(500.0).alias("bandwidth_mb_s")))
    assert (
        judged.metrics["accuracy_clear_at_500MBs"] == fast.metrics["accuracy_clear"] != judged.metrics["accuracy_clear"]
    )
    assert judged.metrics["accuracy_clear_at_500MBs"].value > judged.metrics["majority_accuracy_at_500MBs"].value
    assert set(judged.classes) == {"", "20MBs", "100MBs", "500MBs"}
    counted = sum(map(sum, judged.classes["500MBs"].confusion_matrix))
    assert counted == judged.metrics["accuracy_clear_at_500MBs"].n


def test_rows_without_trials_are_learned_from_by_all_nine_statistics() -> None:
    checked = blocks(seed=0, n_rows=200)
    old = checked.frame.drop(TRIALS)

    plan = derive_plan(old, tuple(name for name in checked.columns if name not in TRIALS))
    new = derive_plan(checked.frame, checked.columns)

    assert {f"{name}_filled" for name in STATISTICS} < set(plan.features)
    assert not {f"{name}_log" for name in TRIALS} & set(plan.features)
    assert {f"{name}_log" for name in TRIALS} < set(new.features)
