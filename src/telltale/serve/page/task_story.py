"""What happened to a task: alarms, releases and what they rest on, trainings, and every move of a version."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

import msgspec

from telltale.monitor.alarms import Alarm
from telltale.registry.ledger import Move
from telltale.registry.release import Release
from telltale.retrain.jobs import Job
from telltale.serve.page.elements import (
    DASH,
    NOTHING,
    Html,
    badge,
    duration_text,
    joined,
    link,
    moment,
    section,
    small,
    table,
    tag,
)
from telltale.serve.page.states import role_badge, state_badge

_MOVES: Final = 25
_MOST_LETTERS: Final = 400
_STEPS: Final = {
    "shadow": "shadow: scores, decides nothing",
    "ab": "A/B test",
    "ramp": "ramp",
    "watch": "watched champion",
}


def alarms_list(alarms: Sequence[Alarm], *, now: datetime) -> Html:
    """The alarms that last, each with what to do."""
    items = [
        tag(
            "li",
            badge(one.severity, "bad" if one.severity == "critical" else "open", "▲"),
            tag("strong", f" {one.name} "),
            moment(one.raised_at, now),
            tag("p", one.what),
            tag("p", one.mend, class_="quiet"),
        )
        for one in alarms
    ]
    return section("Alarms that last", tag("ul", *items, class_="alarms")) if items else NOTHING


def release_part(releases: Sequence[Release], whose: str, *, now: datetime) -> Html:
    """The release under way with its evidence, and those before it."""
    columns = ("release", "version", "mode", "state", "began", "by", "outcome")
    rows = [
        (
            str(one.id),
            joined(link(str(one.number), f"{whose}/versions/{one.number}"), small(f"against {one.against}")),
            joined(_STEPS[one.mode], small(_course(one))),
            state_badge(one.state),
            moment(one.started_at, now),
            joined(one.actor, small(one.reason)),
            one.outcome or DASH,
        )
        for one in releases
    ]
    active = next((one for one in releases if one.ended_at is None), None)
    evidence = _evidence(active) if active is not None else NOTHING
    return section("Releases", evidence, table("Releases, newest first", columns, rows))


def _course(one: Release) -> str:
    if one.mode == "shadow":
        return ""
    steps = ", ".join(f"{step} %" for step in one.steps)
    every = "" if one.every_s is None else f", every {duration_text(one.every_s)}"
    return f"{steps}{every}; at {one.percent} %" if one.ended_at is None else f"{steps}{every}"


def _evidence(release: Release) -> Html:
    """What the last look at a release found, as it was kept."""
    if not release.evidence:
        return tag("p", "Nobody has looked at it yet: telltale work does, every few seconds.", class_="quiet")
    told = release.evidence
    summary = tag(
        "p", badge(str(told.get("action", "wait")), "calm", "◴"), " ", str(told.get("reason", ""))[:_MOST_LETTERS]
    )
    return joined(
        summary, tag("details", tag("summary", "the figures it rests on"), tag("pre", _pretty(told), tabindex="0"))
    )


def _pretty(document: Any) -> str:
    return msgspec.json.format(msgspec.json.encode(document), indent=1).decode()[:8_000]


def jobs_table(jobs: Sequence[Job], *, now: datetime, is_of_task: bool = True) -> Html:
    """Trainings, newest first."""
    columns = ("asked for", "state", "by", "why", "took", "what came of it")
    rows = [
        (
            moment(one.created_at, now) if is_of_task else joined(f"{one.app}/{one.task} ", tag("small", moment(one.created_at, now))),
            state_badge(one.state),
            one.actor,
            one.reason[:_MOST_LETTERS],
            _took(one),
            str((one.result or {}).get("reason", ""))[:_MOST_LETTERS] or DASH,
        )
        for one in jobs
    ]  # fmt: skip
    return table("Trainings, newest first", columns, rows, note="None was asked for.")


def _took(job: Job) -> Html | str:
    if job.started_at is None:
        return DASH
    return DASH if job.finished_at is None else duration_text((job.finished_at - job.started_at).total_seconds())


def history_table(history: Sequence[Move], whose: str, *, now: datetime) -> Html:
    """The newest moves of the ledger."""
    columns = ("when", "version", "what", "from", "to", "by", "why")
    rows = [
        (
            moment(one.at, now),
            link(str(one.number), f"{whose}/versions/{one.number}"),
            one.action,
            role_badge(one.role_from),
            role_badge(one.role_to),
            one.actor,
            one.reason[:_MOST_LETTERS] or DASH,
        )
        for one in reversed(history[-_MOVES:])
    ]
    more = len(history) - _MOVES
    rest = tag("p", f"{more} moves before these: telltale history.", class_="quiet") if more > 0 else NOTHING
    return joined(table("Moves, newest first", columns, rows, note="Nothing has moved yet."), rest)
