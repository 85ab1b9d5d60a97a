"""The tasks of an app in rows: what decides, how good it is and was, what was asked of it, what comes next."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from telltale.contract.app import App, Task
from telltale.evaluate.wording import figure_name, figure_text
from telltale.monitor.live_quality import LiveQuality
from telltale.registry.versions import Version
from telltale.serve.page.charts import bars, spark
from telltale.serve.page.elements import DASH, NOTHING, Html, badge, joined, link, moment, small, table, tag
from telltale.serve.page.overview_facts import Overview
from telltale.serve.page.states import drift_badge, gate_badge, milliseconds
from telltale.serve.page.task_at import TaskAt
from telltale.serve.page.traffic_read import Traffic

_VERSIONS_DRAWN: Final = 20
_COUNTED = tag("span", "being counted", class_="quiet")
_COLUMNS = ("task", "decides", "gate", "figure", "requests, 24 h", "p99", "drift", "quality, 24 h", "next training")


def task_rows(app: App, found: Overview, *, now: datetime) -> Html:
    """The tasks of an app as a table."""
    rows = []
    for task in app.tasks:
        at = TaskAt(app=app, task=task)
        whose = at.key
        versions = found.versions.get(whose, ())
        champion = next((one for one in versions if one.role == "champion"), None)
        traffic = found.traffic[whose]
        rows.append(
            (
                _name(at, found),
                _decides(at, versions, found, now=now),
                gate_badge(champion.outcome) if champion is not None else DASH,
                _figure(task, champion, versions),
                _requests(traffic),
                milliseconds(traffic.quantile_ms(0.99)),
                drift_badge(found.findings.get(whose)),
                _quality(task, champion, found.quality.get(whose, ())) if found.quality is not None else _COUNTED,
                _training(at, found, now=now),
            )
        )
    return table(f"Tasks of {app.name}", _COLUMNS, rows, kind="tasks")


def _name(at: TaskAt, found: Overview) -> Html:
    alarms = [one for one in found.alarms if one.app == at.app.name and one.task in {at.task.name, at.task.event}]
    bell = NOTHING
    if alarms:
        words = f"{len(alarms)} alarm{'s' if len(alarms) > 1 else ''}"
        bell = joined(" ", badge(words, "bad" if any(one.severity == "critical" for one in alarms) else "open", "▲"))
    return joined(link(at.task.name, at.path), bell, small(at.task.kind))


def _decides(at: TaskAt, versions: Sequence[Version], found: Overview, *, now: datetime) -> Html:
    champion = next((one for one in versions if one.role == "champion"), None)
    if not versions:
        return tag("span", "never trained", class_="quiet")
    if champion is None:
        n = len(versions)
        return joined(
            tag("span", "no champion", class_="missed"), small(f"{n} version{'s' if n > 1 else ''} to promote")
        )
    release = found.releases.get(at.key)
    beside = NOTHING
    if release is not None:
        told = (
            f"{release.mode} of version {release.number}" if release.state == "running" else "watched after its release"
        )
        beside = tag("small", link(told, at.path))
    about = tag("small", champion.estimator, ", ", moment(champion.created_at, now))
    return joined(link(f"version {champion.number}", f"{at.path}/versions/{champion.number}"), " ", about, " ", beside)


def _figure(task: Task, champion: Version | None, versions: Sequence[Version]) -> Html:
    metric = task.targets[0].metric if task.targets else ""
    if champion is None or not metric:
        return DASH
    values = [one.metrics.get(metric) for one in versions[-_VERSIONS_DRAWN:]]
    line = spark(values, f"{figure_name(metric)} over the last {len(values)} versions")
    return joined(figure_text(metric, champion.metrics.get(metric)), " ", line, small(figure_name(metric)))


def _requests(traffic: Traffic) -> Html:
    if not traffic.n:
        return tag("span", "none", class_="quiet")
    n_failed = sum(traffic.failed)
    failed = joined(" ", tag("small", f"{n_failed:,} failed", class_="missed")) if n_failed else NOTHING
    return joined(
        f"{traffic.n:,} ", bars(traffic.answered, f"requests of each of the last {len(traffic.answered)} hours"), failed
    )


def _quality(task: Task, champion: Version | None, found: Sequence[LiveQuality]) -> Html:
    metric = next((target.metric for target in task.targets), "")
    ours = next((one for one in found if champion is not None and one.version == champion.number), None)
    if ours is None:
        return DASH
    for figures, word in ((ours.realised, f"from {ours.n_labelled:,} labels"), (ours.estimated, "estimated")):
        name = metric if metric in figures else next(iter(figures), "")
        if name:
            return joined(figure_text(name, figures[name].value), small(f"{figure_name(name)}, {word}"))
    return DASH


def _training(at: TaskAt, found: Overview, *, now: datetime) -> Html:
    jobs = [job for job in found.jobs if (job.app, job.task) == at.key]
    if jobs:
        return badge("running" if jobs[0].state == "running" else "waiting", "calm", "◴")
    ours = [one for one in found.schedules if one.app == at.app.name and at.task.name in one.tasks]
    if ours and all(one.paused for one in ours):
        return badge("paused", "open", "‖")
    due = [due_at for one in ours if (due_at := one.next_at(now)) is not None]
    return moment(min(due), now) if due else DASH
