"""The event store: checked rows on disk, and checked frames and windows back."""

from collections.abc import Sequence
from datetime import datetime
from itertools import islice
from typing import Final

import msgspec
import polars as pl

from telltale.storage.database import Database
from telltale.storage.instants import to_us
from telltale.telemetry.event_rows import Value, event_rows, write_rows
from telltale.telemetry.frames import ENTITY, LABEL, LINE, TIME, TIME_DTYPE, empty_frame, sort_checked
from telltale.telemetry.raw_rows import Quarantined
from telltale.telemetry.retention import Trimmed, trim

# Rows a transaction: short enough that other writers get their turn well within the busy timeout.
_CHUNK_ROWS: Final = 10_000
_FOREVER_US: Final = 2**63 - 1

WINDOW_QUERY: Final = """
SELECT at_us, "values" FROM event
WHERE app = ? AND event = ? AND entity = ? AND at_us <= ? ORDER BY at_us DESC LIMIT ?
"""
_decode_values = msgspec.json.Decoder(dict[str, Value]).decode


class Stored(msgspec.Struct, frozen=True, kw_only=True):
    """What became of rows handed to the store: stored, or stored before under the same entity and time."""

    n_stored: int
    n_already: int


class StoredRow(msgspec.Struct, frozen=True, kw_only=True):
    """One stored row: its event time in epoch seconds (UTC), and its values by column."""

    time_s: float
    values: dict[str, Value]


class EventStore:
    """Events of all apps in one database. A row is known by app, event, entity and event time, and stored once."""

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
        rows = event_rows(app, event, frame, columns, source=source, now=now)
        n_stored = 0
        while chunk := list(islice(rows, _CHUNK_ROWS)):
            with self._events.write() as connection:
                write_rows(connection, chunk)
            n_stored += sum(row.is_new is True for row in chunk)
        return Stored(n_stored=n_stored, n_already=len(frame) - n_stored)

    def frame(
        self,
        app: str,
        event: str,
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
            columns: the measured columns wanted; None for `columns(app, event)`. A row that was stored without one of
                them has another shape and is left out; a null that was stored is kept.
            since: only rows at or after this moment.
            until: only rows before this moment.
            entity: only this entity.
            limit: only the newest so many by event time.
        """
        names = self.columns(app, event) if columns is None else columns
        sql = 'SELECT id, entity, at_us, label, "values" FROM event WHERE app = ? AND event = ?'
        parameters: list[str | int] = [app, event]
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
        return _checked(self._events.fetch(sql, parameters), names)

    def window(self, app: str, event: str, entity: str, *, n: int, until: datetime | None = None) -> list[StoredRow]:
        """The newest `n` rows of an entity, oldest first; up to and including the moment `until` where given."""
        until_us = _FOREVER_US if until is None else to_us(until)
        rows = self._events.fetch(WINDOW_QUERY, (app, event, entity, until_us, n))
        return [StoredRow(time_s=at_us / 1e6, values=_decode_values(values)) for at_us, values in reversed(rows)]

    def count(self, app: str, event: str) -> int:
        """How many rows are stored."""
        rows = self._events.fetch("SELECT count(*) FROM event WHERE app = ? AND event = ?", (app, event))
        return int(rows[0][0])

    def columns(self, app: str, event: str) -> tuple[str, ...]:
        """The measured columns of the newest row by event time; none where nothing is stored."""
        sql = 'SELECT "values" FROM event WHERE app = ? AND event = ? ORDER BY at_us DESC, id DESC LIMIT 1'
        rows = self._events.fetch(sql, (app, event))
        return tuple(_decode_values(rows[0][0])) if rows else ()

    def entities(self, app: str, event: str) -> list[str]:
        """The entities that have rows, in order; "" stands for rows without one."""
        sql = "SELECT DISTINCT entity FROM event WHERE app = ? AND event = ? ORDER BY entity"
        return [entity for (entity,) in self._events.fetch(sql, (app, event))]

    def quarantine(self, app: str, event: str, rows: Sequence[Quarantined], *, source: str, now: datetime) -> None:
        """Keep rows that were set aside, with their reasons."""
        sql = "INSERT INTO quarantine (app, event, source, line, reason, raw, at_us) VALUES (?, ?, ?, ?, ?, ?, ?)"
        at_us = to_us(now)
        for start in range(0, len(rows), _CHUNK_ROWS):
            chunk = rows[start : start + _CHUNK_ROWS]
            with self._events.write() as connection:
                connection.exec_driver_sql(
                    sql, [(app, event, source, row.line, row.reason, row.raw, at_us) for row in chunk]
                )

    def quarantined(self, app: str, event: str, *, limit: int = 1_000) -> list[Quarantined]:
        """The rows set aside last, newest first."""
        sql = "SELECT line, reason, raw FROM quarantine WHERE app = ? AND event = ? ORDER BY id DESC LIMIT ?"
        rows = self._events.fetch(sql, (app, event, limit))
        return [Quarantined(line=line, reason=reason, raw=raw) for line, reason, raw in rows]

    def trim(self, *, max_age_days: float, max_bytes: int, now: datetime) -> Trimmed:
        """Remove the oldest unlabelled rows of every app; see `telltale.telemetry.retention`."""
        return trim(self._events, max_age_days=max_age_days, max_bytes=max_bytes, now=now)


def _checked(rows: list[tuple[object, ...]], columns: tuple[str, ...]) -> pl.DataFrame:
    if not rows:
        return empty_frame(columns)
    stored = pl.DataFrame(
        rows,
        schema={LINE: pl.Int64, ENTITY: pl.String, TIME: pl.Int64, LABEL: pl.Int8, "@values": pl.String},
        orient="row",
    )
    # Quotes inside a text value are escaped, so this finds keys only.
    keys = [f"{msgspec.json.encode(name).decode()}:" for name in columns]
    stored = stored.filter(pl.all_horizontal(pl.col("@values").str.contains(key, literal=True) for key in keys))
    values = [_decode_values(text) for text in stored["@values"]]
    measured = [pl.Series(name, [row[name] for row in values]) for name in columns]
    frame = stored.select(
        ENTITY,
        pl.col(TIME).cast(pl.Datetime("us")).dt.replace_time_zone("UTC").cast(TIME_DTYPE),
        LABEL,
        LINE,
        *(series.cast(pl.Float64) if series.dtype == pl.Null else series for series in measured),
    )
    return sort_checked(frame if frame[LABEL].null_count() < len(frame) else frame.drop(LABEL))
