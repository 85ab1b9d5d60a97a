"""Served answers, read back."""

from datetime import datetime
from typing import Any

import msgspec

from telltale.contract.answer import Context
from telltale.contract.errors import NotFoundError
from telltale.storage.database import Database
from telltale.storage.instants import from_us

_COLUMNS = (
    'id, app, task, entity, at_us, "values", score, decision, threshold, version, role, context, latency_us, '
    "received_us, answer"
)


class StoredPrediction(msgspec.Struct, frozen=True, kw_only=True):
    """One served answer as it was logged.

    Args:
        time: event time of the row that was decided; of a question, when it came.
        values: that row, by column; of a question, its fields.
        score, decision, threshold: of a task that scores.
        answer: the whole answer of a task of another kind.
        latency_us: from the body in hand to the answer decided, in microseconds.
        received_at: when the request came.
    """

    prediction_id: str
    app: str
    task: str
    entity: str | None
    time: datetime
    values: dict[str, Any]
    score: float | None
    decision: bool | None
    threshold: float | None
    version: int
    role: str
    context: Context | None
    latency_us: int
    received_at: datetime
    answer: dict[str, Any] | None = None


def prediction(events: Database, prediction_id: str) -> StoredPrediction:
    """The prediction of that id. Raises NotFoundError."""
    rows = events.fetch(f"SELECT {_COLUMNS} FROM prediction WHERE id = ?", (prediction_id,))  # noqa: S608 - names are ours
    if not rows:
        raise NotFoundError(
            f"there is no prediction {prediction_id!r}",
            where="prediction log",
            mend="Give the prediction_id of an answer; old ones may have been removed by retention.",
        )
    return _stored(rows[0])


def recent_predictions(events: Database, app: str, task: str, *, limit: int) -> list[StoredPrediction]:
    """The newest `limit` predictions of a task, newest first."""
    order = "ORDER BY received_us DESC, id DESC LIMIT ?"
    query = f"SELECT {_COLUMNS} FROM prediction WHERE app = ? AND task = ? {order}"  # noqa: S608 - names are ours
    return [_stored(row) for row in events.fetch(query, (app, task, limit))]


def _stored(row: tuple[object, ...]) -> StoredPrediction:
    return msgspec.convert(
        {
            "prediction_id": row[0],
            "app": row[1],
            "task": row[2],
            "entity": row[3],
            "time": from_us(int(str(row[4]))),
            "values": msgspec.json.decode(str(row[5])),
            "score": row[6],
            "decision": None if row[7] is None else bool(row[7]),
            "threshold": row[8],
            "version": row[9],
            "role": row[10],
            "context": row[11],
            "latency_us": row[12],
            "received_at": from_us(int(str(row[13]))),
            "answer": None if row[14] is None else msgspec.json.decode(str(row[14])),
        },
        StoredPrediction,
    )
