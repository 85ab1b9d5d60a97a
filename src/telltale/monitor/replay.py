"""Replay: logged inputs answered again by the version that answered them. A difference is a skew, or a changed log.

A row is answered again from the log alone; a window from the stored events, where they still hold all of its rows as
they were known then. A window that came whole with its request is not kept, and is told as not to be replayed; one that
came with fewer rows than the version's windows have is logged as a row, and differs.
"""

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import msgspec

from telltale.contract.answer import Answer, CheckedRow, Input, QueryRuntime, RowRuntime, ScoreAnswer
from telltale.contract.app import Task
from telltale.contract.kinds import LEARNING_KINDS
from telltale.models.runtimes import LoadedRuntime
from telltale.models.stream_runtime import StreamRuntime
from telltale.monitor.logged_answers import LoggedAnswer, read_logged, stored_window
from telltale.storage.database import Database

RELATIVE: Final = 1e-6
_ABSOLUTE: Final = 1e-7
_BATCH: Final = 500
_MOST_TOLD: Final = 20
_SENT_WHOLE: Final = "the window was sent with the request, and is not stored"
_CAME_LATER: Final = "rows of the window were stored later, or are gone"
_PROFILE: Final = "the profile it was compared with is not logged, and may have moved on"
_LEARNED: Final = "the version went on learning, and what it knew then is not kept"
_ADAPTED: Final = "the version adapts with every row, and what it knew then is not kept"
_OTHER_COLUMNS: Final = "what is logged lacks columns of the version"


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """An answer that did not come out again: the score and decision as logged and as recomputed, where the task scores."""

    prediction_id: str
    what: str
    logged_score: float | None = None
    score: float | None = None
    logged_decision: bool | None = None
    decision: bool | None = None


class Replay(msgspec.Struct, frozen=True, kw_only=True):
    """What came of it.

    Args:
        app, task, version: whose answers.
        n: answers looked at.
        n_same, n_differing: of those that could be replayed.
        not_replayable: why others could not, and how many.
        differing: the newest of those that differ.
    """

    app: str
    task: str
    version: int
    n: int
    n_same: int
    n_differing: int
    not_replayable: dict[str, int]
    differing: tuple[Difference, ...]


def replay(
    events: Database,
    runtime: LoadedRuntime,
    task: Task,
    *,
    app: str,
    version: int,
    since: datetime,
    until: datetime,
    limit: int = 10_000,
) -> Replay:
    """Answer the newest logged answers of a version again and compare.

    Scores and other numbers are the same within a millionth; a decision is held against the threshold that was logged.

    Args:
        events: the database.
        runtime: of the version.
        task: whose answers.
        app: whose task.
        version: its number.
        since: of the requests looked at.
        until: likewise, before this moment.
        limit: answers looked at, at most.
    """
    rows = read_logged(events, app, task.name, version=version, since=since, until=until, limit=limit)
    at_work = _Replayed(runtime=runtime, task=task, app=app, events=events)
    skipped: Counter[str] = Counter()
    differing: list[Difference] = []
    n_same = n_differing = 0
    for start in range(0, len(rows), _BATCH):
        for logged, answer in _answered(at_work, rows[start : start + _BATCH]):
            if isinstance(answer, str):
                skipped[answer] += 1
            elif (difference := _difference(logged, answer)) is None:
                n_same += 1
            else:
                n_differing += 1
                differing.append(difference)
    return Replay(
        app=app,
        task=task.name,
        version=version,
        n=len(rows),
        n_same=n_same,
        n_differing=n_differing,
        not_replayable=dict(skipped),
        differing=tuple(differing[:_MOST_TOLD]),
    )


@dataclass(frozen=True, kw_only=True)
class _Replayed:
    """Who answers again, and where windows are looked for."""

    runtime: LoadedRuntime
    task: Task
    app: str
    events: Database

    def window(self, logged: LoggedAnswer, rows: RowRuntime) -> Input | None:
        plan = self.runtime.manifest.plan
        return stored_window(
            self.events,
            logged,
            app=self.app,
            event=self.task.event,
            columns=rows.columns,
            nullable=frozenset() if plan is None else plan.nullable,
            n_rows=rows.history_of(logged.entity or "") + 1,
        )


