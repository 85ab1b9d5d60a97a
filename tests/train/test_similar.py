"""Indexes end to end: fitted, judged by what there is to be found, refused where there is nothing to compare."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from msgspec.structs import replace as with_parts

from telltale.apps.pakit import APP
from telltale.apps.pakit.dedup.task import DEDUP_TASK
from telltale.contract.errors import BundleError, NotEnoughDataError, UsageError
from telltale.contract.simulation import Simulation
from telltale.models.bundle import load_bundle
from telltale.models.runtimes import load_runtime
from telltale.models.similar_runtime import SimilarRuntime
from telltale.train.fitted import TrainingChoices
from telltale.train.similar import jaccard, judge_similar
from telltale.train.sources import check_simulated, rows_simulated
from telltale.train.version import Trained, TrainingRows, train_version

ROWS = rows_simulated(APP, DEDUP_TASK, Simulation(n_rows=1_500))


def trained(directory: Path, rows: TrainingRows = ROWS, **choices: object) -> Trained:
    return train_version(
        APP,
        DEDUP_TASK,
        rows,
        TrainingChoices(**choices),  # type: ignore[arg-type]  # by name, as the tests write them
        directory=directory,
        progress=lambda *_: None,
    )


def loaded(directory: Path) -> SimilarRuntime:
    runtime = load_runtime(directory)
    assert isinstance(runtime, SimilarRuntime)
    return runtime


def test_an_index_that_finds_what_there_is_passes(tmp_path: Path) -> None:
    metrics = trained(tmp_path).judged.metrics

    assert metrics["recall_5"].value == 1.0
    assert metrics["similarity_error"].value < 0.001


def test_an_index_that_overlooks_much_fails(tmp_path: Path) -> None:
    judged = trained(tmp_path, parameters={"hooks": 1, "bucket": 1}).judged

    assert judged.verdict.outcome == "fail"
    assert judged.metrics["recall_5"].value < 0.8


def test_sketches_too_small_are_seen_in_the_error_and_not_in_the_recall(tmp_path: Path) -> None:
    judged = trained(tmp_path, parameters={"sketch_size": 16}).judged

    assert judged.metrics["recall_5"].value > 0.9
    assert judged.metrics["similarity_error"].value > 0.03


def test_the_version_that_is_kept_knows_the_rows_that_it_was_judged_on(tmp_path: Path) -> None:
    trained(tmp_path)

    known = ROWS.held_out.filter(pl.col("is_removed") != 1.0)["block_hash"].to_list()
    assert all(loaded(tmp_path).index.has(name) for name in known)


def test_rows_that_ask_nothing_are_no_evidence(tmp_path: Path) -> None:
    trained(tmp_path)

    judged = judge_similar(DEDUP_TASK, loaded(tmp_path), ROWS.held_out[:0])

    assert judged.verdict.outcome == "not_enough_evidence"
    assert judged.metrics == {}


def test_rows_without_fingerprints_are_compared_by_figures_and_judged_by_nothing(tmp_path: Path) -> None:
    nothing = pl.lit(None, dtype=pl.List(pl.Float64)).alias("chunk_hashes")
    rows = TrainingRows(
        kind="file",
        train=ROWS.train.with_columns(nothing),
        held_out=ROWS.held_out.with_columns(nothing),
        columns=ROWS.columns,
    )

    judged = trained(tmp_path, rows).judged

    answer = loaded(tmp_path).answer_frame(ROWS.train[:5])
    assert judged.verdict.outcome == "not_enough_evidence"
    assert set(answer["source"]) == {"figures"}


def test_fewer_than_two_things_and_a_search_are_refused(tmp_path: Path) -> None:
    one = ROWS.train[:1]
    rows = TrainingRows(kind="file", train=one, held_out=one[:0], columns=ROWS.columns)

    with pytest.raises(NotEnoughDataError, match="At least two"):
        trained(tmp_path, rows)
    with pytest.raises(UsageError):
        trained(tmp_path, n_trials=3)


def test_a_bundle_that_does_not_say_what_is_compared_is_refused(tmp_path: Path) -> None:
    trained(tmp_path)
    bundle = load_bundle(tmp_path)

    with pytest.raises(BundleError, match="what is compared"):
        SimilarRuntime(with_parts(bundle, manifest=with_parts(bundle.manifest, similarity=None)))


def test_a_question_after_many_small_lessons_is_answered_as_after_one(tmp_path: Path) -> None:
    trained(tmp_path)
    version = loaded(tmp_path)
    later = check_simulated(APP, "block", Simulation(n_rows=300, seed=5), days_later=30.0).frame.sort("@time")

    step_by_step = version
    for row in range(later.height):
        step_by_step = step_by_step.learn(later[row : row + 1])

    assert step_by_step.answer_frame(later).equals(version.learn(later).answer_frame(later))


def test_jaccard_is_of_sets() -> None:
    assert jaccard(np.array([1, 1, 2]), np.array([2, 2, 3])) == pytest.approx(1 / 3)
    assert jaccard(np.array([], dtype=np.int64), np.array([], dtype=np.int64)) == 0.0
