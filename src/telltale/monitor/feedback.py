"""Feedback: labels that come after the answers, and the predictions they belong to."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated, Literal

import msgspec
import polars as pl
from sqlalchemy import Connection, insert

from telltale.contract.errors import NotFoundError, UsageError
from telltale.storage import tables
from telltale.storage.database import Database
from telltale.storage.instants import to_us
from telltale.telemetry.values import LONGEST_ENTITY

Name = Annotated[str, msgspec.Meta(max_length=LONGEST_ENTITY, pattern=r"\A[^\x00]*\Z")]


class Feedback(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename={"since": "from"}):
    """What turned out to be true: of one prediction, or of all of a task's in a span of event time.

    Either `prediction_id`, or `app`, `task`, `since` (sent as `from`) and `to`, both ends inclusive, naive times being
    UTC. Without `entity` a span covers every entity. Where several say something of one prediction, the last one
    counts.

    Of a task that acts `outcome` stands in place of `label`: what came of the action, in columns of the task's event. It is
    stored as such an event, once (`telltale.monitor.outcomes`).
    """

    label: Literal[0, 1] | None = None
    outcome: dict[str, float] | None = None
    prediction_id: Name | None = None
    app: Name | None = None
    task: Name | None = None
    entity: Name | None = None
    since: datetime | None = None
    to: datetime | None = None


class FeedbackRow(msgspec.Struct, frozen=True, kw_only=True):
    """Checked feedback, as it is stored."""

    app: str
    task: str
    prediction_id: str | None
    entity: str | None
    from_us: int | None
    to_us: int | None
    label: int
    actor: str
    at_us: int


def check_feedback(events: Database, feedback: Feedback, *, actor: str, now: datetime) -> FeedbackRow:
    """Feedback ready to be stored. Raises as `check_feedbacks`."""
    return check_feedbacks(events, [feedback], actor=actor, now=now)[0]


def check_feedbacks(events: Database, feedbacks: Sequence[Feedback], *, actor: str, now: datetime) -> list[FeedbackRow]:
    """Feedback ready to be stored, in order; the predictions named are looked up by one query.

    Raises:
        NotFoundError: no prediction has that id.
        UsageError: neither a prediction nor a whole span is named, or both are, or the span ends before it begins; or there is
            no label.
    """
    if any(said.label is None or said.outcome is not None for said in feedbacks):
        raise _unclear("has no label, or an outcome beside it")
    named = [said.prediction_id for said in feedbacks if said.prediction_id is not None]
    places = _places(events, named) if named else {}
    return [
        _of_span(said, actor=actor, now=now)
        if said.prediction_id is None
        else _of_prediction(said, said.prediction_id, places, actor=actor, now=now)
        for said in feedbacks
    ]


def _of_span(feedback: Feedback, *, actor: str, now: datetime) -> FeedbackRow:
    app, task, since, to = feedback.app, feedback.task, feedback.since, feedback.to
    if app is None or task is None or since is None or to is None:
        raise _unclear("names neither a prediction nor a whole span")
    since_us, end_us = _utc_us(since), _utc_us(to)
    if end_us < since_us:
        raise _unclear(f"covers a span that ends ({to.isoformat()}) before it begins ({since.isoformat()})")
    return FeedbackRow(
        app=app,
        task=task,
        prediction_id=None,
        entity=feedback.entity,
        from_us=since_us,
        to_us=end_us,
        label=_label(feedback),
        actor=actor,
        at_us=to_us(now),
    )


def write_feedback(connection: Connection, rows: Sequence[FeedbackRow]) -> None:
    """Store checked feedback; fits `GroupCommit`."""
    connection.execute(insert(tables.feedback), [msgspec.structs.asdict(row) for row in rows])


def labelled_predictions(
    events: Database, app: str, task: str, *, since: datetime | None = None, until: datetime | None = None
) -> pl.DataFrame:
    """The predictions of a task that have a label, one row each, by event time; `since` and `until` are inclusive.

    Returns:
        Columns `prediction_id, entity, time, score, decision, threshold, version, role, label`.
    """
    low = -(2**62) if since is None else to_us(since)
    high = 2**62 if until is None else to_us(until)
    rows = events.fetch(_JOIN, (app, task, low, high) * 3)
    schema = {
        "prediction_id": pl.String,
        "entity": pl.String,
        "time": pl.Int64,
        "score": pl.Float64,
        "decision": pl.Int64,
        "threshold": pl.Float64,
        "version": pl.Int64,
        "role": pl.String,
        "label": pl.Int8,
    }
    frame = pl.DataFrame(rows, schema=schema, orient="row")
    return frame.with_columns(
        pl.from_epoch("time", time_unit="us").dt.replace_time_zone("UTC"), pl.col("decision").cast(pl.Boolean)
    )


# Three joins rather than one with OR, which SQLite could only answer by comparing every pair; cross joins, so that it
# begins with what was said and finds the predictions by an index.
_JOIN = """
SELECT id, entity, at_us, score, decision, threshold, version, role, label FROM (
    SELECT *, row_number() OVER (PARTITION BY id ORDER BY said DESC) AS place FROM (
        SELECT p.*, f.label AS label, f.id AS said
        FROM feedback f CROSS JOIN prediction p ON p.id = f.prediction_id
        WHERE f.app = ? AND f.task = ? AND p.at_us BETWEEN ? AND ?
        UNION ALL
        SELECT p.*, f.label AS label, f.id AS said
        FROM feedback f CROSS JOIN prediction p
            ON p.app = f.app AND p.task = f.task AND p.entity = f.entity AND p.at_us BETWEEN f.from_us AND f.to_us
        WHERE f.prediction_id IS NULL AND f.app = ? AND f.task = ? AND p.at_us BETWEEN ? AND ?
        UNION ALL
        SELECT p.*, f.label AS label, f.id AS said
        FROM feedback f CROSS JOIN prediction p
            ON p.app = f.app AND p.task = f.task AND p.at_us BETWEEN f.from_us AND f.to_us
        WHERE f.prediction_id IS NULL AND f.entity IS NULL AND f.app = ? AND f.task = ? AND p.at_us BETWEEN ? AND ?
    ) AS joined
) AS placed WHERE place = 1 ORDER BY at_us, id
"""


def _places(events: Database, prediction_ids: Sequence[str]) -> dict[str, tuple[str, str]]:
    """App and task of each prediction that there is."""
    wanted = [(prediction_id,) for prediction_id in prediction_ids]
    rows = events.fetch_each("SELECT id, app, task FROM prediction WHERE id = ?", wanted)
    return {row[0]: (row[1], row[2]) for row in rows if row is not None}


def _of_prediction(
    feedback: Feedback, prediction_id: str, places: Mapping[str, tuple[str, str]], *, actor: str, now: datetime
) -> FeedbackRow:
    span = (feedback.app, feedback.task, feedback.since, feedback.to, feedback.entity)
    if any(part is not None for part in span):
        raise _unclear("names a prediction and a span at once")
    if prediction_id not in places:
        raise NotFoundError(
            f"there is no prediction {prediction_id!r}",
            where="feedback",
            mend="Give the prediction_id of an answer, or app, task, entity, from and to.",
        )
    app, task = places[prediction_id]
    return FeedbackRow(
        app=app,
        task=task,
        prediction_id=prediction_id,
        entity=None,
        from_us=None,
        to_us=None,
        label=_label(feedback),
        actor=actor,
        at_us=to_us(now),
    )


def _label(feedback: Feedback) -> int:
    assert feedback.label is not None, "checked before"
    return feedback.label


def _utc_us(at: datetime) -> int:
    return to_us(at if at.tzinfo is not None else at.replace(tzinfo=UTC))


def _unclear(what: str) -> UsageError:
    return UsageError(
        f"the feedback {what}",
        where="feedback",
        mend="Give prediction_id and label, or app, task, entity, from, to and label.",
    )
