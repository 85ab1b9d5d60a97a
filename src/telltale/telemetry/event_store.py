"""The event store: checked rows on disk, and checked frames and windows back."""

from collections.abc import Sequence
from datetime import datetime
from itertools import islice
from typing import Final

import msgspec
import polars as pl
from sqlalchemy import Connection

from telltale.contract.errors import SchemaError
from telltale.contract.schema import EventSchema
from telltale.storage.database import Database
from telltale.storage.instants import to_us
from telltale.telemetry.event_rows import Origin, Value, event_rows, origin_of, write_rows
from telltale.telemetry.frames import ENTITY, KEY, LABEL, LINE, TIME, TIME_DTYPE, empty_frame, frame_dtype, sort_checked
from telltale.telemetry.raw_rows import Quarantined
from telltale.telemetry.retention import Trimmed, trim

# Rows a transaction: short enough that other writers get their turn well within the busy timeout.
_CHUNK_ROWS: Final = 10_000
_FOREVER_US: Final = 2**63 - 1
_LAST_KEY: Final = "\U0010ffff"  # sorts after every key, which are "" or begin with a bracket

WINDOW_QUERY: Final = """
SELECT at_us, "values" FROM event
WHERE app = ? AND event = ? AND entity = ? AND (at_us, "key") <= (?, ?) ORDER BY at_us DESC, "key" DESC LIMIT ?
"""
BETWEEN_QUERY: Final = """
SELECT at_us, "values" FROM event
WHERE app = ? AND event = ? AND entity = ? AND at_us > ? AND at_us < ? ORDER BY at_us DESC, "key" DESC LIMIT ?
"""
_decode_values = msgspec.json.Decoder(dict[str, Value]).decode


class Stored(msgspec.Struct, frozen=True, kw_only=True):
    """What became of rows handed to the store: stored, or stored before under the same entity, time and key."""

    n_stored: int
    n_already: int


class StoredRow(msgspec.Struct, frozen=True, kw_only=True):
    """One stored row: its event time in epoch seconds (UTC), and its values by column."""

    time_s: float
    values: dict[str, Value]


class EventStore:
    """Events of all apps in one database. A row is known by app, event, entity, time and key, and stored once."""

    def __init__(self, events: Database) -> None:
        self._events = events

    def add(
        self, app: str, event: str, frame: pl.DataFrame, columns: Sequence[str], *, source: str, now: datetime
    ) -> Stored:
        """Store the rows of a checked frame; what is stored already stays as it is.

        Rows go in by transactions of some thousands, so that other writers get their turn. Where it is cut off, the
        rest is missing and adding the same frame again completes it.

        Raises:
            SchemaError: a row has no event time.
            UnavailableError: another process kept the database locked.
        """
        origin = origin_of(app, event, source=source, now=now)
        rows = event_rows(frame, columns, where=f"{source}: {app}/{event}")
        n_stored = 0
        while chunk := list(islice(rows, _CHUNK_ROWS)):
            with self._events.write() as connection:
                n_new = write_rows(connection, origin, chunk)
            n_stored += n_new
        return Stored(n_stored=n_stored, n_already=len(frame) - n_stored)

    def frame(
        self,
        app: str,
        event: EventSchema,
        *,
        columns: tuple[str, ...] | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        entity: str | None = None,
        limit: int | None = None,
    ) -> pl.DataFrame:
        """Stored rows as a checked frame; `LINE` is the row's id, `LABEL` is there where any row has one.

        Args:
            app: whose rows.
            event: of which kind.
            columns: the measured columns wanted; None for `columns(app, event)`. One that is nullable and was not
                stored reads as null; a row that was stored without another has another shape, and is left out.
            since: only rows at or after this moment.
            until: only rows before this moment.
            entity: only this entity.
            limit: only the newest so many by event time.

        Raises:
            SchemaError: rows were stored under another type than the event declares now.
        """
        names = self.columns(app, event) if columns is None else columns
        sql = 'SELECT id, entity, at_us, label, "key", "values" FROM event WHERE app = ? AND event = ?'
        parameters: list[str | int] = [app, event.name]
        for condition, value in (
            ("entity = ?", entity),
            ("at_us >= ?", None if since is None else to_us(since)),
            ("at_us < ?", None if until is None else to_us(until)),
        ):
            if value is not None:
                sql += f" AND {condition}"
                parameters.append(value)
        if limit is not None:
            sql += " ORDER BY at_us DESC, id DESC LIMIT ?"
            parameters.append(limit)
        return checked_rows(self._events.fetch(sql, parameters), names, event, where=f"{app}/{event.name}")

    def window(
        self, app: str, event: str, entity: str, *, n: int, until: datetime | None = None, key: str = _LAST_KEY
    ) -> list[StoredRow]:
        """The newest `n` rows of an entity, oldest first, as `frame` orders them.

        With `until`, up to and including that moment; with `key` too, up to and including that row of that moment.
        """
        until_us = _FOREVER_US if until is None else to_us(until)
        rows = self._events.fetch(WINDOW_QUERY, (app, event, entity, until_us, key, n))
        return [StoredRow(time_s=at_us / 1e6, values=_decode_values(values)) for at_us, values in reversed(rows)]

    def between(
        self, app: str, event: str, entity: str, *, after_us: int, before_us: int, limit: int
    ) -> list[StoredRow]:
        """The rows of an entity between two moments, both left out, oldest first; the newest ones where they are more."""
        rows = self._events.fetch(BETWEEN_QUERY, (app, event, entity, after_us, before_us, limit))
        return [StoredRow(time_s=at_us / 1e6, values=_decode_values(values)) for at_us, values in reversed(rows)]

    def count(self, app: str, event: str) -> int:
        """How many rows are stored."""
        rows = self._events.fetch("SELECT count(*) FROM event WHERE app = ? AND event = ?", (app, event))
        return int(rows[0][0])

    def columns(self, app: str, event: EventSchema) -> tuple[str, ...]:
        """The measured columns of an event: the declared ones, or where the newest row by time has others, its own.

        None where nothing is stored.
        """
        sql = 'SELECT "values" FROM event WHERE app = ? AND event = ? ORDER BY at_us DESC, id DESC LIMIT 1'
        rows = self._events.fetch(sql, (app, event.name))
        stored = tuple(_decode_values(rows[0][0])) if rows else ()
        if event.more_numeric:
            declared = tuple(column.name for column in event.columns)
            return (*declared, *(name for name in stored if name not in declared))
        is_declared = not event.any_numeric or any(event.column(name) for name in stored)
        return tuple(column.name for column in event.columns) if stored and is_declared else stored

    def entities(self, app: str, event: str) -> list[str]:
        """The entities that have rows, in order; "" stands for rows without one."""
        sql = "SELECT DISTINCT entity FROM event WHERE app = ? AND event = ? ORDER BY entity"
        return [entity for (entity,) in self._events.fetch(sql, (app, event))]

    def quarantine(self, app: str, event: str, rows: Sequence[Quarantined], *, source: str, now: datetime) -> None:
        """Keep rows that were set aside, with their reasons."""
        origin = origin_of(app, event, source=source, now=now)
        for start in range(0, len(rows), _CHUNK_ROWS):
            with self._events.write() as connection:
                write_quarantine(connection, origin, rows[start : start + _CHUNK_ROWS])

    def quarantined(self, app: str, event: str, *, limit: int = 1_000) -> list[Quarantined]:
        """The rows set aside last, newest first."""
        sql = "SELECT line, reason, raw FROM quarantine WHERE app = ? AND event = ? ORDER BY id DESC LIMIT ?"
        rows = self._events.fetch(sql, (app, event, limit))
        return [Quarantined(line=line, reason=reason, raw=raw) for line, reason, raw in rows]

    def trim(self, *, max_age_days: float, max_bytes: int, now: datetime) -> Trimmed:
        """Remove the oldest unlabelled rows of every app; see `telltale.telemetry.retention`."""
        return trim(self._events, max_age_days=max_age_days, max_bytes=max_bytes, now=now)


