"""Judging a version on rows it has not seen."""

import math
from dataclasses import dataclass
from pathlib import Path

import msgspec
import polars as pl

from telltale.contract.app import Task
from telltale.contract.errors import NotEnoughDataError
from telltale.contract.kinds import SCORING_KINDS
from telltale.models.runtimes import LoadedRuntime
from telltale.retrain.training import targets_document
from telltale.telemetry.frames import ENTITY, LABEL, TIME
from telltale.train.fitted import Judged
from telltale.train.kinds import judge_version
from telltale.train.rows import refuse_overlap
from telltale.train.version import figures


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """What a version is worth on some rows. `judged.metrics` is empty where they cannot be judged on.

    `answers` has a row for each row of `frame`, or for kinds that answer questions one for each answer.
    """

    reference: str
    data_kind: str
    frame: pl.DataFrame
    answers: pl.DataFrame
    judged: Judged
    n_quarantined: int = 0


def evaluate_rows(
    task: Task, runtime: LoadedRuntime, frame: pl.DataFrame, *, reference: str, data_kind: str, n_quarantined: int = 0
) -> Evaluation:
    """Answer and judge checked rows.

    Raises:
        OverlapError: some of the rows were trained on.
        NotEnoughDataError: there are none.
    """
    if frame.is_empty():
        raise NotEnoughDataError(
            "no row can be used", where=reference, mend="See the reasons with `telltale validate`."
        )
    refuse_overlap(frame, runtime.manifest.row_columns, runtime.bundle.trained_rows, where=reference)
    return Evaluation(
        reference=reference,
        data_kind=data_kind,
        frame=frame,
        answers=answer_rows(runtime, frame),
        judged=judge_version(task, runtime, frame),
        n_quarantined=n_quarantined,
    )


def answer_rows(runtime: LoadedRuntime, frame: pl.DataFrame) -> pl.DataFrame:
    """Entity, time, what the version answers, and the label where there is one."""
    answers = runtime.answer_frame(frame)
    if ENTITY in answers.columns:  # it answers about entities, not about rows
        return answers.rename({ENTITY: "entity"})
    head = frame.select(pl.col(ENTITY).alias("entity"), pl.col(TIME).dt.to_string("iso:strict").alias("time"))
    tail = [frame[LABEL].alias("label")] if LABEL in frame.columns else []
    return pl.concat([head, answers, pl.DataFrame(tail)], how="horizontal")


def as_document(evaluation: Evaluation, runtime: LoadedRuntime, files: dict[str, str]) -> dict[str, object]:
    """The evaluation as `evaluate --json` prints it."""
    manifest, judged = runtime.manifest, evaluation.judged
    prevalence = judged.verdict.prevalence
    return {
        "app": manifest.app,
        "task": manifest.task,
        "kind": manifest.kind,
        "version": evaluation.reference,
        "data_kind": evaluation.data_kind,
        "n": evaluation.frame.height,
        "n_quarantined": evaluation.n_quarantined,
        "n_train": manifest.trained_on.n_rows,
        "metrics": figures(judged.metrics),
        "counts": None if judged.result is None else msgspec.to_builtins(judged.result.counts),
        **({"classes": msgspec.to_builtins(judged.classes)} if judged.classes else {}),
        "targets": targets_document(judged.verdict),
        "verdict": judged.verdict.outcome,
        "prevalence": None if math.isnan(prevalence) or manifest.kind not in SCORING_KINDS else prevalence,
        "threshold": manifest.threshold,
        "files": files,
    }


def write_answers(path: Path, answers: pl.DataFrame, *, version: str) -> None:
    """Answers as a CSV file, each with the version that gave it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    answers.with_columns(pl.lit(version).alias("version")).write_csv(path)
