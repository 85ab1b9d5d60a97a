"""The first page: every task in a row, what decides, whether it is well, and what is being done about it."""

from collections.abc import Sequence
from datetime import datetime

from telltale.monitor.alarms import Alarm
from telltale.serve.edge import Edge
from telltale.serve.guard.page_paths import FOLDER
from telltale.serve.page.elements import (
    DASH,
    Html,
    badge,
    facts,
    joined,
    link,
    moment,
    section,
    small,
    tag,
)
from telltale.serve.page.kept import Kept
from telltale.serve.page.overview_facts import Overview, read_overview
from telltale.serve.page.overview_rows import task_rows
from telltale.serve.routes.health_routes import health_of

_FIRST = "Nothing has been trained yet: open a task below and ask for a training, or run "


def overview(edge: Edge, kept: Kept, alarms: Sequence[Alarm], *, now: datetime) -> Html:
    """The page's content."""
    found = read_overview(edge, kept, alarms, now=now)
    return joined(
        _matters(edge, found),
        _tiles(edge, found, now=now),
        *(
            section(app.name, task_rows(app, found, now=now), id_=f"app-{app.name}", about=app.title)
            for app in edge.apps.values()
        ),
    )


def _matters(edge: Edge, found: Overview) -> Html:
    """What asks for somebody, the most urgent first; or that nothing does."""
    health = health_of(edge)
    word = "degraded" if health.ready else "not ready"
    states = ", ".join(health.states).replace("_", " ")
    lines = [tag("li", badge(word, "bad", "✗"), f" {states}")] if states else []
    lines += [tag("li", badge("fault", "bad", "✗"), f" {where}: {fault}") for where, fault in health.faults.items()]
    for alarm in sorted(found.alarms, key=lambda one: one.severity):
        whose = f" {alarm.app}/{alarm.task}" if alarm.app else ""
        tone = "bad" if alarm.severity == "critical" else "open"
        name = link(f"{alarm.name}{whose}", f"{FOLDER}/alarms#alarm-{alarm.id}")
        lines.append(tag("li", badge(alarm.severity, tone, "▲"), " ", name, small(alarm.what)))
    if not found.versions:
        lines.append(tag("li", badge("empty", "calm", "○"), " ", _FIRST, tag("code", "telltale train APP/TASK"), "."))
    if lines:
        return tag("ul", *lines, class_="matters", aria_label="what asks for somebody")
    return tag(
        "p",
        badge("well", "good", "✓"),
        " No alarm lasts, and every task that was promoted is served.",
        class_="matters",
    )


def _tiles(edge: Edge, found: Overview, *, now: datetime) -> Html:
    traffic = found.traffic.values()
    n_failed = sum(sum(one.failed) for one in traffic)
    n_running = sum(job.state == "running" for job in found.jobs)
    due = [at for one in found.schedules if (at := one.next_at(now)) is not None]
    n_served = sum(place.live is not None for place in edge.versions.places.values())
    report = found.report
    told = {
        "tasks served": f"{n_served} of {len(edge.versions.places)}",
        "requests, 24 h": f"{sum(one.n for one in traffic):,}",
        "failed": tag("span", f"{n_failed:,}", class_="missed" if n_failed else None),
        "alarms": link(f"{len(found.alarms)}", f"{FOLDER}/alarms"),
        "trainings": link(_trainings(n_running, len(found.jobs) - n_running), f"{FOLDER}/schedules"),
        "next training": moment(min(due), now) if due else DASH,
        "last report": DASH if report is None else joined(link(f"{report.id}", f"{FOLDER}/reports/{report.id}"), " ", moment(report.timestamp, now)),
    }  # fmt: skip
    return facts(told, kind="tiles")


def _trainings(n_running: int, n_waiting: int) -> str:
    parts = [f"{n} {word}" for n, word in ((n_running, "running"), (n_waiting, "waiting")) if n]
    return ", ".join(parts) or "none now"
