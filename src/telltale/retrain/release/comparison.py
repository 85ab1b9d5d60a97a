"""Which of two versions is better, from what the log holds; a pure function of the log, made anew at each look."""

from datetime import datetime
from typing import Literal

import msgspec

from telltale.contract.app import Task
from telltale.contract.kinds import SCORING_KINDS
from telltale.evaluate.sequential import SequentialAnswer
from telltale.registry.release import Release
from telltale.retrain.release.entity_outcomes import group_comparison
from telltale.retrain.release.paired_units import paired_comparison
from telltale.storage.database import Database

How = Literal["paired", "groups", "none"]


class LiveComparison(msgspec.Struct, frozen=True, kw_only=True):
    """Two versions compared on live traffic.

    Args:
        a, b: the versions; A is the one that is released.
        how: on the same labelled rows, by the outcomes of the entities that each decided for, or not at all.
        answer: what can be said now; None where they are not compared.
        reason: why they are not; "" where they are.
    """

    a: int
    b: int
    how: How
    answer: SequentialAnswer | None = None
    reason: str = ""


def how_compared(task: Task) -> How:
    """By what versions of a task can be compared on live traffic.

    >>> from telltale.contract.app import Task
    >>> asked = {"name": "t", "event": "e", "estimators": (), "targets": (), "minimum_rows": 1, "schedule": ""}
    >>> how_compared(Task(kind="score", **asked)), how_compared(Task(kind="forecast", **asked))
    ('paired', 'none')
    """
    if task.answer_changes_outcome:
        return "groups"
    return "paired" if task.kind in SCORING_KINDS else "none"


def compare_release(events: Database, task: Task, release: Release, *, now: datetime) -> LiveComparison:
    """The released version (A) beside the one that was champion before (B), on what came since the release began."""
    a, b, how = release.number, release.against, how_compared(task)
    until = release.ended_at or now
    if how == "paired":
        began_at = release.started_at
        pairs = paired_comparison(events, release.app, release.task, a=a, b=b, since=began_at, until=until)
        return LiveComparison(a=a, b=b, how=how, answer=pairs.answer(margin=release.margin))
    if how == "none":
        what = f"a task of kind {task.kind!r} has no labels to compare versions by: see how often they agree"
        return LiveComparison(a=a, b=b, how="none", reason=what)
    percent, since, until = _shared_out(release, until)
    if percent in {0, 100}:
        what = f"version {a if percent else b} decides for every entity: nothing is told apart by outcomes"
        return LiveComparison(a=a, b=b, how="none", reason=what)
    groups = group_comparison(
        events,
        release.app,
        release.task,
        a=a,
        b=b,
        share=percent / 100.0,
        since=since,
        until=until,
        now=now,
    )
    return LiveComparison(a=a, b=b, how=how, answer=groups.answer(margin=release.margin))


def compare_rows(
    events: Database, app: str, task: Task, *, a: int, b: int, since: datetime, until: datetime
) -> LiveComparison:
    """Two versions of a task of kind "score" on the rows that both answered, released beside each other or not."""
    if how_compared(task) != "paired":
        what = "they were never released beside each other: nothing was dealt out between them"
        return LiveComparison(a=a, b=b, how="none", reason=what)
    pairs = paired_comparison(events, app, task.name, a=a, b=b, since=since, until=until)
    return LiveComparison(a=a, b=b, how="paired", answer=pairs.answer())


def _shared_out(release: Release, until: datetime) -> tuple[int, datetime, datetime]:
    """The share of entities of the released version, and the span in which it was the same all the time."""
    if release.watch_until is None:
        return release.steps[release.step], release.step_at, until
    if release.mode == "ab":  # it has won: its one step went from its beginning to its promotion
        return release.steps[0], release.started_at, release.step_at
    return 100, release.step_at, until
