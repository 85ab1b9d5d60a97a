"""Reports kept: written once, never changed."""

from datetime import datetime

import msgspec
from msgspec.structs import replace
from sqlalchemy import insert, select

from telltale.contract.errors import NotFoundError
from telltale.monitor.report.document import Report, Summary, TimeRange
from telltale.storage.database import Database
from telltale.storage.instants import from_us, to_us
from telltale.storage.tables import report as report_table


class ReportHead(msgspec.Struct, frozen=True, kw_only=True):
    """A stored report without its details; `actor` is who asked for it."""

    id: int
    timestamp: datetime
    actor: str
    time_range: TimeRange
    summary: Summary


class _Head(msgspec.Struct):
    summary: Summary


def keep_report(state: Database, report: Report, *, actor: str, once: bool = False) -> Report:
    """Store a report; it comes back with its number.

    Args:
        state: the state database.
        report: not stored yet.
        actor: who asked for it.
        once: where that actor has one of the same range already, that one comes back and nothing is stored.
    """
    since_us, until_us = to_us(report.time_range.since), to_us(report.time_range.until)
    with state.write() as connection:
        if once:
            query = select(report_table.c.document, report_table.c.id).where(
                report_table.c.actor == actor,
                report_table.c.since_us == since_us,
                report_table.c.until_us == until_us,
            )
            there = connection.execute(query).first()
            if there is not None:
                return _decoded(there.id, there.document)
        statement = insert(report_table).values(
            since_us=since_us,
            until_us=until_us,
            created_us=to_us(report.timestamp),
            actor=actor,
            document=msgspec.json.encode(report).decode(),
        )
        (report_id,) = connection.execute(statement.returning(report_table.c.id)).one()
    return replace(report, id=report_id)


def has_report(state: Database, *, actor: str, since: datetime, until: datetime) -> bool:
    """Whether that actor has stored one of exactly that range."""
    query = "SELECT 1 FROM report WHERE actor = ? AND since_us = ? AND until_us = ? LIMIT 1"
    return bool(state.fetch(query, (actor, to_us(since), to_us(until))))


def read_report(state: Database, report_id: int) -> Report:
    """A stored report. Raises NotFoundError."""
    rows = state.fetch("SELECT document FROM report WHERE id = ?", (report_id,))
    if not rows:
        raise NotFoundError(f"there is no report {report_id}", where="reports", mend="See GET /v1/reports.")
    return _decoded(report_id, rows[0][0])


def report_heads(state: Database, *, limit: int = 100) -> list[ReportHead]:
    """Stored reports, newest first."""
    query = "SELECT id, created_us, actor, since_us, until_us, document FROM report ORDER BY id DESC LIMIT ?"
    return [
        ReportHead(
            id=report_id,
            timestamp=from_us(created_us),
            actor=actor,
            time_range=TimeRange(since=from_us(since_us), until=from_us(until_us)),
            summary=msgspec.json.decode(document, type=_Head).summary,
        )
        for report_id, created_us, actor, since_us, until_us, document in state.fetch(query, (limit,))
    ]


def _decoded(report_id: int, document: str) -> Report:
    return replace(msgspec.json.decode(document, type=Report), id=report_id)
