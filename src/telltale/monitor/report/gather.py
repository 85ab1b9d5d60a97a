"""A report made from what is stored."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

import numpy as np

from telltale.contract.app import App, Task
from telltale.contract.errors import UsageError
from telltale.monitor.alarms import Alarm, read_alarms
from telltale.monitor.answer_counts import Answered
from telltale.monitor.live_quality import live_quality
from telltale.monitor.report.document import (
    Details,
    Report,
    Summary,
    TaskReport,
    TimeRange,
    VersionReport,
)
from telltale.monitor.report.series import drift_looks, in_buckets, mean_of, score_shape, step_of
from telltale.monitor.service import MOST_LATENCIES, measure_service
from telltale.registry.ledger import champion_of
from telltale.registry.registry import Registry
from telltale.registry.release import Release, read_releases
from telltale.storage.database import Database
from telltale.storage.folder import Folder
from telltale.storage.instants import to_us

_LONGEST: Final = timedelta(days=3_660)
_MOST_ALARMS: Final = 10_000
_MOST_RELEASES: Final = 1_000
_VERSIONS: Final = """
    SELECT version FROM prediction WHERE +app = ? AND +task = ? AND received_us >= ? AND received_us < ?
    UNION
    SELECT version FROM shadow WHERE app = ? AND task = ? AND received_us >= ? AND received_us < ?
    ORDER BY version
"""
_LATENCIES: Final = """
    SELECT latency_us FROM prediction
    WHERE received_us >= ? AND received_us < ? AND app || '/' || task IN ({marks})
    ORDER BY received_us DESC LIMIT ?
"""


def make_report(
    folder: Folder,
    registry: Registry,
    tasks: Sequence[tuple[App, Task]],
    *,
    since: datetime,
    until: datetime,
    now: datetime,
) -> Report:
    """What happened to these tasks from `since` on, before `until`. It is not stored yet.

    Latencies rest on the newest answers of the range, at most `MOST_LATENCIES`.

    Args:
        folder: the home.
        registry: of the home.
        tasks: which are reported.
        since: aware.
        until: aware.
        now: when it is made.

    Raises:
        UsageError: the range ends before it begins, or is longer than ten years.
    """
    if not timedelta() < until - since <= _LONGEST:
        raise UsageError(
            f"the range begins at {since.isoformat()} and ends at {until.isoformat()}",
            where="report",
            mend=f"Give a beginning that is before the end, by {_LONGEST.days:,} days at most.",
        )
    alarms = [
        alarm
        for alarm in reversed(read_alarms(folder.state, limit=_MOST_ALARMS))
        if alarm.raised_at < until and (alarm.resolved_at is None or alarm.resolved_at >= since)
    ]
    reports = tuple(_of_task(folder, registry, app, task, alarms, since=since, until=until) for app, task in tasks)
    homes = tuple(alarm for alarm in alarms if not alarm.app)
    addresses = [report.address for report in reports]
    latencies_ms = _latencies_ms(folder.events, addresses, since=since, until=until)
    return Report(
        timestamp=now,
        time_range=TimeRange(since=since, until=until),
        summary=Summary(
            avg_latency=float(latencies_ms.mean()) if latencies_ms.size else None,
            p95_latency=float(np.quantile(latencies_ms, 0.95)) if latencies_ms.size else None,
            avg_drift=mean_of([look.psi for report in reports for look in report.drift]),
            # An alarm of a stream is every task's that reads it.
            alert_count=len({alarm.id for report in reports for alarm in report.alarms}) + len(homes),
        ),
        details=Details(tasks=reports, alarms=homes),
    )


def answering_versions(events: Database, app: str, task: str, *, since: datetime, until: datetime) -> list[int]:
    """The versions that answered requests of a range, in the shadow of another or by themselves, oldest first."""
    span = (app, task, to_us(since), to_us(until))
    return [version for (version,) in events.fetch(_VERSIONS, (*span, *span)) if version]


def _of_task(
    folder: Folder,
    registry: Registry,
    app: App,
    task: Task,
    alarms: Sequence[Alarm],
    *,
    since: datetime,
    until: datetime,
) -> TaskReport:
    events = folder.events
    step = step_of(until - since)
    service = measure_service(events, app.name, task.name, version=None, since=since, until=until)
    history = registry.history(app.name, task.name)
    looks = drift_looks(events, app.name, task.name, since=since, until=until)
    versions = answering_versions(events, app.name, task.name, since=since, until=until)
    # An alarm of a stream names the event in place of a task.
    names = {task.name, task.event}
    return TaskReport(
        app=app.name,
        task=task.name,
        kind=task.kind,
        targets=task.targets,
        champion_before=champion_of(history, at=since),
        champion=champion_of(history, at=until),
        service=service,
        step_s=step.total_seconds(),
        buckets=in_buckets(events, app.name, task.name, since=since, until=until, step=step) if service.n else (),
        drift=looks,
        avg_drift=mean_of([look.psi for look in looks]),
        versions=tuple(
            VersionReport(
                version=version,
                service=measure_service(events, app.name, task.name, version=version, since=since, until=until),
                quality=live_quality(events, registry, app, task, version=version, since=since, until=until),
                scores=score_shape(
                    events, Answered(app=app.name, task=task.name, version=version, since=since, until=until)
                ),
            )
            for version in versions
        ),
        alarms=tuple(alarm for alarm in alarms if alarm.app == app.name and alarm.task in names),
        timeline=tuple(move for move in history if since <= move.at < until),
        releases=_releases(folder.state, app.name, task.name, since=since, until=until),
    )


def _releases(state: Database, app: str, task: str, *, since: datetime, until: datetime) -> tuple[Release, ...]:
    with state.read() as connection:
        found = read_releases(connection, app=app, task=task, limit=_MOST_RELEASES)
    return tuple(
        release
        for release in reversed(found)
        if release.started_at < until and (release.ended_at is None or release.ended_at >= since)
    )


def _latencies_ms(
    events: Database, addresses: Sequence[str], *, since: datetime, until: datetime
) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    query = _LATENCIES.format(marks=", ".join("?" * len(addresses)) or "NULL")
    found = events.fetch(query, (to_us(since), to_us(until), *addresses, MOST_LATENCIES))
    return np.fromiter((us for (us,) in found), dtype=np.float64, count=len(found)) / 1_000
