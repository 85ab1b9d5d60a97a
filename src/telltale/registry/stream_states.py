"""What versions that adapt know of each entity, a row each beside the versions, which never change.

A state is what comes of following an entity's stored rows in the order of their times, from where those that the version was
fitted on ended. It can always be made again from the rows: keeping it saves the time that takes.
"""

from collections.abc import Collection, Mapping
from typing import Final

import msgspec
import numpy as np
from sqlalchemy import delete

from telltale.contract.estimator import Floats
from telltale.registry.learned import Whose
from telltale.storage import tables
from telltale.storage.database import Database
from telltale.storage.upserts import insert_into

_FIND: Final = "SELECT at_us, body FROM stream_state WHERE app = ? AND task = ? AND version = ? AND entity = ?"
_VERSIONS: Final = "SELECT DISTINCT app, task, version FROM stream_state"


class KeptState(msgspec.Struct, frozen=True, kw_only=True):
    """A packed state, and the time of the last row in it, in microseconds since 1970."""

    at_us: int
    packed: Floats


def find_stream_state(events: Database, whose: Whose, entity: str) -> KeptState | None:
    """What is kept of an entity; None where nothing is."""
    rows = events.fetch(_FIND, (*whose, entity))
    return KeptState(at_us=rows[0][0], packed=np.frombuffer(rows[0][1], dtype="<f8")) if rows else None


def keep_stream_states(events: Database, whose: Whose, states: Mapping[str, KeptState]) -> None:
    """Keep states; of an entity that somebody else followed further meanwhile, theirs stays.

    Raises:
        UnavailableError: the database cannot be written.
    """
    app, task, version = whose
    table = tables.stream_state
    with events.write() as connection:
        for entity, state in states.items():
            row = {"at_us": state.at_us, "body": state.packed.astype("<f8").tobytes()}
            added = insert_into(connection, table).values(app=app, task=task, version=version, entity=entity, **row)
            further = table.c.at_us < state.at_us
            connection.execute(
                added.on_conflict_do_update(
                    index_elements=["app", "task", "version", "entity"], set_=row, where=further
                )
            )


def drop_stream_states(events: Database, *, but: Collection[Whose]) -> int:
    """Remove the states of all versions but these; how many versions had some. One that comes back follows its rows anew."""
    table = tables.stream_state
    gone = [tuple(row) for row in events.fetch(_VERSIONS) if tuple(row) not in but]
    if gone:
        with events.write() as connection:
            for app, task, version in gone:
                theirs = (table.c.app == app, table.c.task == task, table.c.version == version)
                connection.execute(delete(table).where(*theirs))
    return len(gone)
