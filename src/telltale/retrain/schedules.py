"""The schedule of each task: an expression, and whether it is paused."""

from collections.abc import Iterable
from datetime import datetime

import msgspec
from sqlalchemy import func, select, update
from sqlalchemy.dialects.sqlite import insert

from telltale.contract.app import App
from telltale.contract.errors import NotFoundError
from telltale.retrain.cron import next_slot
from telltale.storage.database import Database
from telltale.storage.instants import from_us, to_us
from telltale.storage.tables import schedule, slot


class Schedule(msgspec.Struct, frozen=True, kw_only=True):
    """When a task is retrained. `last_slot` is the latest slot that some process claimed."""

    app: str
    task: str
    cron: str
    paused: bool
    created_at: datetime
    last_slot: datetime | None
    last_state: str | None

    def next_at(self, now: datetime) -> datetime | None:
        """When it is due next; None while it is paused."""
        return None if self.paused else next_slot(self.cron, now)


def declare_schedules(state: Database, apps: Iterable[App], *, now: datetime) -> None:
    """Give every task that has none the schedule its app declares; those there are stay as they are."""
    rows = [
        {
            "app": app.name,
            "task": task.name,
            "cron": task.schedule,
            "paused": False,
            "created_us": to_us(now),
        }
        for app in apps
        for task in app.tasks
    ]
    if rows:
        with state.write() as connection:
            connection.execute(insert(schedule).on_conflict_do_nothing(), rows)


def read_schedules(state: Database) -> list[Schedule]:
    """Every schedule, by app and task."""
    last = select(slot.c.app, slot.c.task, func.max(slot.c.at_us).label("at_us")).group_by(slot.c.app, slot.c.task)
    latest = last.subquery()
    query = (
        select(schedule, latest.c.at_us, slot.c.state)
        .outerjoin(latest, (latest.c.app == schedule.c.app) & (latest.c.task == schedule.c.task))
        .outerjoin(
            slot,
            (slot.c.app == schedule.c.app) & (slot.c.task == schedule.c.task) & (slot.c.at_us == latest.c.at_us),
        )
        .order_by(schedule.c.app, schedule.c.task)
    )
    with state.read() as connection:
        return [
            Schedule(
                app=row.app,
                task=row.task,
                cron=row.cron,
                paused=bool(row.paused),
                created_at=from_us(row.created_us),
                last_slot=None if row.at_us is None else from_us(row.at_us),
                last_state=row.state,
            )
            for row in connection.execute(query)
        ]


def set_schedule(state: Database, app: str, task: str, *, paused: bool | None = None, cron: str | None = None) -> None:
    """Pause, resume, or give another expression.

    Raises:
        NotFoundError: the task has no schedule.
        UsageError: the expression cannot be read.
    """
    values: dict[str, str | bool] = {}
    if paused is not None:
        values["paused"] = paused
    if cron is not None:
        next_slot(cron, from_us(0))
        values["cron"] = cron
    with state.write() as connection:
        statement = update(schedule).where(schedule.c.app == app, schedule.c.task == task).values(**values)
        if connection.execute(statement).rowcount == 0:
            raise NotFoundError(f"{app}/{task} has no schedule", where="schedule", mend="See `telltale schedule list`.")
