"""Answers as they were logged, and the windows they were given for, as far as those are stored."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

import msgspec

from telltale.contract.answer import Input
from telltale.storage.database import Database
from telltale.storage.instants import to_us

# A request and the events it brought are stamped with the same moment, rounded twice.
_SAME_MOMENT_US: Final = 1_000
# By receipt, so that the named index serves both the range and the order.
_LOGGED: Final = """
SELECT id, entity, at_us, "values", score, decision, threshold, context, answer, received_us
FROM prediction INDEXED BY ix_prediction_received
WHERE received_us >= ? AND received_us < ? AND app = ? AND task = ? AND version = ?
ORDER BY received_us DESC, id DESC LIMIT ?
"""
_STORED: Final = """
SELECT at_us, "values", received_us FROM event
WHERE app = ? AND event = ? AND entity = ? AND at_us <= ? ORDER BY at_us DESC, "key" DESC LIMIT ?
"""


class LoggedAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """One logged answer; `asked` are the values of the row by column, or the fields of the question."""

    prediction_id: str
    entity: str | None
    at_us: int
    asked: dict[str, Any]
    score: float | None
    decision: bool | None
    threshold: float | None
    context: str | None
    answer: dict[str, Any] | None
    received_us: int


def read_logged(
    events: Database, app: str, task: str, *, version: int, since: datetime, until: datetime, limit: int
) -> list[LoggedAnswer]:
    """The newest answers of a version to requests that came from `since` until before `until`."""
    rows = events.fetch(_LOGGED, (to_us(since), to_us(until), app, task, version, limit))
    return [_logged(row) for row in rows]


def _logged(row: tuple[Any, ...]) -> LoggedAnswer:
    return LoggedAnswer(
        prediction_id=row[0],
        entity=row[1],
        at_us=row[2],
        asked=msgspec.json.decode(row[3]),
        score=row[4],
        decision=None if row[5] is None else bool(row[5]),
        threshold=row[6],
        context=row[7],
        answer=None if row[8] is None else msgspec.json.decode(row[8]),
        received_us=row[9],
    )


def stored_window(
    events: Database,
    logged: LoggedAnswer,
    *,
    app: str,
    event: str,
    columns: tuple[str, ...],
    nullable: frozenset[str],
    n_rows: int,
) -> Input | None:
    """Up to `n_rows` rows stored when the request came, the logged one last; None where that one is not as it was logged.

    Args:
        events: the database.
        logged: the answer.
        app: whose task.
        event: that the task reads.
        columns: of the version.
        nullable: those that need not be there.
        n_rows: of a whole window.
    """
    found = events.fetch(_STORED, (app, event, logged.entity or "", logged.at_us, n_rows))
    rows: list[tuple[int, dict[str, Any]]] = [
        (at_us, msgspec.json.decode(values))
        for at_us, values, received_us in reversed(found)
        if received_us <= logged.received_us + _SAME_MOMENT_US
    ]
    if not rows or rows[-1][0] != logged.at_us or not _holds(rows[-1][1], logged.asked):
        return None
    # As serving does: rows of a time when something else was measured are passed over.
    needed = frozenset(columns) - nullable
    readable = [(at_us, values) for at_us, values in rows if values.keys() >= needed]
    return Input(
        rows=[[values.get(name) for name in columns] for _, values in readable],
        times=[at_us / 1e6 for at_us, _ in readable],
        entity=logged.entity,
    )


def _holds(stored: Mapping[str, Any], asked: Mapping[str, Any]) -> bool:
    return all(stored.get(name) == value for name, value in asked.items())
