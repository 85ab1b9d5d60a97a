"""Keeping the events database within its days and bytes."""

from datetime import datetime, timedelta
from typing import Final, NamedTuple

import msgspec
from sqlalchemy import Connection

from telltale.storage.database import Database
from telltale.storage.idempotency import KEPT_US
from telltale.storage.instants import to_us
from telltale.storage.tables import EVENTS

_CHUNK_ROWS: Final = 5_000
_SLICES: Final = 30  # of the days kept: by bytes, all tables lose a slice before any loses the next
_FOREVER_US: Final = 2**63 - 1

# Ids rise in the order of arrival, so the lowest are the oldest.
_OLDEST_EVENTS: Final = """
DELETE FROM event WHERE id IN (
    SELECT id FROM event WHERE label IS NULL AND received_us < ? ORDER BY id LIMIT ?)
"""
_OLDEST_QUARANTINED: Final = """
DELETE FROM quarantine WHERE id IN (SELECT id FROM quarantine WHERE at_us < ? ORDER BY id LIMIT ?)
"""
# Requests with keys remove two of these each; where none come any more, this does.
_PAST_ANSWERS: Final = """
DELETE FROM idempotency WHERE (actor, key) IN (SELECT actor, key FROM idempotency WHERE at_us < ? ORDER BY at_us LIMIT ?)
"""
_OLDEST_SHADOWS: Final = """
DELETE FROM shadow WHERE (prediction_id, version) IN (
    SELECT prediction_id, version FROM shadow WHERE received_us < ? ORDER BY received_us LIMIT ?)
"""
_OLDEST_MINUTES: Final = """
DELETE FROM service_minute WHERE (app, task, version, minute_us) IN (
    SELECT app, task, version, minute_us FROM service_minute WHERE minute_us < ? ORDER BY minute_us LIMIT ?)
"""
_OLDEST_WINDOWS: Final = """
DELETE FROM drift_window WHERE (app, task, version, from_us) IN (
    SELECT app, task, version, from_us FROM drift_window WHERE from_us < ? LIMIT ?)
"""
_OLDEST_FINDINGS: Final = """
DELETE FROM drift_finding WHERE id IN (SELECT id FROM drift_finding WHERE at_us < ? ORDER BY id LIMIT ?)
"""


# How many rows there are, as wide as they are in the mean, and with each its part of the indexes.
_ROWS_BYTES: Final = """
SELECT coalesce(sum(c.reltuples * (28 + w.width) * pg_total_relation_size(c.oid) / greatest(pg_relation_size(c.oid), 1)), 0)
FROM pg_class c JOIN (
    SELECT tablename, sum(avg_width * (1 - null_frac)) AS width FROM pg_stats WHERE schemaname = current_schema() GROUP BY tablename
) AS w ON w.tablename = c.relname
WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind = 'r' AND c.reltuples > 0
"""


class _Passed(NamedTuple):
    """Rows of which some stay: passed over a chunk at a time, each from where the last one ended.

    Args:
        next_rows: keys of the next rows received before `?1` and behind the key `(?2, ?3)`, at most `?4`.
        delete: those of them that may go, up to and including the key `(?4, ?5)`.
        first: a key before all.
    """

    next_rows: str
    delete: str
    first: tuple[int, int | str]


_PREDICTIONS: Final = _Passed(
    """
    SELECT received_us, id FROM prediction WHERE received_us < ?1 AND (received_us, id) > (?2, ?3)
    ORDER BY received_us, id LIMIT ?4
    """,
    """
    DELETE FROM prediction AS p
    WHERE received_us <= ?4 AND (received_us, id) > (?2, ?3) AND (received_us, id) <= (?4, ?5)
        AND NOT EXISTS (SELECT 1 FROM feedback f WHERE f.prediction_id = p.id)
        AND NOT EXISTS (
            SELECT 1 FROM feedback f WHERE f.app = p.app AND f.task = p.task AND f.entity = p.entity
            AND f.prediction_id IS NULL AND p.at_us BETWEEN f.from_us AND f.to_us)
        AND NOT EXISTS (
            SELECT 1 FROM feedback f WHERE f.app = p.app AND f.task = p.task AND f.entity IS NULL
            AND f.prediction_id IS NULL AND p.at_us BETWEEN f.from_us AND f.to_us)
    """,
    (-1, ""),
)
# While a prediction is kept that it speaks of, so is feedback.
_FEEDBACK: Final = _Passed(
    "SELECT 0, id FROM feedback WHERE at_us < ?1 AND id > ?3 ORDER BY id LIMIT ?4",
    """
    DELETE FROM feedback AS f WHERE id > ?3 AND id <= ?5 AND at_us < ?1 AND coalesce(to_us, 0) < ?1 AND CASE
        WHEN prediction_id IS NOT NULL THEN NOT EXISTS (SELECT 1 FROM prediction p WHERE p.id = f.prediction_id)
        WHEN entity IS NOT NULL THEN NOT EXISTS (
            SELECT 1 FROM prediction p
            WHERE p.app = f.app AND p.task = f.task AND p.entity = f.entity AND p.at_us BETWEEN f.from_us AND f.to_us)
        ELSE NOT EXISTS (
            SELECT 1 FROM prediction p
            WHERE p.app = f.app AND p.task = f.task AND p.at_us BETWEEN f.from_us AND f.to_us)
        END
    """,
    (-1, -1),
)


