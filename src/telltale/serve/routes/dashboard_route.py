"""`/dashboard`: how the models do now, as one page that a browser opens and that asks for itself again every half a minute."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from html import escape
from typing import Annotated, Final

from litestar import Response, get
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromQuery, QueryParameter

from telltale.contract.app import App, Task
from telltale.contract.errors import NotFoundError
from telltale.evaluate.html_parts import sheet
from telltale.evaluate.wording import NO_FIGURE, figure_name, figure_text
from telltale.monitor.report.gather import make_report
from telltale.monitor.report.page import report_page
from telltale.monitor.report.spark import spark_line
from telltale.registry.versions import Version
from telltale.retrain.jobs import Job, read_jobs
from telltale.retrain.schedules import Schedule
from telltale.serve.edge import Edge
from telltale.serve.page.replies import BACK
from telltale.serve.routes.route_context import RouteContext
from telltale.telemetry.backend.kept import Facts, all_facts, told_age, told_span

REFRESH_S: Final = 30
_MOST_HOURS: Final = 744
_VERSIONS_DRAWN: Final = 30


def dashboard_route(edge: Edge) -> HTTPRouteHandler:
    """The page of a serving process."""
    context = RouteContext(edge)

    @get(
        "/dashboard",
        sync_to_thread=True,
        media_type="text/html",
        summary="How the models do now, as a page: versions, quality over time, jobs, backends, latency, alarms",
    )
    def dashboard(
        app: FromQuery[str | None] = None,
        hours: Annotated[int, QueryParameter(ge=1, le=_MOST_HOURS)] = 24,
    ) -> Response[str]:
        if app is not None and app not in edge.apps:
            raise NotFoundError(f"there is no app {app!r}", where="app", mend=f"There are: {', '.join(edge.apps)}.")
        now = datetime.now(UTC)
        apps = [found for name, found in edge.apps.items() if app in {None, name}]
        tasks = [(one, task) for one in apps for task in one.tasks]
        edge.log.flush()
        report = make_report(edge.folder, edge.registry, tasks, since=now - timedelta(hours=hours), until=now, now=now)
        sections = (BACK, _tasks(edge, context, tasks, now=now), _sources(edge, apps, now=now))
        page = report_page(report, title=f"telltale: the last {hours} hours", sections=sections)
        return Response(page, media_type="text/html", headers={"refresh": str(REFRESH_S)})

    return dashboard


def _tasks(edge: Edge, context: RouteContext, tasks: Sequence[tuple[App, Task]], *, now: datetime) -> str:
    """A row for each task that has a version: what decides, how good it is and was, and what is being done about it."""
    schedules = context.schedules()
    rows = []
    for app, task in tasks:
        versions = edge.registry.versions(app.name, task.name)
        if not versions:
            continue
        jobs = read_jobs(edge.folder.state, app=app.name, task=task.name, limit=1)
        champion = next((one for one in versions if one.role == "champion"), None)
        metric = task.targets[0].metric if task.targets else ""
        rows.append(
            (
                escape(f"{app.name}/{task.name}"),
                _told_version(champion, now=now),
                _told_figure(champion, metric),
                spark_line([one.metrics.get(metric) for one in versions[-_VERSIONS_DRAWN:]]) if metric else "",
                _told_next(schedules, app.name, task.name, now=now),
                _told_job(jobs[0]) if jobs else NO_FIGURE,
            )
        )
    if not rows:
        return '<p class="note">No version has been trained yet: telltale train APP/TASK.</p>'
    columns = ("task", "decides", "judged by", "over the versions", "trained next", "last training")
    return f'<h2>Models</h2><div class="wide">{sheet(columns, rows)}</div>'


def _told_version(champion: Version | None, *, now: datetime) -> str:
    if champion is None:
        return '<span class="missed">no version</span>'
    made = told_age(champion.created_at, now)
    return f"version {champion.number} <small>{escape(champion.estimator)}, {made}, {escape(champion.data_kind)} rows</small>"


def _told_figure(champion: Version | None, metric: str) -> str:
    value = None if champion is None else champion.metrics.get(metric)
    if champion is None or value is None or value != value:  # noqa: PLR0124 - not a number
        return NO_FIGURE
    return f"{escape(figure_text(metric, value))} <small>{escape(figure_name(metric))}, gate: {escape(champion.outcome)}</small>"


def _told_next(schedules: Sequence[Schedule], app: str, task: str, *, now: datetime) -> str:
    ours = [one for one in schedules if one.app == app and task in one.tasks]
    if ours and all(one.paused for one in ours):
        return '<span class="missed">paused</span>'
    due = [at for one in ours if (at := one.next_at(now)) is not None]
    return f"{min(due):%Y-%m-%d %H:%M}" if due else NO_FIGURE


def _told_job(job: Job) -> str:
    reason = escape(str((job.result or {}).get("reason", job.reason)))
    state = f'<span class="missed">{job.state}</span>' if job.state == "failed" else job.state
    return f"{state} {job.finished_at or job.created_at:%m-%d %H:%M} <small>{reason}</small>"


def _sources(edge: Edge, apps: Sequence[App], *, now: datetime) -> str:
    """A row for each backend that rows were read from."""
    names = {app.name for app in apps}
    rows = [
        (
            escape(f"{facts.app}/{facts.event}"),
            escape(facts.address),
            NO_FIGURE if facts.taken_at is None else told_age(facts.taken_at, now),
            _told_standing(facts, now=now),
        )
        for facts in all_facts(edge.folder.path)
        if facts.app in names
    ]
    if not rows:
        return ""
    return f'<h2>Backends</h2><div class="wide">{sheet(("event", "address", "last good answer", "now"), rows)}</div>'


def _told_standing(facts: Facts, *, now: datetime) -> str:
    if facts.failing_since is None:
        return "answers"
    away = told_span(facts.failing_since, now)
    return f'<span class="missed">away for {away}</span> <small>{escape(facts.fault)}</small>'
