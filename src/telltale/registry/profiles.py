"""Profiles: what is known of each entity that a task verifies, as rows beside the versions, which never change.

A profile belongs to a task, not to a version: whoever is enrolled stays so when a version is replaced. Every change is a
new number; the highest one counts, and earlier ones are kept to go back to.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final

import msgspec
from sqlalchemy import ColumnElement, Connection, delete, insert, select

from telltale.contract.errors import ConflictError, NotFoundError
from telltale.contract.sequence import TimedSequence
from telltale.models.verification.profile import pack, unpack
from telltale.storage import tables
from telltale.storage.database import Database
from telltale.storage.instants import to_us

# About 8 KB each.
_KEPT: Final = 5
_NEWEST: Final = """SELECT entity, number, body, n_samples, made_us, actor, reason FROM profile
WHERE app = ? AND task = ? AND entity = ? ORDER BY number DESC"""


class Profile(msgspec.Struct, frozen=True, kw_only=True):
    """One state of what is known of an entity.

    Args:
        entity: whose.
        number: counts the changes from 1.
        body: the sequences, packed (`telltale.models.verification.profile`).
        n_samples: of them.
        made_us: when, in microseconds since 1970 (UTC).
        actor: who changed it.
        reason: "enrolled", "confirmed" with the prediction, or "reverted" with the number that it was copied from.
    """

    entity: str
    number: int
    body: bytes
    n_samples: int
    made_us: int
    actor: str
    reason: str

    def sequences(self) -> tuple[TimedSequence, ...]:
        """What is enrolled, oldest first."""
        return unpack(self.body)


def find_profile(events: Database, app: str, task: str, entity: str) -> Profile | None:
    """The newest profile of an entity, by one prepared query; None where nobody enrolled it."""
    rows = events.fetch(f"{_NEWEST} LIMIT 1", (app, task, entity))
    return Profile(**dict(zip(Profile.__struct_fields__, rows[0], strict=True))) if rows else None


def profile_history(events: Database, app: str, task: str, entity: str) -> list[Profile]:
    """The profiles kept of an entity, newest first."""
    rows = events.fetch(_NEWEST, (app, task, entity))
    return [Profile(**dict(zip(Profile.__struct_fields__, row, strict=True))) for row in rows]


def add_samples(
    events: Database,
    app: str,
    task: str,
    entity: str,
    samples: Sequence[TimedSequence],
    *,
    actor: str,
    reason: str,
    now: datetime,
    beside: Callable[[Connection], None] | None = None,
) -> Profile:
    """The entity's profile with some sequences more; where it is full the oldest make room.

    `beside` writes what belongs to it in the same transaction.

    Raises:
        UnavailableError: the database cannot be written.
    """
    with events.write() as connection:
        newest = _newest(connection, app, task, entity)
        known = () if newest is None else newest.sequences()
        made = _write(
            connection,
            (app, task),
            newest,
            entity,
            pack([*known, *samples]),
            actor=actor,
            reason=reason,
            now=now,
        )
        if beside is not None:
            beside(connection)
        return made


def revert_profile(
    events: Database, app: str, task: str, entity: str, number: int, *, actor: str, now: datetime
) -> Profile:
    """The entity's profile as it was, under a new number.

    Raises:
        NotFoundError: no such profile is kept.
    """
    with events.write() as connection:
        table = tables.profile
        body = connection.execute(
            select(table.c.body).where(*_of(app, task, entity), table.c.number == number)
        ).scalar_one_or_none()
        newest = _newest(connection, app, task, entity)
        if body is None or newest is None:
            raise NotFoundError(
                f"{entity!r} has no profile {number}",
                where=f"{app}/{task}",
                mend=f"See those that are kept: the newest {_KEPT}.",
            )
        if newest.number == number:
            raise ConflictError(f"profile {number} is the newest", where=f"{app}/{task}", mend="Name an earlier one.")
        return _write(
            connection, (app, task), newest, entity, body, actor=actor, reason=f"reverted to {number}", now=now
        )


def _write(
    connection: Connection,
    of: tuple[str, str],
    newest: Profile | None,
    entity: str,
    body: bytes,
    *,
    actor: str,
    reason: str,
    now: datetime,
) -> Profile:
    made = Profile(
        entity=entity,
        number=1 if newest is None else newest.number + 1,
        body=body,
        n_samples=len(unpack(body)),
        made_us=to_us(now),
        actor=actor,
        reason=reason,
    )
    app, task = of
    connection.execute(insert(tables.profile).values(app=app, task=task, **msgspec.structs.asdict(made)))
    too_old = tables.profile.c.number <= made.number - _KEPT
    connection.execute(delete(tables.profile).where(*_of(app, task, entity), too_old))
    return made


def _newest(connection: Connection, app: str, task: str, entity: str) -> Profile | None:
    columns = [tables.profile.c[name] for name in Profile.__struct_fields__]
    found = connection.execute(
        select(*columns).where(*_of(app, task, entity)).order_by(tables.profile.c.number.desc()).limit(1)
    ).one_or_none()
    return None if found is None else Profile(**dict(found._mapping))  # noqa: SLF001 - SQLAlchemy's public name


def _of(app: str, task: str, entity: str) -> tuple[ColumnElement[bool], ...]:
    table = tables.profile
    return table.c.app == app, table.c.task == task, table.c.entity == entity
