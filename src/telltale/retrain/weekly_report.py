"""A report of every week, made by whichever worker looks first once it is over."""

from datetime import UTC, datetime, timedelta
from typing import Final

from telltale.monitor.report.gather import make_report
from telltale.monitor.report.store import has_report, keep_report
from telltale.retrain.duties import Desk

ACTOR: Final = "weekly report"
_WEEK: Final = timedelta(days=7)


def report_weekly(desk: Desk, now: datetime) -> None:
    """Store the report of the ISO week that ended last, once; none of a home that had no version then."""
    until = _monday(now)
    since = until - _WEEK
    state = desk.folder.state
    if has_report(state, actor=ACTOR, since=since, until=until):
        return
    if not any(version.created_at < until for version in desk.registry.all_versions()):
        return
    tasks = [(app, task) for app in desk.apps.values() for task in app.tasks]
    made = make_report(desk.folder, desk.registry, tasks, since=since, until=until, now=now)
    keep_report(state, made, actor=ACTOR, once=True)


def _monday(now: datetime) -> datetime:
    """When the week of a moment began, in UTC."""
    day = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return day - timedelta(days=day.weekday())