class Trimmed(msgspec.Struct, frozen=True, kw_only=True):
    """What was removed, and the bytes in use afterwards.

    Args:
        n_events: stored events.
        n_quarantined: rows that had been set aside.
        used_bytes: afterwards.
        n_predictions: logged answers without a label.
        n_derived: answers of shadows, counts of minutes, drift windows and findings, feedback on what is gone.
    """

    n_events: int
    n_quarantined: int
    used_bytes: int
    n_predictions: int = 0
    n_derived: int = 0


def trim(events: Database, *, max_age_days: float, max_bytes: int, now: datetime) -> Trimmed:
    """Remove the rows received first until none is older than `max_age_days` and at most `max_bytes` are in use.

    Age counts from receipt, not from event time: a backfill of old rows is not old. Labelled events, and predictions that
    feedback speaks of, are kept however old, also where the limit on bytes cannot be met for them. The file keeps its
    size; the room is used again.
    """
    before_us = to_us(now - timedelta(days=max_age_days))
    _remove(events, _PAST_ANSWERS, before_us=to_us(now) - KEPT_US)
    n_derived = sum(
        _remove(events, sql, before_us=before_us)
        for sql in (_OLDEST_SHADOWS, _OLDEST_MINUTES, _OLDEST_WINDOWS, _OLDEST_FINDINGS)
    )
    n_predictions = _remove_unkept(events, _PREDICTIONS, before_us=before_us)
    n_derived += _remove_unkept(events, _FEEDBACK, before_us=before_us)
    n_quarantined = _remove(events, _OLDEST_QUARANTINED, before_us=before_us)
    n_events = _remove(events, _OLDEST_EVENTS, before_us=before_us)
    for cut_us in _cuts(before_us, to_us(now)):
        if _fits(events, max_bytes):
            break
        n_derived += _remove(events, _OLDEST_SHADOWS, before_us=cut_us, max_bytes=max_bytes)
        n_quarantined += _remove(events, _OLDEST_QUARANTINED, before_us=cut_us, max_bytes=max_bytes)
        n_predictions += _remove_unkept(events, _PREDICTIONS, before_us=cut_us, max_bytes=max_bytes)
        n_events += _remove(events, _OLDEST_EVENTS, before_us=cut_us, max_bytes=max_bytes)
    with events.read() as connection:
        used = used_bytes(connection)
    return Trimmed(
        n_events=n_events,
        n_quarantined=n_quarantined,
        used_bytes=used,
        n_predictions=n_predictions,
        n_derived=n_derived,
    )


def used_bytes(connection: Connection) -> int:
    """Bytes of the database that hold something; room left by removed rows does not count. On PostgreSQL an estimate."""
    if connection.dialect.name == "postgresql":
        for name in EVENTS.tables:
            connection.exec_driver_sql(f"ANALYZE {name}")
        return int(connection.exec_driver_sql(_ROWS_BYTES).scalar_one())
    page_size, n_pages, n_free = (
        int(connection.exec_driver_sql(f"PRAGMA {name}").scalar_one())
        for name in ("page_size", "page_count", "freelist_count")
    )
    return page_size * (n_pages - n_free)


def _cuts(first_us: int, now_us: int) -> list[int]:
    """Moments up to which rows go, one after the other, until the bytes fit."""
    each_us = (now_us - first_us) // _SLICES
    return [*(first_us + n * each_us for n in range(1, _SLICES)), _FOREVER_US]


def _fits(events: Database, max_bytes: int) -> bool:
    with events.read() as connection:
        return used_bytes(connection) <= max_bytes


def _remove(events: Database, sql: str, *, before_us: int, max_bytes: int | None = None) -> int:
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


def _remove_unkept(events: Database, passed: _Passed, *, before_us: int, max_bytes: int | None = None) -> int:
    """The same where rows stay that would be found again each time."""
    n_removed = 0
    last = passed.first
    while max_bytes is None or not _fits(events, max_bytes):
        rows = events.fetch(passed.next_rows, (before_us, *last, _CHUNK_ROWS))
        if not rows:
            break
        end: tuple[int, int | str] = (rows[-1][0], rows[-1][1])
        with events.write() as connection:
            n_removed += connection.exec_driver_sql(passed.delete, (before_us, *last, *end)).rowcount
        last = end
    return n_removed
