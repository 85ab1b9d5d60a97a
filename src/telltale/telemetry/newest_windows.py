"""The newest rows of many entities at once: what a look over a whole fleet reads."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final

import numpy as np
import polars as pl

from telltale.contract.errors import SchemaError
from telltale.contract.schema import EventSchema
from telltale.storage.database import Database
from telltale.storage.instants import to_us
from telltale.telemetry.frames import ENTITY, TIME, TIME_DTYPE, frame_dtype

# From one entity to the next through the unique index: DISTINCT would read every row of each.
_ENTITIES: Final = """
WITH RECURSIVE whose(entity) AS (
    SELECT min(entity) FROM event WHERE app = ?1 AND event = ?2 AND entity > ''
    UNION ALL
    SELECT (SELECT min(entity) FROM event WHERE app = ?1 AND event = ?2 AND entity > whose.entity)
    FROM whose WHERE whose.entity IS NOT NULL
)
SELECT entity FROM whose WHERE entity IS NOT NULL
"""
_CHANGED: Final = """
SELECT DISTINCT entity FROM event WHERE app = ? AND event = ? AND at_us >= ? AND entity > '' ORDER BY entity
"""
# One text a window: a Python object for each row would cost as much as the query does; and bytes, since all of them
# together as a text and as bytes are written to memory that nobody has touched yet. SQLite hands rows to both aggregates
# in the order of the index, newest first; a test holds it.
_WINDOW: Final = """
SELECT {texts} FROM (
    SELECT at_us, "key", "values" FROM event WHERE app = ? AND event = ? AND entity = ?
    ORDER BY at_us DESC, "key" DESC LIMIT ?
) AS newest
"""
_TEXTS: Final = {
    "sqlite": """group_concat(at_us), CAST(group_concat("values", char(10)) AS BLOB)""",
    "postgresql": """string_agg(at_us::text, ',' ORDER BY at_us DESC, "key" DESC),
        convert_to(string_agg("values", chr(10) ORDER BY at_us DESC, "key" DESC), 'UTF8')""",
}


def entities_with_rows(events: Database, app: str, event: str, *, since: datetime | None = None) -> list[str]:
    """The entities that have stored rows, in order; rows without one are left out.

    Args:
        events: the database.
        app: whose rows.
        event: of which kind.
        since: only entities with a row at or after this moment, by event time.
    """
    if since is None:
        return [entity for (entity,) in events.fetch(_ENTITIES, (app, event))]
    return [entity for (entity,) in events.fetch(_CHANGED, (app, event, to_us(since)))]


def newest_windows(
    events: Database,
    app: str,
    schema: EventSchema,
    entities: Sequence[str],
    *,
    columns: Sequence[str],
    n_rows: Callable[[str], int],
) -> pl.DataFrame:
    """The newest rows of each of several entities, all of one moment of the database.

    All of it stands in memory, about 150 bytes a row while it is read: ask for some thousands of entities at a time.

    Args:
        events: the database.
        app: whose rows.
        schema: the event.
        entities: whose rows are wanted, in order.
        columns: the measured columns wanted; null where a row was stored without one.
        n_rows: how many of an entity at most.

    Returns:
        `ENTITY`, `TIME` and the columns; sorted as a checked frame is, without line numbers. An entity without rows has none.

    Raises:
        SchemaError: a row was stored under another type than the event declares now.
    """
    # Backwards, as the rows of each are: turned round once, all stands in order.
    wanted = sorted(entities, reverse=True)
    query = _WINDOW.format(texts=_TEXTS[events.dialect])
    found = events.fetch_each(query, [(app, schema.name, entity, n_rows(entity)) for entity in wanted])
    whole = [
        (entity, *row) for entity, row in zip(wanted, found, strict=True) if row is not None and row[0] is not None
    ]
    dtypes = {name: frame_dtype(schema, name) for name in columns}
    lines = b"\n".join([values for _, _, values in whole])
    try:
        measured = pl.read_ndjson(lines, schema=dtypes) if lines else pl.DataFrame(schema=dtypes)
    except pl.exceptions.PolarsError as error:
        raise SchemaError(
            f"a stored row has a value that is not of the type that the event declares now: {str(error).splitlines()[0]}",
            where=f"{app}/{schema.name}",
            mend="Declare the column as it was, or under another name.",
        ) from error
    at_us = np.fromstring(",".join([times for _, times, _ in whole]), dtype=np.int64, sep=",")[::-1]
    at = pl.Series(TIME, at_us).cast(pl.Datetime("us")).dt.replace_time_zone("UTC").cast(TIME_DTYPE)
    # Counted here: SQLite takes three times as long for it.
    counts = [times.count(",") + 1 for _, times, _ in reversed(whole)]
    names = pl.Series(ENTITY, [entity for entity, _, _ in reversed(whole)], dtype=pl.String)
    whose = names.gather(np.repeat(np.arange(len(whole)), counts))
    return pl.DataFrame([whose, at]).hstack(measured.reverse())
