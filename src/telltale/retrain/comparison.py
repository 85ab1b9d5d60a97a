"""May a new version take the champion's place? Both are judged on the same held-out rows."""

import math
from typing import Literal

import msgspec
import numpy as np
import polars as pl

from telltale.contract.app import Task
from telltale.contract.verdict import Outcome
from telltale.models.runtimes import LoadedRuntime
from telltale.train.kinds import training_of
from telltale.train.rows import hash_rows

Action = Literal["promote", "keep"]


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be done with a new version, why, and the figures it rests on: `metric`, on the same rows."""

    action: Action
    reason: str
    n: int
    metric: str = ""
    challenger: float | None = None
    champion: float | None = None


def compare(
    task: Task, challenger: LoadedRuntime, outcome: Outcome, champion: "LoadedRuntime | None", held_out: pl.DataFrame
) -> Comparison:
    """Decide for `promote` only where the gate passed and the champion is not better on the same rows.

    Rows that the champion was trained on are left out for both: it would look better on them than it is. A version that
    was fitted once more on all rows, after it was judged, has seen them too: it is taken where the gate passed, since
    what it knows that the champion does not is the latest rows.

    Args:
        task: for its metrics.
        challenger: the new version.
        outcome: what the gate said of it.
        champion: the version that decides now, or None.
        held_out: checked rows that the new version was judged on.
    """
    if outcome != "pass":
        return Comparison(action="keep", reason=f"the gate says {outcome} of the new version", n=held_out.height)
    if champion is None:
        return Comparison(action="promote", reason="the gate passed and there is no champion", n=held_out.height)
    if set(champion.manifest.row_columns) != set(challenger.manifest.row_columns):
        return Comparison(action="keep", reason="the champion reads other columns; a person must decide", n=0)
    if _knows(challenger, held_out):
        return Comparison(action="promote", reason="the gate passed, and it knows later rows", n=held_out.height)
    rows = held_out.filter(~_is_known(champion, held_out))
    kind = training_of(task.kind)
    new, old = _leading(task, challenger, rows), _leading(task, champion, rows)
    if new is None or old is None:
        return Comparison(action="keep", reason="there is no held-out row that both can be judged on", n=rows.height)
    better = new >= old if kind.more_is_better else new <= old
    words = "is at least as good as" if better else "is worse than"
    figures = f"({kind.leads} {new:.3f} and {old:.3f})"
    return Comparison(
        action="promote" if better else "keep",
        reason=f"the new version {words} the champion on {rows.height} held-out rows {figures}",
        n=rows.height,
        metric=kind.leads,
        challenger=new,
        champion=old,
    )


def _is_known(runtime: LoadedRuntime, rows: pl.DataFrame) -> pl.Series:
    """Which rows a version was trained on; none where they carry no time."""
    hashes = hash_rows(rows, runtime.manifest.row_columns)
    known = np.isin(hashes, runtime.bundle.trained_rows) if len(hashes) else np.zeros(rows.height, dtype=bool)
    return pl.Series(known, dtype=pl.Boolean)


def _knows(runtime: LoadedRuntime, rows: pl.DataFrame) -> bool:
    return not rows.is_empty() and bool(_is_known(runtime, rows).all())


def _leading(task: Task, runtime: LoadedRuntime, rows: pl.DataFrame) -> float | None:
    if rows.is_empty():
        return None
    kind = training_of(task.kind)
    found = kind.judge(task, runtime, rows).metrics.get(kind.leads)
    return None if found is None or not math.isfinite(found.value) else found.value