def write_quarantine(connection: Connection, origin: Origin, rows: Sequence[Quarantined]) -> None:
    """Keep rows that were set aside, with their reasons."""
    common = (origin.app, origin.event, origin.source, origin.received_us)
    connection.exec_driver_sql(
        "INSERT INTO quarantine (app, event, source, at_us, line, reason, raw) VALUES (?, ?, ?, ?, ?, ?, ?)",
        [(*common, row.line, row.reason, row.raw) for row in rows],
    )


def checked_rows(
    rows: list[tuple[object, ...]], columns: tuple[str, ...], event: EventSchema, *, where: str
) -> pl.DataFrame:
    """Rows of the event table (id, entity, time, label, key, values) as a checked frame. Raises SchemaError."""
    if not rows:
        return empty_frame(columns, schema=event)
    stored = pl.DataFrame(
        rows,
        schema={
            LINE: pl.Int64,
            ENTITY: pl.String,
            TIME: pl.Int64,
            LABEL: pl.Int8,
            KEY: pl.String,
            "@values": pl.String,
        },
        orient="row",
    )
    declared = [event.column(name) for name in columns]
    required = [
        name for name, column in zip(columns, declared, strict=True) if not (column is not None and column.nullable)
    ]
    # Quotes inside a text value are escaped, so this finds keys only.
    keys = [f"{msgspec.json.encode(name).decode()}:" for name in required]
    if keys:
        stored = stored.filter(pl.all_horizontal(pl.col("@values").str.contains(key, literal=True) for key in keys))
    values = [_decode_values(text) for text in stored["@values"]]
    measured = [_series([row.get(name) for row in values], name, event, where=where) for name in columns]
    frame = stored.select(
        ENTITY,
        pl.col(TIME).cast(pl.Datetime("us")).dt.replace_time_zone("UTC").cast(TIME_DTYPE),
        LABEL,
        *([KEY] if event.key else []),
        LINE,
        *measured,
    )
    return sort_checked(frame if frame[LABEL].null_count() < len(frame) else frame.drop(LABEL))


def _series(values: list[Value], name: str, event: EventSchema, *, where: str) -> pl.Series:
    dtype = frame_dtype(event, name)
    # Polars would take a text for a list of letters.
    fits = not isinstance(dtype, pl.List) or all(value is None or isinstance(value, list) for value in values)
    try:
        series = pl.Series(name, values, dtype=dtype) if fits else None
    except TypeError:
        series = None
    if series is None:
        raise SchemaError(
            f"column {name!r} has stored values that are not of {dtype}, as the event declares it now",
            where=where,
            mend="Declare it as it was, or under another name.",
        )
    return series
