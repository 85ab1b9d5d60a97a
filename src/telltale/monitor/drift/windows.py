"""The prediction log of a version in summaries of an hour of receipt each: kept, and merged into any window.

A summary is a function of the log alone, so that two processes that make the same one, or a crash in between, do no
harm. What is not in the log is not in it: batches that were answered as Arrow.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import cache, reduce
from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from telltale.features.summaries.stream import Reference, StreamSummary, Summary, merge, without_missing
from telltale.storage.database import Database
from telltale.storage.instants import from_us, to_us
from telltale.train.drift_reference import SCORE, SCORE_ALONE, SCORES

HOUR: Final = timedelta(hours=1)
# The log writes behind the answers; what comes later still than this is in no summary.
CLOSED_AFTER: Final = timedelta(minutes=2)
_HOUR_US: Final = 3_600_000_000
_PAGE_ROWS: Final = 20_000
# So far back rows are read, a page at most, only to see what the first rows of a summary follow.
_BEFORE: Final = timedelta(hours=24)
_COLUMNS: Final = 'received_us, id, entity, at_us, "values", score, context'
# Named, because the planner would rather read all of the task's rows there ever were.
_FROM: Final = "FROM prediction INDEXED BY ix_prediction_received"


class Watched(msgspec.Struct, frozen=True, kw_only=True):
    """A version whose log is held against its reference."""

    app: str
    task: str
    version: int
    reference: Reference

    @property
    def columns(self) -> tuple[str, ...]:
        """The measured columns among the reference's names."""
        return tuple(name for name in self.reference.layout.names if name not in SCORES)

    @property
    def has_alone(self) -> bool:
        """Whether a row's score depends on the rows before it, so that those of rows alone are held apart."""
        return SCORE_ALONE in self.reference.layout.names

    @property
    def has_score(self) -> bool:
        """Whether the task scores."""
        return SCORE in self.reference.layout.names


def keep_hours(events: Database, watched: Watched, *, since: datetime, now: datetime) -> int:
    """Summarise and keep every hour after `since` that is closed and not kept yet; how many.

    Args:
        events: the database.
        watched: whose log.
        since: hours that began before it are left alone.
        now: an hour is closed two minutes after its end.
    """
    last_us = to_us(now - CLOSED_AFTER)
    first_us = -(-to_us(since) // _HOUR_US) * _HOUR_US
    kept = _kept(events, watched, first_us, last_us).keys()
    n_kept = 0
    for from_hour_us in range(first_us, last_us - _HOUR_US + 1, _HOUR_US):
        if from_hour_us in kept:
            continue
        summary = summarise_log(events, watched, since=from_us(from_hour_us), until=from_us(from_hour_us + _HOUR_US))
        # An hour without rows is kept too: it need not be looked for again.
        document = msgspec.json.encode(summary).decode() if summary.n_rows else ""
        with events.write() as connection:
            connection.exec_driver_sql(
                "INSERT INTO drift_window (app, task, version, from_us, n_rows, summary) VALUES (?, ?, ?, ?, ?, ?) "
                "ON CONFLICT DO NOTHING",
                (watched.app, watched.task, watched.version, from_hour_us, summary.n_rows, document),
            )
        n_kept += 1
    return n_kept


def window_summary(events: Database, watched: Watched, *, since: datetime, until: datetime) -> Summary:
    """All rows received from `since` until before `until`: kept hours merged, the rest read from the log."""
    at_us, end_us = to_us(since), to_us(until)
    kept = _kept(events, watched, at_us, end_us)
    parts: list[Summary] = []
    while at_us < end_us:
        if at_us in kept and at_us + _HOUR_US <= end_us:
            next_us = at_us + _HOUR_US
            if kept[at_us]:
                parts.append(msgspec.json.decode(kept[at_us], type=Summary))
        else:
            # Up to the next hour that is kept.
            next_us = min((hour for hour in kept if hour > at_us and hour + _HOUR_US <= end_us), default=end_us)
            parts.append(summarise_log(events, watched, since=from_us(at_us), until=from_us(next_us)))
        at_us = next_us
    return reduce(merge, parts or [StreamSummary(watched.reference.layout).take()])


def summarise_log(events: Database, watched: Watched, *, since: datetime, until: datetime) -> Summary:
    """Rows received from `since` until before `until`, read from the log page by page."""
    stream = StreamSummary(watched.reference.layout)
    who = (watched.app, watched.task, watched.version)
    before = _query("received_us >= ? AND received_us < ?", "DESC")
    _add(stream, watched, events.fetch(before, (to_us(since - _BEFORE), to_us(since), *who, _PAGE_ROWS)))
    stream.take()
    page = _query("received_us >= ? AND received_us < ? AND (received_us, id) > (?, ?)", "")
    last: tuple[int, str] = (to_us(since), "")
    while rows := events.fetch(page, (last[0], to_us(until), *last, *who, _PAGE_ROWS)):
        last = (rows[-1][0], rows[-1][1])
        _add(stream, watched, rows)
    return without_missing(stream.take(), watched.reference.layout, SCORES)


def _query(condition: str, order: str) -> str:
    return (
        f"SELECT {_COLUMNS} {_FROM} WHERE {condition} AND app = ? AND task = ? AND version = ? "
        f"ORDER BY received_us {order}, id {order} LIMIT ?"
    )


def _add(stream: StreamSummary, watched: Watched, rows: list[tuple[Any, ...]]) -> None:
    """Take in some rows of the log, in order of event time."""
    if not rows:
        return
    rows = sorted(rows, key=lambda row: (row[3], row[1]))
    decode = _decoder(watched.columns).decode
    measured: list[Sequence[float | None]] = [msgspec.structs.astuple(decode(row[4])) for row in rows]
    columns = [np.array(measured, dtype=np.float64).reshape(len(rows), len(watched.columns))]
    if watched.has_score:
        columns.extend(_scores(rows, apart=watched.has_alone))
    stream.add(
        np.column_stack(columns),
        times_s=np.array([row[3] for row in rows], dtype=np.float64) / 1e6,
        entities=[row[2] or "" for row in rows],
    )


def _scores(rows: Sequence[tuple[Any, ...]], *, apart: bool) -> list[NDArray[np.float64]]:
    scores = np.array([row[5] for row in rows], dtype=np.float64)
    if not apart:
        return [scores]
    is_alone = np.array([row[6] == "row" for row in rows])
    return [np.where(is_alone, np.nan, scores), np.where(is_alone, scores, np.nan)]


@cache
def _decoder(columns: tuple[str, ...]) -> msgspec.json.Decoder[Any]:
    """Values by position: a dictionary per row would take twice as long."""
    keys = {f"c{place}": name for place, name in enumerate(columns)}
    fields = [(key, float | None, None) for key in keys]
    return msgspec.json.Decoder(msgspec.defstruct("Logged", fields, rename=keys, gc=False))


def _kept(events: Database, watched: Watched, first_us: int, end_us: int) -> dict[int, str]:
    """Summaries of hours that begin in [first, end), by their beginning."""
    rows = events.fetch(
        "SELECT from_us, summary FROM drift_window WHERE app = ? AND task = ? AND version = ? "
        "AND from_us >= ? AND from_us < ?",
        (watched.app, watched.task, watched.version, first_us, end_us),
    )
    return dict(rows)
