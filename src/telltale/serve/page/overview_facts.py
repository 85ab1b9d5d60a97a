"""What the first page shows, read at one time by a few queries."""

from collections.abc import Mapping, Sequence
from datetime import datetime

import msgspec

from telltale.monitor.alarms import Alarm
from telltale.monitor.drift.findings import Finding, latest_finding
from telltale.monitor.live_quality import LiveQuality
from telltale.monitor.report.store import ReportHead, report_heads
from telltale.registry.release import Release, read_active
from telltale.registry.versions import Version
from telltale.retrain.jobs import Job, read_jobs
from telltale.retrain.schedules import Schedule
from telltale.serve.edge import Edge
from telltale.serve.page.kept import Kept
from telltale.serve.page.quality_read import all_quality
from telltale.serve.page.traffic_read import DAY, Traffic, read_logged, read_traffic
from telltale.serve.routes.route_context import RouteContext


class Overview(msgspec.Struct, frozen=True, kw_only=True):
    """What the page shows, read at one time."""

    versions: Mapping[tuple[str, str], Sequence[Version]]
    traffic: Mapping[tuple[str, str], Traffic]
    findings: Mapping[tuple[str, str], Finding | None]
    quality: Mapping[tuple[str, str], Sequence[LiveQuality]] | None
    releases: Mapping[tuple[str, str], Release]
    alarms: Sequence[Alarm]
    jobs: Sequence[Job]
    schedules: Sequence[Schedule]
    report: ReportHead | None


def read_overview(edge: Edge, kept: Kept, alarms: Sequence[Alarm], *, now: datetime) -> Overview:
    """Read it."""
    state, events = edge.folder.state, edge.folder.events
    versions: dict[tuple[str, str], list[Version]] = {}
    for version in edge.registry.all_versions():
        versions.setdefault((version.app, version.task), []).append(version)
    with state.read() as connection:
        releases = {(release.app, release.task): release for release in read_active(connection)}
    tasks = [(app, task) for app in edge.apps.values() for task in app.tasks]
    trained = [(app, task) for app, task in tasks if (app.name, task.name) in versions]
    logged = kept.get("logged", lambda: read_logged(events)) or {}
    traffic_of = read_traffic(events, DAY, logged, now=now)
    waiting = [*read_jobs(state, job_state="running", limit=20), *read_jobs(state, job_state="queued", limit=20)]
    return Overview(
        versions=versions,
        traffic={(app.name, task.name): traffic_of((app.name, task.name)) for app, task in tasks},
        findings={(app.name, task.name): latest_finding(events, app.name, task.name) for app, task in trained},
        quality=kept.get("quality", lambda: all_quality(edge, now=now)),
        releases=releases,
        alarms=alarms,
        jobs=waiting,
        schedules=RouteContext(edge).schedules(),
        report=next(iter(report_heads(state, limit=1)), None),
    )
