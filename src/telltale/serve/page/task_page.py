"""One task: what decides, what is being tried, how it answers, how good it is, what moved, and who did what."""

from collections.abc import Sequence
from datetime import datetime

from telltale.contract.app import App, Task
from telltale.contract.kinds import LEARNING_KINDS
from telltale.monitor.alarms import Alarm
from telltale.monitor.drift.findings import newest_findings
from telltale.registry.learned import learned_history
from telltale.registry.ledger import former_champions
from telltale.registry.release import read_releases
from telltale.registry.versions import Version
from telltale.retrain.jobs import read_jobs
from telltale.serve.edge import Edge
from telltale.serve.page.elements import DASH, NOTHING, Html, facts, joined, link, moment, section, tag
from telltale.serve.page.kept import Kept
from telltale.serve.page.quality_read import task_quality
from telltale.serve.page.states import gate_badge
from telltale.serve.page.stored_read import newest_feedback
from telltale.serve.page.task_answers import feedback_table, learned_table, predictions_table, traffic_part
from telltale.serve.page.task_at import TaskAt
from telltale.serve.page.task_quality import drift_part, quality_part
from telltale.serve.page.task_story import alarms_list, history_table, jobs_table, release_part
from telltale.serve.page.task_versions import targets_table, versions_table
from telltale.serve.page.traffic_read import DAY, HOUR, newest_answers, read_logged, read_traffic
from telltale.serve.page.viewer import Viewer
from telltale.serve.routes.route_context import RouteContext

_PARTS = (
    ("live", "live-last-hour"),
    ("quality", "quality-last-7-days"),
    ("drift", "drift"),
    ("versions", "versions"),
    ("trainings", "trainings"),
    ("history", "history"),
    ("answers", "newest-answers"),
)
_LOOKS, _RELEASES, _JOBS, _ANSWERS, _LABELS = 48, 5, 8, 12, 8


def task_page(edge: Edge, viewer: Viewer, at: TaskAt, *, kept: Kept, alarms: Sequence[Alarm], now: datetime) -> Html:
    """The page's content."""
    app, task, whose = at.app, at.task, at.path
    state, events = edge.folder.state, edge.folder.events
    edge.log.flush()
    versions = edge.registry.versions(app.name, task.name)
    champion = next((one for one in versions if one.role == "champion"), None)
    history = edge.registry.history(app.name, task.name)
    with state.read() as connection:
        releases = read_releases(connection, app=app.name, task=task.name, limit=_RELEASES)
    active = next((one for one in releases if one.ended_at is None), None)
    logged = kept.get("logged", lambda: read_logged(events)) or {}
    quality = kept.get(("quality", *at.key), lambda: task_quality(edge, at, now=now))
    learned = (
        learned_history(events, (app.name, task.name, champion.number))
        if champion is not None and task.kind in LEARNING_KINDS
        else []
    )
    has_former = bool(former_champions(history))
    return joined(
        _head(edge, app, task, champion, now=now),
        _buttons(viewer, whose, champion, has_former=has_former, is_releasing=active is not None),
        _ways(),
        alarms_list([one for one in alarms if one.app == app.name and one.task in {task.name, task.event}], now=now),
        release_part(releases, whose, now=now),
        section(
            "Gate of the champion",
            targets_table(champion) if champion is not None else NOTHING,
            about="" if champion is None else f"Version {champion.number}, on rows held out of its training.",
        ),
        *(
            section(
                f"Live, {span.words}",
                traffic_part(read_traffic(events, span, logged, now=now)(at.key), span, now=now),
            )
            for span in (HOUR, DAY)
        ),
        section("Quality, last 7 days", quality_part(task, quality, champion)),
        section(
            "Drift",
            drift_part(newest_findings(events, app.name, task.name, limit=_LOOKS), now=now),
        ),
        section(
            "Versions",
            versions_table(versions, task, viewer, whose, is_releasing=active is not None, now=now),
        ),
        section("Learned since training", learned_table(learned, now=now)),
        section("Trainings", jobs_table(read_jobs(state, app=app.name, task=task.name, limit=_JOBS), now=now)),
        section("History", history_table(history, whose, now=now)),
        section(
            "Newest answers",
            predictions_table(newest_answers(events, at, logged, limit=_ANSWERS), now=now),
        ),
        section(
            "Newest feedback", feedback_table(newest_feedback(events, app.name, task.name, limit=_LABELS), now=now)
        ),
    )


def _ways() -> Html:
    """To the parts of a long page."""
    ways = [tag("li", link(words, f"#{part}")) for words, part in _PARTS]
    return tag("nav", tag("ul", *ways), aria_label="parts of this page", class_="ways")


def _head(edge: Edge, app: App, task: Task, champion: Version | None, *, now: datetime) -> Html:
    schedules = [one for one in RouteContext(edge).schedules() if one.app == app.name and task.name in one.tasks]
    due = [at for one in schedules if (at := one.next_at(now)) is not None]
    place = edge.versions.places[app.name, task.name]
    live = place.live
    served = "nothing" if live is None else f"version {live.served.version}"
    told = {
        "kind": task.kind,
        "event": f"{app.name}/{task.event}",
        "champion": DASH if champion is None else f"version {champion.number}, {champion.estimator}",
        "gate": DASH if champion is None else gate_badge(champion.outcome),
        "answers now": tag("span", served, class_="missed" if champion is not None and live is None else None),
        "next training": moment(min(due), now) if due else ("paused" if schedules else DASH),
    }
    fault = tag("p", place.fault, class_="problem", role="alert") if place.fault else NOTHING
    return joined(facts(told), fault)


def _buttons(viewer: Viewer, whose: str, champion: Version | None, *, has_former: bool, is_releasing: bool) -> Html:
    if not viewer.can_operate:
        return NOTHING
    there = [
        link("Train now…", f"{whose}/train", class_="button"),
        link("Roll back…", f"{whose}/rollback", class_="button") if champion is not None and has_former else NOTHING,
        link("End the release…", f"{whose}/stop", class_="button") if is_releasing else NOTHING,
    ]
    return tag("p", *there, class_="buttons")
