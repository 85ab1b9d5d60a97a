"""The versions of a task with what the gate said of each, and its targets one by one."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

import msgspec

from telltale.contract.app import Task
from telltale.contract.verdict import TargetResult
from telltale.evaluate.wording import (
    MARKS,
    MET_WORDS,
    NO_FIGURE,
    count_text,
    figure_name,
    figure_text,
    interval_text,
    limit_text,
)
from telltale.registry.versions import Version
from telltale.serve.page.charts import interval
from telltale.serve.page.elements import DASH, NOTHING, Html, badge, joined, link, moment, small, table, tag
from telltale.serve.page.states import gate_badge, role_badge
from telltale.serve.page.viewer import Viewer

MOST_SHOWN: Final = 30
_MOST_FIGURES: Final = 4
_TONES: Final[dict[bool | None, str]] = {True: "good", False: "bad", None: "open"}


def versions_table(
    versions: Sequence[Version], task: Task, viewer: Viewer, whose: str, *, is_releasing: bool, now: datetime
) -> Html:
    """The newest versions, newest first; with buttons for whoever may press them."""
    metrics = list(dict.fromkeys(target.metric for target in task.targets))[:_MOST_FIGURES]
    columns = ["version", "role", "gate", *map(figure_name, metrics), "model", "trained", "rows"]
    if viewer.can_operate:
        columns.append("")
    rows = []
    for one in sorted(versions, key=lambda one: -one.number)[:MOST_SHOWN]:
        cells = [
            joined(link(f"{one.number}", f"{whose}/versions/{one.number}"), small(one.label)),
            role_badge(one.role),
            gate_badge(one.outcome),
            *(figure_text(metric, one.metrics.get(metric)) for metric in metrics),
            one.estimator,
            moment(one.created_at, now),
            joined(_rows(one), small(one.data_kind)),
        ]
        if viewer.can_operate:
            cells.append(_moves(one, whose, is_releasing=is_releasing))
        rows.append(cells)
    more = len(versions) - MOST_SHOWN
    rest = (
        tag("p", f"{more} older versions are not shown; telltale versions lists them all.", class_="quiet")
        if more > 0
        else NOTHING
    )
    return joined(table("Versions, newest first", columns, rows, note="No version has been trained yet."), rest)


def _rows(version: Version) -> str:
    n = version.facts.get("n_train")
    return f"{n:,}" if isinstance(n, int) else NO_FIGURE


def _moves(version: Version, whose: str, *, is_releasing: bool) -> Html:
    if version.role == "champion":
        return NOTHING
    if version.removed_at is not None or version.role == "retired":
        return tag("span", "files removed" if version.removed_at is not None else "retired", class_="quiet")
    about = tag("span", f" version {version.number}", class_="unseen")
    promote = tag("a", "Promote…", about, href=f"{whose}/promote?version={version.number}", class_="button small")
    release = tag("a", "Release…", about, href=f"{whose}/release?version={version.number}", class_="button small")
    return tag("span", promote, NOTHING if is_releasing else release, class_="buttons")


def targets_of(version: Version) -> tuple[TargetResult, ...]:
    """What the gate asked of a version and found, as it was registered; of old ones that do not say, nothing."""
    told: Any = version.facts.get("targets", [])
    try:
        return msgspec.convert(told, tuple[TargetResult, ...])
    except msgspec.ValidationError:
        return ()


def targets_table(version: Version) -> Html:
    """Every target, what was measured, its interval, and on how much that rests."""
    columns = ("target", "measured", "asked", "goal", "95 % interval", "rests on", "interval and limit")
    rows = [
        (
            joined(badge(MET_WORDS[one.met], _TONES[one.met], MARKS[one.met]), " ", figure_name(one.name)),
            figure_text(one.name, one.value),
            limit_text(one.name, one.op, one.limit),
            DASH if one.goal is None else limit_text(one.name, one.op, one.goal),
            interval_text(one.name, one.low, one.high),
            count_text(one.name, one.n) if one.n else DASH,
            _scale(one),
        )
        for one in targets_of(version)
    ]
    return table(f"Targets of version {version.number}", columns, rows, note="The task asks for nothing.")


def _scale(one: TargetResult) -> Html:
    if one.value is None or one.low is None or one.high is None:
        return DASH
    told = f"interval {interval_text(one.name, one.low, one.high)}, limit {limit_text(one.name, one.op, one.limit)}"
    return interval(one.value, one.low, one.high, one.limit, told)
