"""Requests that were stored already: the same one sent again is answered as it was, and stores nothing.

Look-up and entry happen in the transaction that stores the rows, so that the database decides between two that run at
once, whichever processes they are in.
"""

from typing import Final

import msgspec
from sqlalchemy import Connection

KEPT_US: Final = 24 * 3_600 * 1_000_000  # for as long a retry is known again
_FORGOTTEN_PER_ENTRY: Final = 2  # more than one, so that what is past its time shrinks while entries are made


class RequestKey(msgspec.Struct, frozen=True, kw_only=True):
    """What a request is known by.

    Args:
        actor: who sent it; keys of others are others.
        key: given by the sender.
        digest: of everything that makes it that request: path, query and body.
    """

    actor: str
    key: str
    digest: str


class Known(msgspec.Struct, frozen=True, kw_only=True):
    """An entry: the digest it was made with, the answer as JSON ("" where there was none to give), and when."""

    digest: str
    answer: str
    at_us: int


def find_answer(connection: Connection, request: RequestKey, *, now_us: int) -> Known | None:
    """The entry under the request's key, whatever request made it; None where there is none or it is past its time."""
    row = connection.exec_driver_sql(
        "SELECT digest, answer, at_us FROM idempotency WHERE actor = ? AND key = ? AND at_us > ?",
        (request.actor, request.key, now_us - KEPT_US),
    ).first()
    return None if row is None else Known(digest=row[0], answer=row[1], at_us=row[2])


def keep_answer(connection: Connection, request: RequestKey, answer: str, *, now_us: int) -> None:
    """Enter the answer, over an entry that was there."""
    connection.exec_driver_sql(
        "INSERT INTO idempotency (actor, key, digest, answer, at_us) VALUES (?, ?, ?, ?, ?) ON CONFLICT (actor, key) "
        "DO UPDATE SET digest = excluded.digest, answer = excluded.answer, at_us = excluded.at_us",
        (request.actor, request.key, request.digest, answer, now_us),
    )


def forget_answers(connection: Connection, *, n_entered: int, now_us: int) -> None:
    """Remove entries past their time, twice as many as were entered: the table stays bounded, and no write is long."""
    connection.exec_driver_sql(
        "DELETE FROM idempotency WHERE (actor, key) IN "
        "(SELECT actor, key FROM idempotency WHERE at_us <= ? ORDER BY at_us LIMIT ?)",
        (now_us - KEPT_US, _FORGOTTEN_PER_ENTRY * n_entered),
    )
