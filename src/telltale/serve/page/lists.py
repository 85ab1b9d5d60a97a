"""The pages of lists: alarms, schedules and trainings, stored events, reports."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from telltale.monitor.alarms import Alarm, read_alarms
from telltale.monitor.report.store import report_heads
from telltale.retrain.jobs import read_jobs
from telltale.retrain.schedules import Schedule
from telltale.serve.edge import Edge
from telltale.serve.guard.page_paths import FOLDER
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
from telltale.serve.page.kept import Kept
from telltale.serve.page.states import milliseconds, state_badge
from telltale.serve.page.stored_read import StoredEvents, aside_reasons, read_stored
from telltale.serve.page.task_story import jobs_table
from telltale.serve.page.viewer import Viewer
from telltale.serve.routes.route_context import RouteContext
from telltale.telemetry.backend.kept import Facts, all_facts, told_age, told_span

_ALARMS: Final = 60
_JOBS: Final = 40
_REPORTS: Final = 60
_REASONS: Final = 6
_COUNTED: Final = "They are being counted, which takes a while with so many: look again soon."
_RUNBOOKS: Final = "docs/runbooks.md"


def alarms_page(edge: Edge, *, now: datetime) -> Html:
    """Alarms that last, and those that are over."""
    found = read_alarms(edge.folder.state, limit=_ALARMS)
    lasting = [one for one in found if one.resolved_at is None]
    about = f"An alarm ends by itself once its cause has gone. What each means, and how to mend it, is in {_RUNBOOKS}."
    return joined(
        section(
            "That last", _alarms(lasting, now=now) or tag("p", badge("none", "good", "✓"), " Nothing asks for anybody.")
        ),
        section("Over", _alarms([one for one in found if one.resolved_at is not None], now=now)),
        tag("p", about, class_="quiet"),
    )


def _alarms(alarms: Sequence[Alarm], *, now: datetime) -> Html:
    columns = ("alarm", "whose", "what", "what to do", "since", "lasted")
    rows = [
        (
            tag("span", badge(one.name, "bad" if one.severity == "critical" else "open", "▲"), small(one.severity), id=f"alarm-{one.id}"),
            _whose(one),
            one.what,
            one.mend,
            moment(one.raised_at, now),
            duration_text(((one.resolved_at or now) - one.raised_at).total_seconds()),
        )
        for one in alarms
    ]  # fmt: skip
    return table("Alarms", columns, rows, kind="texts")


def _whose(alarm: Alarm) -> Html:
    return link(f"{alarm.app}/{alarm.task}", f"{FOLDER}/tasks/{alarm.app}/{alarm.task}") if alarm.app else DASH


def schedules_page(edge: Edge, viewer: Viewer, *, now: datetime) -> Html:
    """When tasks are retrained, and what was."""
    columns = ["schedule", "retrains", "when", "next", "last", ""]
    if not viewer.can_operate:
        columns.pop()
    rows = []
    for one in RouteContext(edge).schedules():
        last = (
            joined(moment(one.last_slot, now), " ", state_badge(one.last_state))
            if one.last_state
            else moment(one.last_slot, now)
        )
        cells = [
            f"{one.app}/{one.name}",
            joined(*(joined(link(task, f"{FOLDER}/tasks/{one.app}/{task}"), " ") for task in one.tasks)),
            tag("code", one.cron),
            badge("paused", "open", "‖") if one.paused else moment(one.next_at(now), now),
            last,
        ]
        if viewer.can_operate:
            cells.append(_buttons(one, viewer))
        rows.append(cells)
    jobs = read_jobs(edge.folder.state, limit=_JOBS)
    return joined(
        section("Schedules", table("Schedules", columns, rows, note="No task has a schedule.")),
        section("Trainings", jobs_table(jobs, now=now, is_of_task=False)),
    )


def _buttons(one: Schedule, viewer: Viewer) -> Html:
    whose = f"{FOLDER}/schedules/{one.app}/{one.name}"
    about = tag("span", f" {one.app}/{one.name}", class_="unseen")
    word = "resume" if one.paused else "pause"
    return tag(
        "span",
        *(
            tag(
                "form",
                viewer.token_field(),
                tag("button", verb.capitalize(), about, type="submit", class_="small"),
                method="post",
                action=f"{whose}/{verb}",
            )
            for verb in (word, "run")
        ),
        class_="buttons",
    )


def events_page(edge: Edge, kept: Kept, *, now: datetime) -> Html:
    """What is stored of each event, what was set aside and why, and where it was read from."""
    stored = kept.get("stored", lambda: read_stored(edge.folder.events))
    about = "Counted within the last half minute." if stored is not None else ""
    columns = ("event", "rows stored", "newest row", "last received", "set aside", "why, of the newest")
    rows = []
    for app in edge.apps.values():
        for event in app.events:
            one = (stored or {}).get((app.name, event.name), StoredEvents())
            rows.append(
                (
                    f"{app.name}/{event.name}",
                    f"{one.n:,}",
                    moment(one.newest_at, now),
                    moment(one.received_at, now),
                    joined(tag("span", f"{one.n_aside:,}", class_="missed"), " ", moment(one.aside_at, now))
                    if one.n_aside
                    else "0",
                    _reasons(edge, app.name, event.name) if one.n_aside else DASH,
                )
            )
    facts = list(all_facts(edge.folder.path))
    return joined(
        section(
            "Stored", table("Stored events", columns, rows if stored is not None else (), note=_COUNTED), about=about
        ),
        section("Backends", _backends(facts, now=now)),
    )


def _reasons(edge: Edge, app: str, event: str) -> Html:
    found = aside_reasons(edge.folder.events, app, event)
    items = [tag("li", f"{n:,} × {why}"[:300]) for why, n, _ in found[:_REASONS]]
    more = len(found) - _REASONS
    if more > 0:
        items.append(tag("li", f"and {more} reasons more"))
    return tag("ul", *items, class_="plain")


def _backends(found: Sequence[Facts], *, now: datetime) -> Html:
    columns = ("event", "address", "last good answer", "now")
    rows = [
        (
            f"{one.app}/{one.event}",
            one.address,
            DASH if one.taken_at is None else told_age(one.taken_at, now),
            badge("answers", "good", "✓")
            if one.failing_since is None
            else joined(badge(f"away for {told_span(one.failing_since, now)}", "bad", "✗"), small(one.fault)),
        )
        for one in found
    ]
    return table("Backends that rows are read from", columns, rows)


def reports_page(edge: Edge, viewer: Viewer, *, now: datetime) -> Html:
    """The reports that are kept, and a button that makes one."""
    columns = ("report", "from", "until", "made", "by", "mean latency", "alarms")
    rows = [
        (
            link(f"report {one.id}", f"{FOLDER}/reports/{one.id}"),
            f"{one.time_range.since:%Y-%m-%d %H:%M}",
            f"{one.time_range.until:%Y-%m-%d %H:%M}",
            moment(one.timestamp, now),
            one.actor,
            milliseconds(one.summary.avg_latency),
            f"{one.summary.alert_count:,}",
        )
        for one in report_heads(edge.folder.state, limit=_REPORTS)
    ]
    make = NOTHING
    if viewer.can_operate:
        button = tag("button", "Make one of the last seven days", type="submit")
        make = tag("form", viewer.token_field(), button, method="post", action=f"{FOLDER}/reports", class_="buttons")
    return joined(
        make, table("Reports, newest first", columns, rows, note="None was made yet; telltale work makes one a week.")
    )
