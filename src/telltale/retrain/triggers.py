"""Retraining that nobody asked for: rules of a task, looked at by the worker, that ask for it when they hold."""

from collections.abc import Collection, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

import structlog

from telltale.contract.app import App, RetrainingRules, Task
from telltale.monitor.alarms import Alarm, active_alarms, advise
from telltale.retrain.duties import Desk
from telltale.retrain.jobs import BY_TRIGGER, Job, enqueue_job, read_jobs
from telltale.storage.database import Database
from telltale.storage.instants import to_us
from telltale.telemetry.event_store import EventStore

ACTOR: Final = "trigger"
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

_logger = structlog.get_logger("telltale.retrain.triggers")


def due_for_retraining(
    rules: RetrainingRules,
    *,
    alarms: Collection[str],
    n_rows: int,
    minimum_rows: int,
    n_new_rows: int,
    trained_at: datetime | None,
    retrained_at: datetime | None,
    now: datetime,
) -> str | None:
    """Why a task is to be retrained now, in words; None where it is not.

    A version that knows all that is stored is not trained again, whatever the alarm: it would be the same.

    Args:
        rules: the task's.
        alarms: names of those of the task that last.
        n_rows: stored rows.
        minimum_rows: the task's.
        n_new_rows: rows stored, and labels given, since the latest version was trained.
        trained_at: when that was; None where there is none.
        retrained_at: when a retraining was last asked for that did not end with nothing to do; None where never.
        now: aware.

    >>> due_for_retraining(
    ...     RetrainingRules(),
    ...     alarms=["drift"],
    ...     n_rows=900,
    ...     minimum_rows=500,
    ...     n_new_rows=120,
    ...     trained_at=datetime(2024, 1, 1, tzinfo=UTC),
    ...     retrained_at=None,
    ...     now=datetime(2024, 1, 2, tzinfo=UTC),
    ... )
    'drift: the inputs have moved, and 120 rows or labels are new since the latest version was trained'
    """
    if n_rows < minimum_rows or not n_new_rows:
        return None
    if retrained_at is not None and now - retrained_at < timedelta(seconds=rules.not_more_often_s):
        return None
    new = f"{n_new_rows} rows or labels are new since the latest version was trained"
    if rules.on_drift and "drift" in alarms:
        return f"drift: the inputs have moved, and {new}"
    if rules.on_quality and "quality_low" in alarms:
        return f"quality: it is below the target, and {new}"
    if rules.new_rows is not None and n_new_rows >= rules.new_rows:
        return f"new rows: {new}; {rules.new_rows} are reason enough"
    if rules.at_least_every_s is not None and trained_at is not None:
        age_s = (now - trained_at).total_seconds()
        if age_s >= rules.at_least_every_s:
            return f"age: the latest version is {age_s / 3_600:.0f} h old, and {new}"
    return None


def ask_for_retraining(desk: Desk, now: datetime) -> None:
    """A duty: ask for the retraining of every task whose rules say so."""
    alarms = active_alarms(desk.folder.state)
    for app in desk.apps.values():
        for task in app.tasks:
            its_own = [alarm for alarm in alarms if (alarm.app, alarm.task) == (app.name, task.name)]
            _ask(desk, app, task, its_own, now=now)


def _ask(desk: Desk, app: App, task: Task, alarms: Sequence[Alarm], *, now: datetime) -> None:
    rules = task.retraining
    heeded = {name for name, is_on in (("drift", rules.on_drift), ("quality_low", rules.on_quality)) if is_on}
    pressing = [alarm for alarm in alarms if alarm.name in heeded]
    if not pressing and rules.new_rows is None and rules.at_least_every_s is None:
        return  # asked first: nearly every look ends here
    jobs = read_jobs(desk.folder.state, app=app.name, task=task.name)
    if any(job.state in {"queued", "running"} for job in jobs):
        return
    versions = desk.registry.versions(app.name, task.name)
    latest = versions[-1] if versions else None
    knows_stored = latest is not None and latest.data_kind == "store"
    since = latest.created_at if latest is not None and knows_stored else _EPOCH
    n_rows = EventStore(desk.folder.events).count(app.name, task.event)
    reason = due_for_retraining(
        rules,
        alarms={alarm.name for alarm in alarms},
        n_rows=n_rows,
        minimum_rows=task.minimum_rows,
        n_new_rows=_n_new(desk.folder.events, app, task, since=since),
        trained_at=None if latest is None else latest.created_at,
        retrained_at=_retrained_at(jobs),
        now=now,
    )
    if reason is None:
        if n_rows < task.minimum_rows:
            for alarm in pressing:
                advise(desk.folder.state, alarm, f"It is retrained by itself once {task.minimum_rows} rows are stored.")
        return
    job = enqueue_job(desk.folder.state, app.name, task.name, actor=ACTOR, reason=reason, now=now, priority=BY_TRIGGER)
    _logger.info("retraining_asked_for", app=app.name, task=task.name, job=job.id, why=reason)


def _retrained_at(jobs: Collection[Job]) -> datetime | None:
    return max((job.created_at for job in jobs if job.state != "skipped" or job.actor == ACTOR), default=None)


def _n_new(events: Database, app: App, task: Task, *, since: datetime) -> int:
    """Rows of a task's event stored since a moment, and labels given since.

    Rows are numbered in the order in which they came, so that the first that is new is found by halving, and only those
    after it are counted: this is looked at often, and there is no index by time of receipt.
    """
    since_us = to_us(since)
    (low,) = events.fetch("SELECT min(id), max(id) FROM event")[0:1]
    n_rows = 0
    if low[0] is not None:
        first, end = int(low[0]), int(low[1]) + 1
        while first < end:
            middle = (first + end) // 2
            received_us = events.fetch("SELECT received_us FROM event WHERE id >= ? ORDER BY id LIMIT 1", (middle,))
            if received_us and received_us[0][0] > since_us:
                end = middle
            else:
                first = middle + 1
        counted = "SELECT count(*) FROM event NOT INDEXED WHERE id >= ? AND app = ? AND event = ?"
        n_rows = int(events.fetch(counted, (first, app.name, task.event))[0][0])
    labelled = "SELECT count(*) FROM feedback WHERE app = ? AND task = ? AND at_us > ?"
    return n_rows + int(events.fetch(labelled, (app.name, task.name, since_us))[0][0])
