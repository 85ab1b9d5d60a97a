"""Windows from the event store, as a version reads them: one prepared query, and nothing kept between requests."""

from collections.abc import Callable, Iterator, Sequence
from copy import copy
from datetime import datetime
from typing import Any

import polars as pl

from telltale.contract.answer import Input, RowValue
from telltale.contract.errors import NotEnoughDataError, SchemaError
from telltale.contract.schema import EventSchema
from telltale.storage.database import Database
from telltale.telemetry.event_store import EventStore, StoredRow
from telltale.telemetry.frames import ENTITY
from telltale.telemetry.newest_windows import newest_windows


class StoredWindows:
    """The newest stored rows of an entity.

    Args:
        events: the database.
        app, event: whose rows, and which.
        columns: the version's measured columns, in order.
        nullable: those of them that its plan fills.
        n_rows: rows in a whole window.
        reads: how many rows of an entity change an answer: at least a whole window, more of one that is new to the version.
    """

    def __init__(
        self,
        events: Database,
        app: str,
        event: str,
        *,
        columns: Sequence[str],
        nullable: frozenset[str],
        n_rows: int,
        reads: Callable[[str], int],
    ) -> None:
        self._events = events
        self._store = EventStore(events)
        self._app = app
        self._event = event
        self._columns = tuple(columns)
        self._needed = frozenset(columns) - nullable
        self.n_rows = n_rows
        self._reads = reads

    def reading(self, other: "StoredWindows") -> "StoredWindows":
        """The same, but as many rows are read as another version needs that answers too and may look back further."""
        wider, own, others = copy(self), self._reads, other._reads  # noqa: SLF001 - of this class
        wider._reads = lambda entity: max(own(entity), others(entity))  # noqa: SLF001 - of this class
        return wider

    def newest(self, entity: str, *, least: int | None = None) -> Input:
        """A window that ends with the newest row.

        Raises:
            NotEnoughDataError: fewer rows are stored than a whole window has, or than the `least` of the version that
                decides.
        """
        needed = self.n_rows if least is None else least
        rows = [*self._readable(self._store.window(self._app, self._event, entity, n=self._reads(entity)))]
        if len(rows) < needed:
            raise NotEnoughDataError(
                f"{len(rows)} rows of {entity!r} are stored; the window needs {needed}",
                where=f"{self._app}/{self._event}",
                mend=f"Store more with POST /v1/{self._app}/events/{self._event}, or send the row itself: a number for "
                f"each of {list(self._columns)}.",
            )
        return _input(rows, entity)

    def until(self, entity: str, at: datetime, key: str, *, where: str) -> Input:
        """One row, by its moment and key, and what is stored of the rows before it.

        Raises:
            SchemaError: that row lacks columns.
        """
        stored = self._store.window(self._app, self._event, entity, n=self._reads(entity), until=at, key=key)
        missing = self._needed - stored[-1].values.keys()
        if missing:
            raise SchemaError.missing(missing, stored[-1].values, where=where)
        return _input([*self._readable(stored)], entity or None)

    def newest_of(self, entities: Sequence[str], schema: EventSchema) -> tuple[pl.DataFrame, dict[str, int]]:
        """The windows that end with the newest row of each of several entities, by one query prepared once.

        Args:
            entities: whose; some thousands at a time, as all of their rows stand in memory.
            schema: the version's event.

        Returns:
            A checked frame of whole windows, and of each entity whose rows are fewer, how many there are.
        """
        found = newest_windows(self._events, self._app, schema, entities, columns=self._columns, n_rows=self._reads)
        # Rows of a time when something else was measured are passed over; mostly there are none, and a copy is saved.
        lacking = [name for name in sorted(self._needed) if found[name].null_count()]
        if lacking:
            found = found.filter(pl.all_horizontal(pl.col(lacking).is_not_null()))
        counts = dict.fromkeys(entities, 0) | dict(found[ENTITY].rle().struct.unnest().select("value", "len").rows())
        short = {entity: n for entity, n in counts.items() if n < self.n_rows}
        return found.filter(pl.col(ENTITY).is_in(list(short)).not_()) if short else found, short

    def _readable(self, stored: Sequence[StoredRow]) -> Iterator[tuple[float, tuple[RowValue, ...]]]:
        """The rows that have the version's columns; others are of a time when something else was measured."""
        for row in stored:
            if row.values.keys() >= self._needed:
                yield row.time_s, tuple(_value(row.values.get(name)) for name in self._columns)


def _input(rows: Sequence[tuple[float, tuple[RowValue, ...]]], entity: str | None) -> Input:
    return Input(
        rows=[values for _, values in rows], times=[time_s for time_s, _ in rows], entity=entity, is_stored=True
    )


def _value(value: Any) -> RowValue:
    return float(value) if isinstance(value, float | int) else value if isinstance(value, str) else None
