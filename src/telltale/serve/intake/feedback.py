"""`POST /v1/feedback`: labels that come later, on disk before they are acknowledged."""

from datetime import datetime

import msgspec

from telltale.contract.errors import NotFoundError, SchemaError, UsageError
from telltale.monitor.feedback import Feedback, FeedbackRow, check_feedbacks
from telltale.monitor.outcomes import outcome_event
from telltale.serve.edge import Edge
from telltale.serve.http.struct_bodies import not_json, strange_number
from telltale.serve.intake.writes import FeedbackWrite, check_same
from telltale.storage.idempotency import RequestKey
from telltale.storage.instants import to_us
from telltale.telemetry.event_rows import EventRow, Origin, event_rows, origin_of
from telltale.telemetry.repeated_keys import refuse_repeated

_decode = msgspec.json.Decoder(Feedback | list[Feedback]).decode


async def receive_feedback(
    edge: Edge, body: bytes, *, actor: str, now: datetime, key: RequestKey | None = None
) -> bytes:
    """Store one feedback or a list of them, all or none; `Kept`, as JSON.

    A request with a key that came before gets the answer of then. Without one, feedback sent twice is stored twice, which
    changes nothing: of what is said of a prediction the last word counts.

    Raises:
        UsageError: the body is not JSON, or says neither which prediction nor which span.
        SchemaError: a field is unknown or of the wrong type.
        NotFoundError: no such prediction, or no such task.
        KeyReusedError: the key belongs to another request.
        UnavailableError: too much waits to be written, or the disk takes nothing; nothing of this request was stored.
    """
    rows, outcomes = await edge.intake.in_thread(lambda: _check(edge, _decoded(body), actor, now))
    write = FeedbackWrite(rows, key, outcomes=outcomes, now_us=to_us(now))
    await edge.intake.put(write)
    if write.known is not None:
        check_same(write.known, key)
        return write.known.answer.encode()
    return write.kept.encoded().encode()


def _decoded(body: bytes) -> list[Feedback]:
    try:
        decoded = _decode(body)
    except msgspec.ValidationError as error:
        raise SchemaError(
            str(error).replace("`", ""),
            where="request body",
            mend="Give prediction_id and label (0 or 1) or outcome, or app, task, entity, from, to and label.",
        ) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise strange_number(body) or UsageError(
            not_json(body, error), where="request body", mend="Send one object, or a list of objects."
        ) from None
    refuse_repeated(body)
    if decoded == []:
        raise SchemaError("the list is empty", where="request body", mend="Send at least one label.")
    items = decoded if isinstance(decoded, list) else [decoded]
    if any(item.label is None and item.outcome is None for item in items):
        raise SchemaError(
            "a feedback has neither a label nor an outcome",
            where="request body",
            mend="Give label (0 or 1), or of a task that acts what came of it.",
        )
    return items


def _check(
    edge: Edge, items: list[Feedback], actor: str, now: datetime
) -> tuple[list[FeedbackRow], list[tuple[Origin, EventRow]]]:
    try:
        return _checked(edge, items, actor, now)
    except NotFoundError:
        # The answer may be so fresh that its row is still in memory.
        edge.log.flush()
        return _checked(edge, items, actor, now)


def _checked(
    edge: Edge, items: list[Feedback], actor: str, now: datetime
) -> tuple[list[FeedbackRow], list[tuple[Origin, EventRow]]]:
    """Labels, and outcomes as events of their tasks."""
    labels = [item for item in items if item.outcome is None]
    for app, task in dict.fromkeys((item.app, item.task) for item in labels if item.prediction_id is None):
        if app is not None and task is not None:
            edge.place(app, task)
    outcomes: list[tuple[Origin, EventRow]] = []
    for item in items:
        if item.outcome is not None:
            if item.label is not None or (item.app, item.task, item.entity, item.since, item.to) != (None,) * 5:
                raise UsageError(
                    "an outcome has more beside it than the prediction's id",
                    where="feedback",
                    mend="Give these two alone.",
                )
            found = outcome_event(edge.folder.events, edge.apps, item.prediction_id, item.outcome)
            origin = origin_of(found.app, found.event.name, source="feedback", now=now)
            rows = event_rows(found.checked.frame, found.checked.columns, where="feedback")
            outcomes += [(origin, row) for row in rows]
    return check_feedbacks(edge.folder.events, labels, actor=actor, now=now), outcomes
