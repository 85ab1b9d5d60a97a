"""What came of an action, told by the prediction's id: an event like any other, made of what was asked, done and reported.

A store that sends such events itself needs none of this. What is learned, and what any policy is judged by, are events.
"""

from collections.abc import Mapping
from typing import Any, Final

import msgspec
import polars as pl

from telltale.contract.app import App
from telltale.contract.errors import NotFoundError, SchemaError, UsageError
from telltale.contract.kinds import Acting
from telltale.contract.schema import EventSchema
from telltale.storage.database import Database
from telltale.storage.instants import from_us
from telltale.telemetry.frames import LINE
from telltale.telemetry.raw_rows import RawRows
from telltale.telemetry.validate import Checked, check_rows

_WHERE: Final = "feedback, outcome"
_LOGGED: Final = 'SELECT app, task, entity, at_us, "values", answer FROM prediction WHERE id = ?'


class OutcomeEvent(msgspec.Struct, frozen=True, kw_only=True):
    """A checked row of `event`, ready to be stored."""

    app: str
    event: EventSchema
    checked: Checked


def outcome_event(
    events: Database, apps: Mapping[str, App], prediction_id: str | None, outcome: Mapping[str, float]
) -> OutcomeEvent:
    """The event that an outcome makes of a logged prediction.

    Raises:
        NotFoundError: there is no such prediction.
        UsageError: its task does not act, or no prediction is named.
        SchemaError: the outcome lacks what the reward needs, or has columns that are not the event's to report.
    """
    if prediction_id is None:
        raise UsageError("an outcome of no prediction", where=_WHERE, mend="Give the prediction_id of an answer.")
    rows = events.fetch(_LOGGED, (prediction_id,))
    if not rows:
        raise NotFoundError(
            f"there is no prediction {prediction_id!r}", where=_WHERE, mend="Give the prediction_id of an answer."
        )
    app_name, task_name, entity, at_us, asked, answer = rows[0]
    app = apps.get(app_name)
    acting = None if app is None else app.task(task_name).acting
    if app is None or acting is None:
        raise UsageError(
            f"{app_name}/{task_name} does not act", where=_WHERE, mend="Give a label (0 or 1) in place of the outcome."
        )
    event = app.event(app.task(task_name).event)
    row = _row(event, acting, msgspec.json.decode(asked), msgspec.json.decode(answer), outcome)
    row[event.time] = from_us(at_us).isoformat()
    if event.entity is not None and event.entity not in row:
        row[event.entity] = entity
    raw = RawRows(frame=pl.DataFrame([{LINE: 1, **row}], strict=False), source=_WHERE)
    checked = check_rows(event, raw, require_time=True)
    if checked.quarantined:
        raise SchemaError(
            checked.quarantined[0].reason, where=_WHERE, mend=f"Report {sorted(_reported(event, acting))} as declared."
        )
    return OutcomeEvent(app=app.name, event=event, checked=checked)


def _row(
    event: EventSchema, acting: Acting, asked: dict[str, Any], answer: dict[str, Any], outcome: Mapping[str, float]
) -> dict[str, Any]:
    reported = _reported(event, acting)
    strange = outcome.keys() - reported
    needed = {acting.reward.success} - {""} or {acting.reward.column}
    missing = needed - outcome.keys()
    if strange or missing:
        raise SchemaError(
            f"the outcome has {sorted(outcome)}",
            where=_WHERE,
            mend=f"Give {sorted(needed)}, and of {sorted(reported - needed)} what is known.",
        )
    row: dict[str, Any] = {**asked["context"], **answer["action"], acting.propensity: answer["propensity"], **outcome}
    if acting.available:
        row[acting.available] = asked["available"]
    return row


def _reported(event: EventSchema, acting: Acting) -> set[str]:
    """The columns that say what came of it: those known before, and what was done, are logged."""
    known = {*acting.action, *acting.context, acting.available, acting.propensity}
    return {column.name for column in event.columns} - known
