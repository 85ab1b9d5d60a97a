"""Keeping the event store within its days and bytes."""

from datetime import datetime, timedelta
from typing import Final

import msgspec
from sqlalchemy import Connection

from telltale.storage.database import Database
from telltale.storage.idempotency import KEPT_US
from telltale.storage.instants import to_us

_CHUNK_ROWS: Final = 5_000

# Ids rise in the order of arrival, so the lowest are the oldest.
_OLDEST_EVENTS = """
DELETE FROM event WHERE id IN (
    SELECT id FROM event WHERE label IS NULL AND received_us < ? ORDER BY id LIMIT ?)
"""
_OLDEST_QUARANTINED = """
DELETE FROM quarantine WHERE id IN (SELECT id FROM quarantine WHERE at_us < ? ORDER BY id LIMIT ?)
"""
# Requests with keys remove two of these each; where none come any more, this does.
_PAST_ANSWERS = """
DELETE FROM idempotency WHERE rowid IN (SELECT rowid FROM idempotency WHERE at_us < ? ORDER BY at_us LIMIT ?)
"""
_FOREVER_US: Final = 2**63 - 1


class Trimmed(msgspec.Struct, frozen=True, kw_only=True):
    """What was removed, and the bytes in use afterwards."""

    n_events: int
    n_quarantined: int
    used_bytes: int


def trim(events: Database, *, max_age_days: float, max_bytes: int, now: datetime) -> Trimmed:
    """Remove the rows received first until none is older than `max_age_days` and at most `max_bytes` are in use.

    Age counts from receipt, not from event time: a backfill of old rows is not old. Labelled rows are kept however old,
    also where the limit on bytes cannot be met for them. The file keeps its size; the room is used again.
    """
    before_us = to_us(now - timedelta(days=max_age_days))
    _remove(events, _PAST_ANSWERS, before_us=to_us(now) - KEPT_US, max_bytes=None)
    n_quarantined = _remove(events, _OLDEST_QUARANTINED, before_us=before_us, max_bytes=None)
    n_events = _remove(events, _OLDEST_EVENTS, before_us=before_us, max_bytes=None)
    n_quarantined += _remove(events, _OLDEST_QUARANTINED, before_us=_FOREVER_US, max_bytes=max_bytes)
    n_events += _remove(events, _OLDEST_EVENTS, before_us=_FOREVER_US, max_bytes=max_bytes)
    with events.read() as connection:
        used = used_bytes(connection)
    return Trimmed(n_events=n_events, n_quarantined=n_quarantined, used_bytes=used)


def used_bytes(connection: Connection) -> int:
    """Bytes of the database that hold something; room left by removed rows does not count."""
    page_size, n_pages, n_free = (
        int(connection.exec_driver_sql(f"PRAGMA {name}").scalar_one())
        for name in ("page_size", "page_count", "freelist_count")
    )
    return page_size * (n_pages - n_free)


def _remove(events: Database, sql: str, *, before_us: int, max_bytes: int | None) -> int:
    """Remove by small transactions, so that other writers get their turn, until nothing is left to remove."""
    n_removed = 0
    while True:
        with events.write() as connection:
            if max_bytes is not None and used_bytes(connection) <= max_bytes:
                return n_removed
            n_now = connection.exec_driver_sql(sql, (before_us, _CHUNK_ROWS)).rowcount
        n_removed += n_now
        if n_now == 0:
            return n_removed
