"""`POST /v1/feedback`: labels that come later, on disk before they are acknowledged."""

import asyncio
from datetime import datetime

import msgspec

from telltale.contract.errors import NotFoundError, SchemaError, UsageError
from telltale.monitor.feedback import Feedback, FeedbackRow, check_feedback
from telltale.serve.edge import Edge

_decode = msgspec.json.Decoder(Feedback | list[Feedback]).decode


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """How many labels were stored."""

    accepted: int


async def receive_feedback(edge: Edge, body: bytes, *, actor: str, now: datetime) -> Kept:
    """Store one feedback or a list of them: all or none.

    Raises:
        UsageError: the body is not JSON, or says neither which prediction nor which span.
        SchemaError: a field is unknown or of the wrong type.
        NotFoundError: no such prediction, or no such task.
    """
    try:
        decoded = _decode(body)
    except msgspec.ValidationError as error:
        raise SchemaError(
            str(error).replace("`", ""),
            where="request body",
            mend="Give prediction_id and label (0 or 1), or app, task, entity, from, to and label.",
        ) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UsageError(
            f"the body is not JSON ({error})", where="request body", mend="Send one object, or a list of objects."
        ) from None
    items = decoded if isinstance(decoded, list) else [decoded]
    rows = [await asyncio.to_thread(_check, edge, item, actor, now) for item in items]
    if rows:
        await asyncio.wrap_future(edge.feedback.submit(rows))
    return Kept(accepted=len(rows))


def _check(edge: Edge, item: Feedback, actor: str, now: datetime) -> FeedbackRow:
    if item.prediction_id is None and item.app is not None and item.task is not None:
        edge.place(item.app, item.task)
    try:
        return check_feedback(edge.folder.events, item, actor=actor, now=now)
    except NotFoundError:
        # The answer may be so fresh that its row is still in memory.
        edge.log.flush()
        return check_feedback(edge.folder.events, item, actor=actor, now=now)
