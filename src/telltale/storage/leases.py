"""Who may do what only one process should do at a time."""

from datetime import datetime, timedelta

from sqlalchemy import delete

from telltale.storage.database import Database
from telltale.storage.instants import to_us
from telltale.storage.tables import lease
from telltale.storage.upserts import insert_into


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
    with database.write() as connection:
        statement = insert_into(connection, lease)
        statement = statement.values(name=name, owner=owner, expires_us=to_us(now + timedelta(seconds=ttl_s)))
        statement = statement.on_conflict_do_update(
            index_elements=[lease.c.name],
            set_={"owner": statement.excluded.owner, "expires_us": statement.excluded.expires_us},
            where=(lease.c.owner == owner) | (lease.c.expires_us <= to_us(now)),
        )
        return connection.execute(statement).rowcount == 1


def release_lease(database: Database, name: str, *, owner: str) -> bool:
    """Give the lease back before its time; False where `owner` does not have it."""
    with database.write() as connection:
        return connection.execute(delete(lease).where(lease.c.name == name, lease.c.owner == owner)).rowcount == 1
