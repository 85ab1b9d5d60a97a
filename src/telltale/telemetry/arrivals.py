"""Stored events in the order in which they came, from a place on: for whoever learns from them, or follows them."""

from datetime import datetime

import polars as pl

from telltale.contract.schema import EventSchema
from telltale.storage.database import Database
from telltale.storage.instants import to_us
from telltale.telemetry.event_store import checked_rows
from telltale.telemetry.frames import LINE

# `+` keeps the planner to the order of ids: an index on the app would have it read all rows that ever came.
_AFTER = """SELECT id, entity, at_us, label, "key", "values" FROM event
WHERE id > ? AND +app = ? AND +event = ? ORDER BY id LIMIT ?"""


def newest_id(events: Database) -> int:
    """The id of the event stored last, of whichever app; 0 where there is none."""
    return int(events.fetch("SELECT COALESCE(max(id), 0) FROM event")[0][0])


def id_before(events: Database, moment: datetime) -> int:
    """The id of the last event that came before a moment; 0 where none did. By halving: ids rise with time."""
    low, high, until_us = 0, newest_id(events), to_us(moment)
    while low < high:
        middle = (low + high + 1) // 2
        rows = events.fetch("SELECT id, received_us FROM event WHERE id <= ? ORDER BY id DESC LIMIT 1", (middle,))
        if not rows or rows[0][1] < until_us:
            low = middle
        else:
            high = rows[0][0] - 1
    return low


def arrivals(
    events: Database, app: str, event: EventSchema, columns: tuple[str, ...], *, after_id: int, limit: int
) -> tuple[pl.DataFrame, int]:
    """Events that came after one, as a checked frame in the order of arrival, and the id of the last that was looked at.

    Args:
        events: the database.
        app: whose events.
        event: of which kind.
        columns: the measured columns wanted; rows that lack one that may not be null are passed over.
        after_id: where to begin.
        limit: so many rows at most.

    Raises:
        SchemaError: rows were stored under another type than the event declares now.
    """
    upto = newest_id(events)  # before the rows are read: one that comes meanwhile is the next call's
    rows = events.fetch(_AFTER, (after_id, app, event.name, limit))
    frame = checked_rows(rows, columns, event, where=f"{app}/{event.name}").sort(LINE)
    if len(rows) == limit:
        return frame, int(rows[-1][0])
    return frame.filter(pl.col(LINE) <= upto), max(upto, after_id)
