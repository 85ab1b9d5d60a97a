"""Who may do what only one process should do at a time, and work that is due once however many processes there are."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Literal

import msgspec
from sqlalchemy import delete, update
from sqlalchemy.dialects.sqlite import insert

from telltale.contract.errors import ConflictError
from telltale.storage.database import Database
from telltale.storage.instants import to_us
from telltale.storage.tables import lease, slot


def hold_lease(database: Database, name: str, *, owner: str, ttl_s: float, now: datetime) -> bool:
    """Take the lease, or prolong it where `owner` has it; False while somebody else holds it.

    A holder that stops prolonging loses it `ttl_s` seconds after `now`. A lease keeps processes from doing the same
    work; it does not make a write safe: a holder that was paused may wake up after it lost it.

    Args:
        database: the state.
        name: what is leased.
        owner: unique to the process, or to the thread.
        ttl_s: > 0; a third of it is a good interval for prolonging.
        now: aware.
    """
    statement = insert(lease).values(name=name, owner=owner, expires_us=to_us(now + timedelta(seconds=ttl_s)))
    statement = statement.on_conflict_do_update(
        index_elements=[lease.c.name],
        set_={"owner": statement.excluded.owner, "expires_us": statement.excluded.expires_us},
        where=(lease.c.owner == owner) | (lease.c.expires_us <= to_us(now)),
    )
    with database.write() as connection:
        return connection.execute(statement).rowcount == 1


def release_lease(database: Database, name: str, *, owner: str) -> bool:
    """Give the lease back before its time; False where `owner` does not have it."""
    with database.write() as connection:
        return connection.execute(delete(lease).where(lease.c.name == name, lease.c.owner == owner)).rowcount == 1


def claim_slot(database: Database, app: str, task: str, *, at: datetime, owner: str) -> bool:
    """Claim the work of `app/task` that is due `at`; True for exactly one caller, ever, in whatever process.

    A claimer that dies leaves the slot claimed: scheduled work is done at most once, and the next slot comes.
    """
    statement = insert(slot).values(app=app, task=task, at_us=to_us(at), owner=owner, state="claimed")
    with database.write() as connection:
        return connection.execute(statement.on_conflict_do_nothing()).rowcount == 1


def finish_slot(
    database: Database,
    app: str,
    task: str,
    *,
    at: datetime,
    owner: str,
    state: Literal["done", "failed"],
    result: Mapping[str, Any] | None = None,
) -> None:
    """Record how the claimed work ended.

    Args:
        database: the state.
        app: the app.
        task: the task.
        at: the slot, as claimed.
        owner: who claimed it.
        state: how it ended.
        result: a JSON object of what is worth keeping.

    Raises:
        ConflictError: `owner` has not claimed the slot, or has finished it already.
    """
    statement = (
        update(slot)
        .where(
            slot.c.app == app,
            slot.c.task == task,
            slot.c.at_us == to_us(at),
            slot.c.owner == owner,
            slot.c.state == "claimed",
        )
        .values(state=state, result=msgspec.json.encode(result or {}).decode())
    )
    with database.write() as connection:
        if connection.execute(statement).rowcount != 1:
            raise ConflictError(
                f"{owner!r} has no unfinished claim on the slot of {at.isoformat()}",
                where=f"{app}/{task}",
                mend="Claim the slot first, and finish it once.",
            )
