"""Served answers, read back."""

from datetime import datetime

import msgspec

from telltale.contract.answer import Context
from telltale.contract.errors import NotFoundError
from telltale.storage.database import Database
from telltale.storage.instants import from_us

_COLUMNS = (
    'id, app, task, entity, at_us, "values", score, decision, threshold, version, role, context, latency_us, '
    "received_us"
)


class StoredPrediction(msgspec.Struct, frozen=True, kw_only=True):
    """One served answer as it was logged.

    Args:
        time: event time of the row that was decided.
        values: that row, by column.
        latency_us: from the body in hand to the answer decided, in microseconds.
        received_at: when the request came.
    """

    prediction_id: str
    app: str
    task: str
    entity: str | None
    time: datetime
    values: dict[str, float | None]
    score: float
    decision: bool
    threshold: float
    version: int
    role: str
    context: Context
    latency_us: int
    received_at: datetime


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
            "decision": bool(row[7]),
            "threshold": row[8],
            "version": row[9],
            "role": row[10],
            "context": row[11],
            "latency_us": row[12],
            "received_at": from_us(int(str(row[13]))),
        },
        StoredPrediction,
    )
