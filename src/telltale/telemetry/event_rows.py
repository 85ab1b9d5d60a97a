"""Stored rows: from a checked frame to the event table."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import chain
from typing import Final

import msgspec
import polars as pl
from sqlalchemy import Connection

from telltale.contract.errors import SchemaError
from telltale.storage.instants import to_us
from telltale.telemetry.frames import ENTITY, KEY, LABEL, TIME

Value = float | str | list[float | str] | None

# Entity, time in epoch microseconds (UTC), key ("" where the event has no key columns), the measured values as a JSON
# object, and the label (1, 0 or None). A tuple and no struct: it goes to the driver as it is, by the hundred thousand a second.
EventRow = tuple[str, int, str, str, int | None]

# Rows of a statement. Many at once let go of the interpreter lock once for all of them: a row per statement would ask
# for it again per row, and wait up to 5 ms each time that another thread is busy. Beyond some hundred nothing is gained.
_BLOCKS: Final = (128, 16, 1)


class Origin(msgspec.Struct, frozen=True, kw_only=True):
    """What rows stored together have in common.

    Args:
        app, event: whose rows.
        source: where from.
        received_us: when we got them, epoch microseconds UTC.
    """

    app: str
    event: str
    source: str
    received_us: int


def origin_of(app: str, event: str, *, source: str, now: datetime) -> Origin:
    """The origin of rows received now."""
    return Origin(app=app, event=event, source=source, received_us=to_us(now))


def event_rows(frame: pl.DataFrame, columns: Sequence[str], *, where: str) -> Iterator[EventRow]:
    """The rows of a checked frame, ready for `write_rows`.

    Raises:
        SchemaError: a row has no event time; storing needs it.
    """
    if frame[TIME].null_count():
        raise SchemaError("rows without event time cannot be stored", where=where, mend="Give every row a time.")
    encode = msgspec.json.Encoder().encode
    names = tuple(columns)
    label = pl.col(LABEL) if LABEL in frame.columns else pl.lit(None, dtype=pl.Int8)
    key = pl.col(KEY) if KEY in frame.columns else pl.lit("").alias(KEY)
    known_by = frame.select(pl.col(ENTITY), pl.col(TIME).cast(pl.Int64), key, label.alias(LABEL))
    values = frame.select(names)
    for (entity, at_us, row_key, row_label), row in zip(known_by.iter_rows(), values.iter_rows(), strict=True):
        yield entity, at_us, row_key, encode(dict(zip(names, row, strict=True))).decode(), row_label


def write_rows(connection: Connection, origin: Origin, rows: Sequence[EventRow]) -> int:
    """Store the rows that are not stored yet; how many that were.

    The first row of an identity stays as it is; later ones change nothing.
    """
    common = (origin.app, origin.event, origin.source, origin.received_us)
    if connection.dialect.name == "postgresql":
        parts = zip(*rows, strict=True) if rows else ([],) * 5
        return connection.exec_driver_sql(_INSERT_ARRAYS, (*common, *map(list, parts))).rowcount
    cursor = connection.connection.cursor()
    n_new = at = 0
    try:
        for size in _BLOCKS:
            while len(rows) - at >= size:
                cursor.execute(_INSERTS[size], (*common, *chain.from_iterable(rows[at : at + size])))
                n_new += cursor.rowcount
                at += size
    finally:
        cursor.close()
    return n_new


def _insert(n_rows: int) -> str:
    rows = ", ".join(
        f"(?1, ?2, ?3, ?4, {', '.join(f'?{5 * row + part}' for part in range(5, 10))})" for row in range(n_rows)
    )
    names = 'app, event, source, received_us, entity, at_us, "key", "values", label'
    # Nothing but numbers of parameters is put in.
    return f'INSERT INTO event ({names}) VALUES {rows} ON CONFLICT (app, event, entity, at_us, "key") DO NOTHING'  # noqa: S608


# On a server a statement is a journey: all rows go in one, a parameter for each column.
_INSERT_ARRAYS: Final = """
INSERT INTO event (app, event, source, received_us, entity, at_us, "key", "values", label)
SELECT ?::text, ?::text, ?::text, ?::bigint, * FROM unnest(?::text[], ?::bigint[], ?::text[], ?::text[], ?::bigint[])
ON CONFLICT (app, event, entity, at_us, "key") DO NOTHING
"""
_INSERTS: Final = {size: _insert(size) for size in _BLOCKS}
