"""What versions learned since they were trained, as rows beside them: each step under a new number, the highest counts.

One writer adds to it (`telltale work`); servers take up the newest. A version itself never changes, and what it learned can
be taken back: an earlier number is copied under a new one, and the rows that were learned from meanwhile are left behind.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

import msgspec
from sqlalchemy import ColumnElement, Connection, delete, func, insert, select

from telltale.contract.errors import ConflictError, NotFoundError
from telltale.storage import tables
from telltale.storage.database import Database
from telltale.storage.instants import to_us

KEPT: Final = 20
KEPT_BYTES: Final = 50_000_000  # of those before the newest; an index that has changed a lot has large steps
_HEADS: Final = "SELECT app, task, version, max(number) FROM learned GROUP BY app, task, version"
_HISTORY: Final = """SELECT number, n_rows, upto_id, made_us, actor, reason FROM learned
WHERE app = ? AND task = ? AND version = ? ORDER BY number DESC"""
_BODY: Final = "SELECT body FROM learned WHERE app = ? AND task = ? AND version = ? AND number = ?"

# App, task, number of the version.
Whose = tuple[str, str, int]


class Learned(msgspec.Struct, frozen=True, kw_only=True):
    """One step, without its body.

    Args:
        number: counts the steps of a version from 1.
        n_rows: stored events learned from since the version was trained.
        upto_id: the last stored event that was looked at.
        made_us: when, in microseconds since 1970 (UTC).
        actor: who did it.
        reason: "learned", or "reverted to" an earlier number.
    """

    number: int
    n_rows: int
    upto_id: int
    made_us: int
    actor: str
    reason: str


def learned_heads(events: Database) -> Mapping[Whose, int]:
    """The newest number of every version that learned anything, by one query."""
    return {(app, task, version): number for app, task, version, number in events.fetch(_HEADS)}


def learned_history(events: Database, whose: Whose) -> list[Learned]:
    """The steps kept of a version, newest first."""
    return [_step(row) for row in events.fetch(_HISTORY, whose)]


def newest_learned(events: Database, whose: Whose) -> Learned | None:
    """The newest step of a version, or None."""
    rows = events.fetch(f"{_HISTORY} LIMIT 1", whose)
    return _step(rows[0]) if rows else None


def learned_body(events: Database, whose: Whose, number: int) -> bytes | None:
    """What was learned up to a step (`telltale.models.packed_parts`); None where it is not kept any more."""
    rows = events.fetch(_BODY, (*whose, number))
    return rows[0][0] if rows else None


def add_learned(
    events: Database, whose: Whose, before: Learned | None, body: bytes, *, n_rows: int, upto_id: int, now: datetime
) -> Learned | None:
    """Keep a step that was made from `before`; None where somebody else made one meanwhile: then learn from that.

    Raises:
        UnavailableError: the database cannot be written.
    """
    with events.write() as connection:
        if _newest_number(connection, whose) != (0 if before is None else before.number):
            return None
        step = Learned(
            number=1 if before is None else before.number + 1,
            n_rows=n_rows,
            upto_id=upto_id,
            made_us=to_us(now),
            actor="worker",
            reason="learned",
        )
        _write(connection, whose, step, body)
        return step


def revert_learned(events: Database, whose: Whose, number: int, *, actor: str, now: datetime) -> Learned:
    """Go back to an earlier step, under a new number; what was stored since then is not learned from again.

    Raises:
        NotFoundError: no such step is kept.
        ConflictError: it is the newest.
    """
    app, task, version = whose
    where = f"{app}/{task}@{version}"
    kept = {step.number: step for step in learned_history(events, whose)}
    if number not in kept:
        raise NotFoundError(
            f"step {number} of what it learned is not kept", where=where, mend=f"There are {sorted(kept) or 'none'}."
        )
    newest = kept[max(kept)]
    if newest.number == number:
        raise ConflictError(f"step {number} is the newest", where=where, mend="Name an earlier one.")
    with events.write() as connection:
        body = connection.execute(
            select(tables.learned.c.body).where(*_of(whose), tables.learned.c.number == number)
        ).scalar_one()
        step = Learned(
            number=_newest_number(connection, whose) + 1,
            n_rows=kept[number].n_rows,
            upto_id=newest.upto_id,
            made_us=to_us(now),
            actor=actor,
            reason=f"reverted to {number}",
        )
        _write(connection, whose, step, body)
        return step


def forget_learned(connection: Connection, app: str | None) -> int:
    """Remove all steps of an app, or of all: what was learned is learned again from the events that are still stored."""
    theirs = [] if app is None else [tables.learned.c.app == app]
    return connection.execute(delete(tables.learned).where(*theirs)).rowcount


def _step(row: tuple[Any, ...]) -> Learned:
    return Learned(**dict(zip(Learned.__struct_fields__, row, strict=True)))


def _newest_number(connection: Connection, whose: Whose) -> int:
    numbers = select(tables.learned.c.number).where(*_of(whose)).order_by(tables.learned.c.number.desc()).limit(1)
    return connection.execute(numbers).scalar_one_or_none() or 0


def _write(connection: Connection, whose: Whose, step: Learned, body: bytes) -> None:
    app, task, version = whose
    connection.execute(
        insert(tables.learned).values(app=app, task=task, version=version, body=body, **msgspec.structs.asdict(step))
    )
    table = tables.learned
    kept = select(table.c.number, func.length(table.c.body)).where(*_of(whose), table.c.number < step.number)
    n_bytes = 0
    for place, (number, size) in enumerate(connection.execute(kept.order_by(table.c.number.desc())).all(), start=1):
        n_bytes += size
        # One to go back to stays, whatever its size.
        if place >= KEPT or (n_bytes > KEPT_BYTES and place > 1):
            connection.execute(delete(table).where(*_of(whose), table.c.number <= number))
            break


def _of(whose: Whose) -> tuple[ColumnElement[bool], ...]:
    app, task, version = whose
    table = tables.learned
    return table.c.app == app, table.c.task == task, table.c.version == version
