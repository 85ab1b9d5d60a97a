"""Quality of versions on live traffic, as the pages show it."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

import msgspec

from telltale.contract.kinds import SCORING_KINDS
from telltale.monitor.live_quality import LiveQuality, live_quality
from telltale.monitor.report.gather import answering_versions
from telltale.serve.edge import Edge
from telltale.serve.page.task_at import TaskAt

QUALITY_DAYS: Final = 7


class Quality(msgspec.Struct, frozen=True, kw_only=True):
    """Quality of a task on live traffic.

    Args:
        versions: of each that answered in the last days, the newest version first.
        days: the champion's by itself on each of them, from midnight (UTC), oldest first.
    """

    versions: Sequence[LiveQuality]
    days: Sequence[tuple[datetime, LiveQuality]] = ()


def all_quality(edge: Edge, *, now: datetime) -> dict[tuple[str, str], Sequence[LiveQuality]]:
    """Quality of every version of every task that scores, in the last day."""
    tasks = [TaskAt(app=app, task=task) for app in edge.apps.values() for task in app.tasks]
    since = now - timedelta(days=1)
    return {at.key: _of_versions(edge, at, since=since, now=now) for at in tasks if at.task.kind in SCORING_KINDS}


def task_quality(edge: Edge, at: TaskAt, *, now: datetime) -> Quality:
    """Quality of a task in the last days. Takes seconds for millions of answers."""
    versions = _of_versions(edge, at, since=now - timedelta(days=QUALITY_DAYS), now=now)
    champion = edge.registry.champion(*at.key)
    if champion is None or not any(one.realised for one in versions if one.version == champion.number):
        return Quality(versions=versions)
    events, midnight = edge.folder.events, now.replace(hour=0, minute=0, second=0, microsecond=0)
    begins = [midnight - timedelta(days=days) for days in reversed(range(QUALITY_DAYS))]
    days = [
        (
            day,
            live_quality(
                events,
                edge.registry,
                at.app,
                at.task,
                version=champion.number,
                since=day,
                until=day + timedelta(days=1),
            ),
        )
        for day in begins
    ]
    return Quality(versions=versions, days=days)


def _of_versions(edge: Edge, at: TaskAt, *, since: datetime, now: datetime) -> Sequence[LiveQuality]:
    events = edge.folder.events
    return [
        live_quality(events, edge.registry, at.app, at.task, version=version, since=since, until=now)
        for version in reversed(answering_versions(events, *at.key, since=since, until=now))
    ]
