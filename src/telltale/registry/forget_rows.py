"""The rows of an entity, in every table that has some, deleted in a transaction of the caller's."""

import json
import re
from collections.abc import Sequence
from typing import Final

import msgspec
from sqlalchemy import Connection, and_, delete, func, or_, select, update

from telltale.registry.learned import forget_learned
from telltale.storage.tables import EVENTS, idempotency, quarantine
from telltale.storage.text_position import position_of

# Tables with an index on app, kind of row, and entity; and the column that says the kind.
PLACES: Final = {
    "event": "event",
    "prediction": "task",
    "feedback": "task",
    "profile": "task",
    "confidence": "task",
    "stream_state": "task",
}
# From one value of an indexed column to the next, so that no table is read from end to end while others wait to write.
_VALUES: Final = """
WITH RECURSIVE found(value) AS (
    SELECT min({column}) FROM {table} WHERE {where}
    UNION ALL SELECT (SELECT min({column}) FROM {table} WHERE {where} AND {column} > value) FROM found
    WHERE value IS NOT NULL)
SELECT value FROM found WHERE value IS NOT NULL
"""
_CHUNK: Final = 500
_WORD: Final = r"(?<![0-9A-Za-z_]){}(?![0-9A-Za-z_])"


def remove_rows(connection: Connection, entity: str, app: str | None) -> dict[str, int]:
    """Delete the rows of an entity, of one app or of all; how many of each table."""
    removed = dict.fromkeys((*PLACES, "shadow"), 0)
    for name, kind in PLACES.items():
        table = EVENTS.tables[name]
        for whose in [app] if app is not None else _values(connection, name, "app"):
            for value in _values(connection, name, kind, app=whose):
                theirs = and_(table.c.app == whose, table.c[kind] == value, table.c.entity == entity)
                if name == "prediction":
                    ids = connection.execute(select(table.c.id).where(theirs)).scalars().all()
                    for of, n in _remove_of_predictions(connection, ids).items():
                        removed[of] += n
                removed[name] += connection.execute(delete(table).where(theirs)).rowcount
    removed["quarantine"] = _remove_set_aside(connection, entity, app)
    removed["idempotency"] = _unname_answers(connection, entity)
    # What versions learned from these rows cannot be told from what they learned from others: it is learned again.
    removed["learned"] = forget_learned(connection, app) if removed["event"] else 0
    return removed


def _remove_of_predictions(connection: Connection, ids: Sequence[str]) -> dict[str, int]:
    """What other versions answered, and what turned out to be true."""
    removed = {"shadow": 0, "feedback": 0}
    for start in range(0, len(ids), _CHUNK):
        some = ids[start : start + _CHUNK]
        for name in removed:
            table = EVENTS.tables[name]
            removed[name] += connection.execute(delete(table).where(table.c.prediction_id.in_(some))).rowcount
    return removed


def _values(connection: Connection, table: str, column: str, *, app: str | None = None) -> list[str]:
    """The values of a column: also those of apps and tasks that are not installed any more."""
    sql = _VALUES.format(table=table, column=column, where="TRUE" if app is None else "app = ?1")
    return [value for (value,) in connection.exec_driver_sql(sql, () if app is None else (app,))]


def _remove_set_aside(connection: Connection, entity: str, app: str | None) -> int:
    """Rows in quarantine in which the name stands as a word of its own, in whichever column: they were never understood."""
    # As itself, as JSON has it, and as JSON has it where only ASCII is written.
    spellings = {entity, msgspec.json.encode(entity).decode()[1:-1], json.dumps(entity)[1:-1]}
    word = re.compile("|".join(_WORD.format(re.escape(one)) for one in spellings))
    told = quarantine.c.raw + " " + quarantine.c.reason
    asked = select(quarantine.c.id, told).where(or_(*(position_of(told, one) > 0 for one in spellings)))
    if app is not None:
        asked = asked.where(quarantine.c.app == app)
    found = [number for number, text in connection.execute(asked) if word.search(text)]
    for number in found:
        connection.execute(delete(quarantine).where(quarantine.c.id == number))
    return len(found)


def _unname_answers(connection: Connection, entity: str) -> int:
    """Take the name out of answers that are kept for requests sent again; without them such a request would store anew."""
    quoted = msgspec.json.encode(entity).decode()
    named = position_of(idempotency.c.answer, quoted) > 0
    changed = update(idempotency).where(named).values(answer=func.replace(idempotency.c.answer, quoted, "null"))
    return connection.execute(changed).rowcount
