"""Stored rows: from a checked frame to the event table."""

from collections.abc import Iterator, Sequence
from datetime import datetime

import msgspec
import polars as pl
from sqlalchemy import Connection

from telltale.contract.errors import SchemaError
from telltale.storage.instants import to_us
from telltale.telemetry.frames import ENTITY, KEY, LABEL, TIME

Value = float | str | list[float | str] | None

_INSERT = """
INSERT INTO event (app, event, entity, at_us, "key", "values", label, received_us, source)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (app, event, entity, at_us, "key") DO NOTHING
"""


class EventRow(msgspec.Struct, kw_only=True):
    """A row on its way into the event table.

    Args:
        app, event, entity, at_us, key: what it is known by; times are epoch microseconds UTC, `key` is "" where the
            event has no key columns.
        values: the measured values as a JSON object.
        label: 1, 0 or None.
        received_us: when we got it.
        source: where from.
        is_new: None until `write_rows` has seen it, then whether it was stored or had been stored before. It is the
            one field that changes: a caller behind a group commit learns it no other way.
    """

    app: str
    event: str
    entity: str
    at_us: int
    values: str
    label: int | None
    received_us: int
    source: str
    key: str = ""
    is_new: bool | None = None


def event_rows(
    app: str, event: str, frame: pl.DataFrame, columns: Sequence[str], *, source: str, now: datetime
) -> Iterator[EventRow]:
    """The rows of a checked frame, ready for `write_rows`.

    Raises:
        SchemaError: a row has no event time; storing needs it.
    """
    if frame[TIME].null_count():
        raise SchemaError(
            "rows without event time cannot be stored",
            where=f"{source}: {app}/{event}",
            mend="Give every row a time.",
        )
    encode = msgspec.json.Encoder().encode
    names = tuple(columns)
    label = pl.col(LABEL) if LABEL in frame.columns else pl.lit(None, dtype=pl.Int8)
    key = pl.col(KEY) if KEY in frame.columns else pl.lit("").alias(KEY)
    known_by = frame.select(pl.col(ENTITY), pl.col(TIME).cast(pl.Int64), key, label.alias(LABEL))
    received_us = to_us(now)
    values = frame.select(names)
    for (entity, at_us, row_key, row_label), row in zip(known_by.iter_rows(), values.iter_rows(), strict=True):
        yield EventRow(
            app=app,
            event=event,
            entity=entity,
            at_us=at_us,
            values=encode(dict(zip(names, row, strict=True))).decode(),
            label=row_label,
            received_us=received_us,
            source=source,
            key=row_key,
        )


def write_rows(connection: Connection, rows: Sequence[EventRow]) -> None:
    """Store the rows that are not stored yet, and mark each with what became of it.

    The first row of an identity stays as it is; later ones change nothing. Fits `GroupCommit`.
    """
    cursor = connection.connection.cursor()
    try:
        for row in rows:
            known_by = (row.app, row.event, row.entity, row.at_us, row.key)
            cursor.execute(_INSERT, (*known_by, row.values, row.label, row.received_us, row.source))
            row.is_new = cursor.rowcount == 1
    finally:
        cursor.close()
