"""Training as a whole, on a task of one metric, so that each row's truth is known."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray

from telltale.contract.app import App, Task
from telltale.contract.errors import NotEnoughDataError, OverlapError, UsageError
from telltale.contract.schema import Column, EventSchema
from telltale.contract.verdict import Target
from telltale.features.generic import derive_generic
from telltale.models.estimators import estimator_named
from telltale.models.manifest import Manifest, OperatingPoint
from telltale.models.runtimes import score_runtime
from telltale.telemetry.frames import LABEL
from telltale.train.fitted import TrainingChoices
from telltale.train.prepared import prepare, scores_without
from telltale.train.version import Trained, TrainingRows, train_version

CheckedFrame = Callable[..., pl.DataFrame]
Labels = NDArray[np.int8]
TASK = Task(
    name="load",
    kind="score",
    event="sample",
    derive_plan=derive_generic,
    estimators=("robust_z", "isolation_forest"),
    targets=(Target(metric="precision", op=">=", limit=0.9), Target(metric="recall", op=">=", limit=0.9)),
    minimum_rows=100,
    false_alarms_per_day=2.0,
    schedule="0 0 * * *",
)


def never(*_args: object, **_options: object) -> pl.DataFrame:
    raise AssertionError("nothing is simulated here")


APP = App(
    name="plain",
    title="One metric",
    events=(EventSchema(name="sample", columns=(Column(name="load"),)),),
    tasks=(TASK,),
    simulate=never,
    start=datetime(2024, 1, 1, tzinfo=UTC),
)
QUIET = TrainingChoices()


def silent(_what: str, _done: int, _of: int) -> None:
    pass


def anomalous(n: int, *, every: int = 20) -> list[int | None]:
    return [int(i % every == 7) for i in range(n)]


def split(frame: pl.DataFrame, at: int) -> TrainingRows:
    return TrainingRows(kind="file", train=frame[:at], held_out=frame[at:], columns=("load",))


def train(rows: TrainingRows, directory: Path, choices: TrainingChoices = QUIET, task: Task = TASK) -> Trained:
    return train_version(APP, task, rows, choices, directory=directory, progress=silent)


def point_of(manifest: Manifest) -> OperatingPoint:
    assert manifest.operating_point is not None
    return manifest.operating_point


def threshold_of(manifest: Manifest) -> float:
    assert manifest.threshold is not None
    return manifest.threshold


def test_labelled_rows_set_the_threshold_and_the_gate_judges_rows_not_trained_on(
    made_rows: CheckedFrame, tmp_path: Path
) -> None:
    trained = train(split(made_rows(2_000, labels=anomalous(2_000)), 1_500), tmp_path)

    manifest = trained.manifest
    assert point_of(manifest).method == "labels"
    assert (manifest.trained_on.n_rows, manifest.trained_on.n_positive) == (1_500, 75)
    assert (manifest.verdict.outcome, manifest.verdict.n, manifest.verdict.n_positive) == ("pass", 500, 25)
    assert manifest.verdict.prevalence == 0.05
    assert manifest.metrics["recall"] == 1.0
    assert score_runtime(tmp_path, expected=trained.files.files).manifest == manifest


def test_without_labels_the_tail_sets_the_threshold_and_the_gate_says_there_is_no_evidence(
    made_rows: CheckedFrame, tmp_path: Path
) -> None:
    trained = train(split(made_rows(4_000), 3_000), tmp_path)

    point = point_of(trained.manifest)
    assert (point.method, point.n, point.n_positive, point.false_alarms_per_day) == ("tail", 3_000, 0, 2.0)
    assert trained.judged.result is None
    assert trained.manifest.verdict.outcome == "not_enough_evidence"
    scores = score_runtime(tmp_path).score_frame(made_rows(4_000, seed=5))
    a_day = (scores >= threshold_of(trained.manifest)).mean() * 288
    assert a_day <= 8.0


def test_a_handful_of_labelled_anomalies_is_not_enough_to_set_the_threshold_by(
    made_rows: CheckedFrame, tmp_path: Path
) -> None:
    labels = [int(i in {100, 300, 500}) for i in range(1_000)]

    trained = train(split(made_rows(1_000, labels=labels), 800), tmp_path)

    assert point_of(trained.manifest).method == "tail"
    assert point_of(trained.manifest).n == 797


def test_rows_without_a_label_are_trained_on_and_not_judged(made_rows: CheckedFrame, tmp_path: Path) -> None:
    labels = [label if i % 2 else None for i, label in enumerate(anomalous(2_000))]

    trained = train(split(made_rows(2_000, labels=labels), 1_500), tmp_path)

    assert trained.manifest.trained_on.n_rows == 1_500
    assert point_of(trained.manifest).n == 750
    assert trained.manifest.verdict.n == 250


def test_a_share_that_a_person_gives_is_the_share_flagged(made_rows: CheckedFrame, tmp_path: Path) -> None:
    frame = made_rows(3_000)

    trained = train(split(frame, 2_900), tmp_path, TrainingChoices(contamination=0.1))

    assert point_of(trained.manifest).method == "given"
    scores = score_runtime(tmp_path).score_frame(frame[:2_900])
    assert (scores >= threshold_of(trained.manifest)).mean() == pytest.approx(0.1, abs=0.03)


def test_held_out_rows_that_were_trained_on_are_refused(made_rows: CheckedFrame, tmp_path: Path) -> None:
    frame = made_rows(1_000, labels=anomalous(1_000))
    rows = TrainingRows(kind="file", train=frame[:600], held_out=frame[599:], columns=("load",))

    with pytest.raises(OverlapError, match="1 of 401 rows"):
        train(rows, tmp_path)


def test_a_metric_that_never_moves_raises_no_alarm_until_it_does(made_rows: CheckedFrame, tmp_path: Path) -> None:
    frame = made_rows(1_000).with_columns(pl.lit(5.0).alias("load"))
    for estimator in TASK.estimators:
        train(split(frame, 1_000), tmp_path, TrainingChoices(estimator=estimator))
        runtime = score_runtime(tmp_path)

        assert not (runtime.score_frame(frame) >= runtime.threshold).any()
        assert runtime.answer_row((9.0,), 0.0).decision


def test_the_same_seed_gives_the_same_bundle_and_another_seed_another(made_rows: CheckedFrame, tmp_path: Path) -> None:
    rows = split(made_rows(1_000, labels=anomalous(1_000)), 800)
    choices = TrainingChoices(estimator="isolation_forest", parameters={"n_estimators": 10})

    first, again, other = (
        train(rows, tmp_path / name, replace(choices, seed=seed)) for name, seed in (("a", 1), ("b", 1), ("c", 2))
    )

    assert first.files == again.files
    assert first.files.sha256 != other.files.sha256


def test_too_few_rows_are_refused_before_anything_is_written(made_rows: CheckedFrame, tmp_path: Path) -> None:
    with pytest.raises(NotEnoughDataError, match="normal rows"):
        train(split(made_rows(15), 15), tmp_path / "bundle")

    assert not (tmp_path / "bundle").exists()


@pytest.mark.parametrize(
    ("choices", "named"),
    [
        (TrainingChoices(estimator="one_class_svm"), "isolation_forest, robust_z"),
        (TrainingChoices(parameters={"width": 1.0}), "Known: floor"),
        (TrainingChoices(contamination=0.7), "between 0 and 0.5"),
        (TrainingChoices(contamination=0.0), "between 0 and 0.5"),
        (TrainingChoices(n_trials=-1), "at least one"),
    ],
)
def test_choices_that_cannot_be_meant_are_refused_with_the_mend(
    made_rows: CheckedFrame, tmp_path: Path, choices: TrainingChoices, named: str
) -> None:
    with pytest.raises(UsageError, match=named):
        train(split(made_rows(600, labels=anomalous(600)), 500), tmp_path, choices)


@pytest.mark.parametrize("choices", [TrainingChoices(n_trials=2), TrainingChoices(grid_search=True)])
@pytest.mark.parametrize("labels", [None, [0] * 600, [None] * 600])
def test_tuning_without_both_labels_is_refused_with_the_mend(
    made_rows: CheckedFrame, tmp_path: Path, choices: TrainingChoices, labels: list[int | None] | None
) -> None:
    with pytest.raises(UsageError, match="train without --tune and --grid-search"):
        train(split(made_rows(600, labels=labels), 500), tmp_path, choices)


def test_scores_that_set_the_threshold_are_by_models_that_have_not_seen_the_row(made_rows: CheckedFrame) -> None:
    frame = made_rows(288 * 4, labels=[0] * 288 * 4)
    moved = frame.with_columns(
        pl.when(pl.int_range(pl.len()) < 288).then(pl.col("load") + 50).otherwise(pl.col("load")).alias("load")
    )
    estimator = estimator_named("robust_z")

    scores = [
        scores_without(estimator, prepared, prepared.folds[0], estimator.defaults, seed=0)
        for prepared in (prepare(TASK, rows, ("load",), progress=silent) for rows in (frame, moved))
    ]

    assert len(scores[0]) == 288
    assert np.median(scores[1]) > 10 * np.median(scores[0])
    assert frame[LABEL].sum() == 0
