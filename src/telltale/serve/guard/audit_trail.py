"""A row for everything an operator asked for over HTTP, written before the answer is sent."""

import asyncio
from datetime import UTC, datetime

import structlog

from telltale.contract.errors import TelltaleError
from telltale.registry.audit import record_act
from telltale.serve.guard.guard import Guard
from telltale.serve.guard.scopes import subject_of
from telltale.serve.http.call import Call, Handle, Reply
from telltale.storage.database import Database

_logger = structlog.get_logger("telltale.serve.guard.audit_trail")


def audited(handle: Handle, guard: Guard, state: Database) -> Handle:
    """The handle, with a row for each request that changes what is served or trained, whether it worked or not."""

    async def with_a_row(call: Call) -> Reply:
        if not guard.needs_record(call):
            return await handle(call)
        status = TelltaleError.status
        try:
            reply = await handle(call)
            status = reply.status
        except TelltaleError as error:
            status = error.status
            raise
        finally:
            await asyncio.to_thread(_record, state, call, status)
        return reply

    return with_a_row


def _record(state: Database, call: Call, status: int) -> None:
    action = f"{call.method} {call.path}"
    subject, actor, now = subject_of(call.path), call.caller.actor, datetime.now(UTC)
    try:
        record_act(state, action, subject, actor=actor, status=status, now=now, request_id=call.request_id)
    except Exception:  # it was done, or refused: that must be told, and the log has what the table has not
        _logger.exception("act_not_recorded", action=action, actor=actor, status=status, request_id=call.request_id)
