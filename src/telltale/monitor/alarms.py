"""Alarms: raised once, kept while they last, resolved; each says what to do.

An alarm is one row in the state database from the moment it is raised until it is resolved, however many processes see
the same fault: an index lets no second active one in.
"""

from collections.abc import Collection
from datetime import datetime
from typing import Any, Final, Literal, get_args

import msgspec
from sqlalchemy import Row, Select, select, update

from telltale.storage.database import Database
from telltale.storage.instants import from_us, to_us
from telltale.storage.tables import alarm as alarm_table
from telltale.storage.upserts import insert_into

AlarmName = Literal[
    "version_not_loaded",
    "predictions_dropped",
    "database_unwritable",
    "latency_high",
    "error_rate_high",
    "drift",
    "quality_low",
    "collector_failed",
    "retraining_failed",
    "release_rolled_back",
    "replay_differs",
    "relay_failing",
    "source_stale",
]
Severity = Literal["warning", "critical"]

ALARM_NAMES: Final[tuple[str, ...]] = get_args(AlarmName)
RUNBOOKS: Final = "docs/runbooks.md"
# Those by which people get no answer, a wrong one or one that nobody will find again; the others can wait for the day.
_CRITICAL: Final = frozenset({"version_not_loaded", "predictions_dropped", "database_unwritable", "error_rate_high"})

# Of several workers' alarms each prolongs its own; one that nobody prolongs ends by itself (`resolve_unseen`).
_ACTIVE: Final = alarm_table.c.resolved_us.is_(None)


class Alarm(msgspec.Struct, frozen=True, kw_only=True):
    """One alarm.

    Args:
        id: rises with every alarm.
        name: what kind it is; stays the same for ever.
        app, task: whose it is; "" where it is the whole server's. Of `collector_failed` and `source_stale` the task is the event.
        what: the fault, as it was seen last.
        mend: what to do about it.
        raised_at: when it was seen first.
        seen_at: when it was seen last.
        resolved_at: when it was over; None while it lasts.
        severity: "critical" where answers are missing or lost.
        runbook: where it is told what it means, what to look at and how to mend it.
    """

    id: int
    name: str
    app: str
    task: str
    what: str
    mend: str
    raised_at: datetime
    seen_at: datetime
    resolved_at: datetime | None = None
    severity: Severity = "warning"
    runbook: str = ""


def severity_of(name: str) -> Severity:
    """How grave an alarm of a name is."""
    return "critical" if name in _CRITICAL else "warning"


def raise_alarm(
    state: Database, name: AlarmName, *, app: str = "", task: str = "", what: str, mend: str, now: datetime
) -> bool:
    """Raise an alarm, or say of the one that lasts that it was seen again; whether it is new.

    Args:
        state: the state database.
        name: of the alarm.
        app: whose it is.
        task: whose it is.
        what: the fault; of one that lasts it replaces what was told before.
        mend: what to do.
        now: aware.
    """
    at_us = to_us(now)
    with state.write() as connection:
        statement = insert_into(connection, alarm_table).values(
            name=name, app=app, task=task, what=what, mend=mend, raised_us=at_us, seen_us=at_us
        )
        kept = statement.on_conflict_do_update(
            index_elements=[alarm_table.c.name, alarm_table.c.app, alarm_table.c.task],
            index_where=_ACTIVE,
            set_={"what": what, "mend": mend, "seen_us": at_us},
        ).returning(alarm_table.c.raised_us, alarm_table.c.seen_us)
        raised_us, seen_us = connection.execute(kept).one()
    return bool(raised_us == seen_us)


def resolve_alarm(state: Database, name: AlarmName, *, app: str = "", task: str = "", now: datetime) -> bool:
    """End an alarm; False where none of that name lasts."""
    # Asked first: nearly always there is none, and a process that is well must not take turns at writing.
    lasting = "SELECT 1 FROM alarm WHERE name = ? AND app = ? AND task = ? AND resolved_us IS NULL"
    if not state.fetch(lasting, (name, app, task)):
        return False
    statement = (
        update(alarm_table)
        .where(alarm_table.c.name == name, alarm_table.c.app == app, alarm_table.c.task == task, _ACTIVE)
        .values(resolved_us=to_us(now))
    )
    with state.write() as connection:
        return connection.execute(statement).rowcount == 1


def advise(state: Database, alarm: Alarm, mend: str) -> None:
    """Say something more to do about an alarm that lasts; once, however often it is said."""
    if mend in alarm.mend:
        return
    statement = update(alarm_table).where(alarm_table.c.id == alarm.id, _ACTIVE)
    with state.write() as connection:
        connection.execute(statement.values(mend=f"{alarm.mend} {mend}".strip()))


def resolve_unseen(state: Database, name: AlarmName, *, before: datetime, now: datetime) -> bool:
    """End the alarms of a name that nobody has seen since a moment; whether there were any.

    For what passes by itself: a process that dies while it raises one leaves nobody to resolve it.
    """
    passed = "SELECT 1 FROM alarm WHERE name = ? AND seen_us < ? AND resolved_us IS NULL"
    if not state.fetch(passed, (name, to_us(before))):
        return False
    statement = (
        update(alarm_table)
        .where(alarm_table.c.name == name, alarm_table.c.seen_us < to_us(before), _ACTIVE)
        .values(resolved_us=to_us(now))
    )
    with state.write() as connection:
        return connection.execute(statement).rowcount > 0


def active_alarms(state: Database) -> list[Alarm]:
    """Those that last, the oldest first."""
    return _read(state, select(alarm_table).where(_ACTIVE).order_by(alarm_table.c.id))


def read_alarms(state: Database, *, limit: int = 100) -> list[Alarm]:
    """Those that last and those that are over, the newest first."""
    return _read(state, select(alarm_table).order_by(alarm_table.c.id.desc()).limit(limit))


def find_alarms(state: Database, ids: Collection[int]) -> dict[int, Alarm]:
    """Those of the ids, by their id."""
    return {found.id: found for found in _read(state, select(alarm_table).where(alarm_table.c.id.in_(ids)))}


def _read(state: Database, query: Select[Any]) -> list[Alarm]:
    with state.read() as connection:
        return [_alarm(row) for row in connection.execute(query)]


def _alarm(row: Row[Any]) -> Alarm:
    return Alarm(
        id=row.id,
        name=row.name,
        app=row.app,
        task=row.task,
        what=row.what,
        mend=row.mend,
        raised_at=from_us(row.raised_us),
        seen_at=from_us(row.seen_us),
        resolved_at=None if row.resolved_us is None else from_us(row.resolved_us),
        severity=severity_of(row.name),
        runbook=f"{RUNBOOKS}#{row.name}",
    )
