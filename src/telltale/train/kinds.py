"""How each kind of task is trained and judged: one file per kind, put together here."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import polars as pl

from telltale.contract.app import Task
from telltale.contract.kinds import Kind
from telltale.train.fitted import FitRequest, Fitted, Judged


@dataclass(frozen=True, kw_only=True)
class KindTraining:
    """What a kind of task does in training.

    Args:
        fit: a model from rows.
        judge: what a version is worth on rows that it was not trained on; its runtime is of the kind.
        leads: the metric that decides between a champion and a challenger, judged on the same rows.
        more_is_better: of that metric.
        judges_labels: rows without labels are no evidence.
    """

    fit: Callable[[FitRequest], Fitted]
    judge: Callable[[Task, Any, pl.DataFrame], Judged]
    leads: str
    more_is_better: bool = True
    judges_labels: bool = False


def training_of(kind: Kind) -> KindTraining:
    """What tasks of this kind do in training; only the libraries of the kind in hand are loaded."""
    match kind:
        case "score":
            from telltale.train.score import fit_score, judge_score

            return KindTraining(fit=fit_score, judge=judge_score, leads="f1", judges_labels=True)
        case "choose":
            from telltale.train.choose import fit_choose, judge_choose

            return KindTraining(fit=fit_choose, judge=judge_choose, leads="regret", more_is_better=False)
        case "segment":
            from telltale.train.segment import fit_segment, judge_segment

            return KindTraining(fit=fit_segment, judge=judge_segment, leads="bootstrap_ari")
        case "rank":
            from telltale.train.rank import fit_rank, judge_rank

            return KindTraining(fit=fit_rank, judge=judge_rank, leads="ndcg_10")
        case "forecast":
            from telltale.train.forecast import fit_forecast, judge_forecast

            return KindTraining(fit=fit_forecast, judge=judge_forecast, leads="smape", more_is_better=False)
        case "verify":
            from telltale.train.verify import fit_verify, judge_verify

            return KindTraining(fit=fit_verify, judge=judge_verify, leads="eer_global", more_is_better=False)
        case "similar":
            from telltale.train.similar import fit_similar, judge_similar

            return KindTraining(fit=fit_similar, judge=judge_similar, leads="recall_5")
        case "next":
            from telltale.train.next import fit_next, judge_next

            return KindTraining(fit=fit_next, judge=judge_next, leads="hit_ratio")
        case "act":
            from telltale.train.act import fit_act, judge_act

            return KindTraining(fit=fit_act, judge=judge_act, leads="value_dr")


def judge_version(task: Task, runtime: Any, frame: pl.DataFrame) -> Judged:
    """What a version is worth on rows that it was not trained on."""
    return training_of(task.kind).judge(task, runtime, frame)
