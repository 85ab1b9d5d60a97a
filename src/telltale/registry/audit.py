"""What operators did, whether it worked or not: over HTTP and by commands.

The ledger says which version moved and why; this says who asked for what, and how that ended. The newest rows are kept.
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import Final

import msgspec
from sqlalchemy import delete, func, insert, select

from telltale.contract.errors import TelltaleError, UnavailableError
from telltale.storage.database import Database
from telltale.storage.instants import from_us, to_us
from telltale.storage.tables import audit

KEPT_ROWS: Final = 100_000
_LONGEST: Final = 300


class Act(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that somebody asked for.

    Args:
        id: rises.
        at: when it was over.
        actor: who asked.
        action: a request's method and path, or a command.
        subject: what it was done to: a task, a schedule, a key; "" where the action says it.
        status: of HTTP; of a command the one that the same over HTTP would have had.
        request_id: of the request, "" of a command.
    """

    id: int
    at: datetime
    actor: str
    action: str
    subject: str
    status: int
    request_id: str


def record_act(
    state: Database,
    action: str,
    subject: str,
    *,
    actor: str,
    status: int,
    now: datetime,
    request_id: str = "",
    kept_rows: int = KEPT_ROWS,
) -> None:
    """Add a row; of more than `kept_rows` the oldest go. Long texts are cut.

    Raises:
        UnavailableError: the database stayed locked.
    """
    with state.write() as connection:
        connection.execute(
            insert(audit).values(
                at_us=to_us(now),
                actor=actor,
                action=action[:_LONGEST],
                subject=subject[:_LONGEST],
                status=status,
                request_id=request_id,
            )
        )
        newest = select(func.max(audit.c.id)).scalar_subquery()
        connection.execute(delete(audit).where(audit.c.id <= newest - kept_rows))


@contextmanager
def recorded(state: Database, action: str, subject: str, *, actor: str) -> Iterator[None]:
    """Add a row for what is done in the block, once it ended, well or not."""
    try:
        yield
    except BaseException as error:
        status = error.status if isinstance(error, TelltaleError) else TelltaleError.status
        with suppress(UnavailableError):  # what went wrong first is what must be told
            record_act(state, action, subject, actor=actor, status=status, now=datetime.now(UTC))
        raise
    record_act(state, action, subject, actor=actor, status=200, now=datetime.now(UTC))


def read_acts(state: Database, *, limit: int = 100) -> list[Act]:
    """The newest, newest first."""
    with state.read() as connection:
        return [
            Act(
                id=row.id,
                at=from_us(row.at_us),
                actor=row.actor,
                action=row.action,
                subject=row.subject,
                status=row.status,
                request_id=row.request_id,
            )
            for row in connection.execute(select(audit).order_by(audit.c.id.desc()).limit(limit))
        ]