def _answered(at_work: _Replayed, part: Sequence[LoggedAnswer]) -> Iterator[tuple[LoggedAnswer, Answer | str]]:
    """Each with its answer of now, or why there is none."""
    if at_work.task.kind == "verify":
        yield from ((logged, _PROFILE) for logged in part)
        return
    if at_work.task.kind in LEARNING_KINDS:
        yield from ((logged, _LEARNED) for logged in part)
        return
    if at_work.task.kind in {"rank", "forecast", "next"}:
        asks: QueryRuntime = at_work.runtime  # type: ignore[assignment]  # the kind says so
        queries = [msgspec.convert(logged.asked, asks.query) for logged in part]
        yield from zip(part, asks.ask(queries), strict=True)
        return
    if isinstance(at_work.runtime, StreamRuntime):
        yield from ((logged, _ADAPTED) for logged in part)
        return
    answers: RowRuntime = at_work.runtime  # type: ignore[assignment]  # likewise
    rows = []
    for logged in part:
        if not logged.asked.keys() >= set(answers.columns):
            yield logged, _OTHER_COLUMNS
        elif logged.context == "window" and answers.history:  # of a version that looks at no row before, a row is whole
            yield logged, _of_window(answers, at_work.window(logged, answers))
        else:
            rows.append(logged)
    for logged, answer in zip(rows, answers.answer_rows([_row(answers, logged) for logged in rows]), strict=True):
        yield logged, answer if _difference(logged, answer) is None else _again(at_work, answers, logged)


def _again(at_work: _Replayed, answers: RowRuntime, logged: LoggedAnswer) -> Answer:
    """The answer of a row by itself, no batch about it; or with the few rows that were there before it."""
    values, time_s, entity, _ = _row(answers, logged)
    alone = answers.answer_row(values, time_s, entity)
    window = at_work.window(logged, answers) if answers.history and _difference(logged, alone) is not None else None
    if window is None:
        return alone
    with_them = answers.answer([window])[0]
    return alone if _difference(logged, with_them) is not None else with_them


def _of_window(answers: RowRuntime, window: Input | None) -> Answer | str:
    if window is None:
        return _SENT_WHOLE
    return answers.answer([window])[0] if len(window.rows) > answers.whole_history else _CAME_LATER


def _row(answers: RowRuntime, logged: LoggedAnswer) -> CheckedRow:
    return [logged.asked[name] for name in answers.columns], logged.at_us / 1e6, logged.entity, False


def _difference(logged: LoggedAnswer, answer: Answer) -> Difference | None:
    """What does not come out again; None where all does."""
    if not isinstance(answer, ScoreAnswer):
        is_same = _is_same(logged.answer, msgspec.to_builtins(answer))
        return None if is_same else Difference(prediction_id=logged.prediction_id, what="the answer")
    threshold = answer.threshold if logged.threshold is None else logged.threshold
    decision = answer.score >= threshold
    is_close = logged.score is not None and _is_close(logged.score, answer.score)
    # A score that is the same within rounding may lie on the other side of the threshold.
    on_the_edge = is_close and _is_close(answer.score, threshold)
    if is_close and (decision == logged.decision or on_the_edge):
        return None
    return Difference(
        prediction_id=logged.prediction_id,
        what="the decision" if decision != logged.decision else "the score",
        logged_score=logged.score,
        score=answer.score,
        logged_decision=logged.decision,
        decision=decision,
    )


def _is_same(logged: object, now: object) -> bool:
    if isinstance(logged, dict) and isinstance(now, dict):
        return logged.keys() == now.keys() and all(_is_same(value, now[name]) for name, value in logged.items())
    if isinstance(logged, list | tuple) and isinstance(now, list | tuple):
        return len(logged) == len(now) and all(map(_is_same, logged, now))
    if isinstance(logged, float) and isinstance(now, float | int):
        return _is_close(logged, float(now))
    return logged == now


def _is_close(one: float, other: float) -> bool:
    return math.isclose(one, other, rel_tol=RELATIVE, abs_tol=_ABSOLUTE)
