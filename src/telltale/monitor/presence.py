"""Workers' signs of life, by which servers can tell Prometheus that none is there: nobody else would notice."""

from datetime import datetime
from typing import Final

from sqlalchemy import delete

from telltale.storage.database import Database
from telltale.storage.instants import to_us
from telltale.storage.leases import hold_lease
from telltale.storage.tables import lease

EVERY_S: Final = 30.0
# Three signs must be missed: a database that is locked for a moment passes.
_LASTS_S: Final = 90.0
_PREFIX: Final = "worker:"
_LIVING: Final = "SELECT count(*) FROM lease WHERE substr(name, 1, 7) = 'worker:' AND expires_us > ?"


def note_presence(state: Database, worker: str, *, now: datetime) -> None:
    """Say that a worker lives, and take away the signs of those that are gone.

    Args:
        state: the state database.
        worker: who; unique to the process.
        now: aware.
    """
    hold_lease(state, _PREFIX + worker, owner=worker, ttl_s=_LASTS_S, now=now)
    with state.write() as connection:
        connection.execute(delete(lease).where(lease.c.name.startswith(_PREFIX), lease.c.expires_us <= to_us(now)))


def count_workers(state: Database, *, now: datetime) -> int:
    """How many workers gave a sign of life lately."""
    ((n,),) = state.fetch(_LIVING, (to_us(now),))
    return int(n)
