"""When tasks are retrained: a schedule per task, and those by which an app retrains several together."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime

import msgspec
from sqlalchemy import func, select, update

from telltale.contract.app import App
from telltale.contract.errors import NotFoundError
from telltale.retrain.cron import next_slot
from telltale.storage.database import Database
from telltale.storage.instants import from_us, to_us
from telltale.storage.tables import schedule, slot
from telltale.storage.upserts import insert_into


class Schedule(msgspec.Struct, frozen=True, kw_only=True):
    """When some tasks of an app are retrained.

    Args:
        app: the app.
        name: the task's, or that of an `AppSchedule`.
        tasks: what is retrained, in order.
        cron: when: an expression in UTC, or an interval.
        paused: not until it is resumed.
        created_at: when it was first declared here.
        last_slot: the latest slot that some process claimed.
        last_state: how that ended.
    """

    app: str
    name: str
    tasks: tuple[str, ...]
    cron: str
    paused: bool
    created_at: datetime
    last_slot: datetime | None
    last_state: str | None

    def next_at(self, now: datetime) -> datetime | None:
        """When it is due next; None while it is paused."""
        return None if self.paused else next_slot(self.cron, now)


def declare_schedules(state: Database, apps: Iterable[App], *, now: datetime) -> None:
    """Keep the schedules that apps declare, where they are not yet; those there are stay as they are."""
    rows = [
        {"app": app.name, "task": name, "cron": cron, "paused": False, "created_us": to_us(now)}
        for app in apps
        for name, (cron, _) in _declared(app).items()
    ]
    if rows:
        with state.write() as connection:
            connection.execute(insert_into(connection, schedule).on_conflict_do_nothing(), rows)


def read_schedules(state: Database, apps: Iterable[App]) -> list[Schedule]:
    """The schedules of apps, by app and name; one that an app declares no more is left out."""
    declared = {(app.name, name): tasks for app in apps for name, (_, tasks) in _declared(app).items()}
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
                name=row.task,
                tasks=declared[row.app, row.task],
                cron=row.cron,
                paused=bool(row.paused),
                created_at=from_us(row.created_us),
                last_slot=None if row.at_us is None else from_us(row.at_us),
                last_state=row.state,
            )
            for row in connection.execute(query)
            if (row.app, row.task) in declared
        ]


def find_schedule(apps: Mapping[str, App], app: str, name: str) -> tuple[str, ...]:
    """The tasks that a schedule retrains. Raises NotFoundError."""
    declared = _declared(apps[app]) if app in apps else {}
    if name not in declared:
        known = sorted(f"{one.name}/{other}" for one in apps.values() for other in _declared(one))
        raise NotFoundError(
            f"there is no schedule {app}/{name}", where="schedule", mend=f"There are: {', '.join(known) or 'none'}."
        )
    return declared[name][1]


def set_schedule(state: Database, app: str, name: str, *, paused: bool | None = None, cron: str | None = None) -> None:
    """Pause, resume, or give another expression.

    Raises:
        NotFoundError: there is no such schedule.
        UsageError: the expression cannot be read.
    """
    values: dict[str, str | bool] = {}
    if paused is not None:
        values["paused"] = paused
    if cron is not None:
        next_slot(cron, from_us(0))
        values["cron"] = cron
    with state.write() as connection:
        statement = update(schedule).where(schedule.c.app == app, schedule.c.task == name).values(**values)
        if connection.execute(statement).rowcount == 0:
            raise NotFoundError(f"{app}/{name} has no schedule", where="schedule", mend="See `telltale schedule list`.")


def _declared(app: App) -> dict[str, tuple[str, tuple[str, ...]]]:
    """Expression and tasks of every schedule of an app, by its name; a task without an expression has none."""

    def every() -> Iterator[tuple[str, tuple[str, tuple[str, ...]]]]:
        for task in app.tasks:
            if task.schedule:
                yield task.name, (task.schedule, (task.name,))
        for several in app.schedules:
            yield several.name, (several.cron, several.tasks)

    return dict(every())
