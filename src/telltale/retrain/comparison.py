"""May a new version take the champion's place? Both are judged on the same held-out rows."""

from typing import Literal

import msgspec
import numpy as np
import polars as pl

from telltale.contract.app import Task
from telltale.contract.verdict import Outcome
from telltale.evaluate.metrics import DetectionResult
from telltale.models.runtime import ScoreRuntime
from telltale.train.rows import hash_rows
from telltale.train.version import figure_or_none, judge_version

Action = Literal["promote", "keep"]


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be done with a new version, why, and the figures it rests on (F1 on the same rows)."""

    action: Action
    reason: str
    n: int
    challenger_f1: float | None = None
    champion_f1: float | None = None


def compare(
    task: Task, challenger: ScoreRuntime, outcome: Outcome, champion: ScoreRuntime | None, held_out: pl.DataFrame
) -> Comparison:
    """Decide for `promote` only where the gate passed and the champion is not better on the same rows.

    Rows that the champion was trained on are left out for both: it would look better on them than it is.

    Args:
        task: for its metrics.
        challenger: the new version.
        outcome: what the gate said of it.
        champion: the version that decides now, or None.
        held_out: checked rows that the new version was not trained on.
    """
    if outcome != "pass":
        return Comparison(action="keep", reason=f"the gate says {outcome} of the new version", n=held_out.height)
    if champion is None:
        return Comparison(action="promote", reason="the gate passed and there is no champion", n=held_out.height)
    if set(champion.columns) != set(challenger.columns):
        return Comparison(action="keep", reason="the champion reads other columns; a person must decide", n=0)
    trained = hash_rows(held_out, champion.columns)
    rows = held_out.filter(~np.isin(trained, champion.bundle.trained_rows)) if len(trained) else held_out
    new, old = _f1(task, challenger, rows), _f1(task, champion, rows)
    if new is None or old is None:
        return Comparison(action="keep", reason="no held-out row that both can be judged on is labelled", n=rows.height)
    better = new >= old
    words = "is at least as good as" if better else "is worse than"
    return Comparison(
        action="promote" if better else "keep",
        reason=f"the new version {words} the champion on {rows.height} held-out rows (F1 {new:.3f} and {old:.3f})",
        n=rows.height,
        challenger_f1=new,
        champion_f1=old,
    )


def _f1(task: Task, runtime: ScoreRuntime, rows: pl.DataFrame) -> float | None:
    result: DetectionResult | None = judge_version(task, runtime, rows)[1] if not rows.is_empty() else None
    if result is None:
        return None
    value = figure_or_none(result.metrics["f1"].value)
    return value if isinstance(value, float) else None
