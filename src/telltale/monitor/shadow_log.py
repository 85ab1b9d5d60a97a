"""What the version that did not decide would have answered: written beside the prediction log, and read back in pairs."""

import time
from collections.abc import Sequence
from datetime import datetime
from functools import cache
from itertools import chain
from typing import Final

import msgspec
import numpy as np
import polars as pl
from sqlalchemy import Connection

from telltale.contract.answer import Answer
from telltale.monitor.feedback import labelled_predictions
from telltale.monitor.prediction_log import ServedVersion, answer_values, statement_parts
from telltale.storage.database import Database
from telltale.storage.instants import from_us, to_us

# Version in the shadow, id of the prediction, its answer, what it took (s), when the request was received (epoch s).
ShadowRecord = tuple[ServedVersion, str, Answer, float, float]

_COLUMNS: Final = (
    "prediction_id", "version", "app", "task", "score", "decision", "threshold", "answer", "latency_us", "received_us",
)  # fmt: skip
NEWEST_PAIRS: Final = 100_000  # that a report's figures are of


class ShadowReport(msgspec.Struct, frozen=True, kw_only=True):
    """A version beside the one that decided, over the same requests.

    A latency in the shadow is of the model and its features alone, a share of a call for several rows; that of a decision
    includes reading the request. Figures are of the newest `NEWEST_PAIRS`; None where there is nothing to measure.

    Args:
        version: in the shadow.
        n: requests that it answered.
        n_failed: requests that the version in the shadow failed to answer.
        agreement: share of equal decisions; or of equal choices, names of segments, first items of a ranking.
        score_shift: mean of its score less the score that decided.
        score_spread: standard deviation of the same.
        mean_ms, p99_ms: latency in the shadow.
        decided_mean_ms, decided_p99_ms: latency of the decisions.
    """

    version: int
    n: int
    n_failed: int
    agreement: float | None = None
    score_shift: float | None = None
    score_spread: float | None = None
    mean_ms: float | None = None
    p99_ms: float | None = None
    decided_mean_ms: float | None = None
    decided_p99_ms: float | None = None


def write_shadows(connection: Connection, records: Sequence[ShadowRecord], *, rest_s: float = 0.0) -> None:
    """Insert answers of shadows, many to a statement, as `write_predictions` does and for the same reason."""
    for part in statement_parts(records):
        connection.exec_driver_sql(_insert(len(part)), tuple(chain.from_iterable(map(_row, part))))
        if rest_s:
            time.sleep(rest_s)


def paired_answers(
    events: Database, app: str, task: str, *, a: int, b: int, since: datetime, until: datetime
) -> pl.DataFrame:
    """Requests that two versions answered, one of them deciding and one in its shadow; a row each, by event time.

    Args:
        events: the database.
        app: the app.
        task: the task.
        a: a version.
        b: another; either may have decided.
        since: received at or after.
        until: received before.

    Returns:
        Columns `prediction_id, entity, time, received, decided_by, score_a, decision_a, score_b, decision_b, latency_a_us,
        latency_b_us, label`; the label is null where nobody has said anything yet, and the last word counts.
    """
    low, high = to_us(since), to_us(until)
    rows = events.fetch(_PAIRS, (*[a] * 6, app, task, low, high, a, b, b, a))
    schema = {
        "prediction_id": pl.String,
        "entity": pl.String,
        "time": pl.Int64,
        "received": pl.Int64,
        "decided_by": pl.Int64,
        "score_a": pl.Float64,
        "decision_a": pl.Int64,
        "score_b": pl.Float64,
        "decision_b": pl.Int64,
        "latency_a_us": pl.Int64,
        "latency_b_us": pl.Int64,
    }
    pairs = pl.DataFrame(rows, schema=schema, orient="row")
    labels = _labels(events, app, task, pairs["time"])
    return pairs.with_columns(
        pl.from_epoch(pl.col("time", "received"), time_unit="us").dt.replace_time_zone("UTC"),
        pl.col("decision_a", "decision_b").cast(pl.Boolean),
    ).join(labels, on="prediction_id", how="left", maintain_order="left")


def shadow_report(
    events: Database, app: str, task: str, *, version: int, since: datetime, until: datetime
) -> ShadowReport:
    """How a version did in the shadow of those that decided. Memory and time are bounded, but for counting.

    Args:
        events: the database.
        app: the app.
        task: the task.
        version: in the shadow; what it decided itself is not counted.
        since: received at or after.
        until: received before.
    """
    span = (app, task, version, to_us(since), to_us(until))
    # Minutes are counted whole: the one in which `since` lies too.
    failed = events.fetch(_FAILED, (app, task, version, to_us(since) // _MINUTE_US * _MINUTE_US, to_us(until)))
    n_failed = int(failed[0][0] or 0)
    n = int(events.fetch(_COUNT, span)[0][0])
    chosen = _CHOSEN[events.dialect]
    query = _NEWEST.format(own=chosen.format("p"), shadow=chosen.format("s"))
    newest = events.fetch(query, (*span, NEWEST_PAIRS))
    if not newest:
        return ShadowReport(version=version, n=n, n_failed=n_failed)
    # None becomes NaN: of what has no decision or no score.
    agrees, shift, us, decided_us = np.array(newest, dtype=np.float64).T
    shift = shift[~np.isnan(shift)]
    agrees = agrees[~np.isnan(agrees)]
    return ShadowReport(
        version=version,
        n=n,
        n_failed=n_failed,
        agreement=float(agrees.mean()) if agrees.size else None,
        score_shift=float(shift.mean()) if shift.size else None,
        score_spread=float(shift.std()) if shift.size else None,
        mean_ms=float(us.mean()) / 1e3,
        p99_ms=float(np.quantile(us, 0.99)) / 1e3,
        decided_mean_ms=float(decided_us.mean()) / 1e3,
        decided_p99_ms=float(np.quantile(decided_us, 0.99)) / 1e3,
    )


_MINUTE_US: Final = 60_000_000
_CHOSEN: Final = {
    "sqlite": ", ".join(f"json_extract({{0}}.answer, '$.{path}')" for path in ("choice", "name", "items[0].item")),
    "postgresql": ", ".join(f"{{0}}.answer::json #>> '{{{{{path}}}}}'" for path in ("choice", "name", "items,0,item")),
}
# The cross join holds SQLite to begin with the shadows, whose index knows the span.
_NEWEST: Final = """
SELECT coalesce(p.decision = s.decision, coalesce({own}) = coalesce({shadow})),
    s.score - p.score, s.latency_us, p.latency_us
FROM shadow s CROSS JOIN prediction p ON p.id = s.prediction_id
WHERE s.app = ? AND s.task = ? AND s.version = ? AND s.received_us >= ? AND s.received_us < ?
ORDER BY s.received_us DESC LIMIT ?
"""
_COUNT: Final = """
SELECT count(*) FROM shadow WHERE app = ? AND task = ? AND version = ? AND received_us >= ? AND received_us < ?
"""
_FAILED: Final = """
SELECT sum(n_shadow_failed) FROM service_minute
WHERE app = ? AND task = ? AND version = ? AND minute_us >= ? AND minute_us < ?
"""
_PAIRS: Final = """
SELECT p.id, p.entity, p.at_us, p.received_us, p.version,
    CASE WHEN p.version = ? THEN p.score ELSE s.score END, CASE WHEN p.version = ? THEN p.decision ELSE s.decision END,
    CASE WHEN p.version = ? THEN s.score ELSE p.score END, CASE WHEN p.version = ? THEN s.decision ELSE p.decision END,
    CASE WHEN p.version = ? THEN p.latency_us ELSE s.latency_us END, CASE WHEN p.version = ? THEN s.latency_us ELSE p.latency_us END
FROM shadow s CROSS JOIN prediction p ON p.id = s.prediction_id
WHERE s.app = ? AND s.task = ? AND s.received_us >= ? AND s.received_us < ?
    AND ((p.version = ? AND s.version = ?) OR (p.version = ? AND s.version = ?))
ORDER BY p.at_us, p.id
"""


def _labels(events: Database, app: str, task: str, times_us: pl.Series) -> pl.DataFrame:
    if times_us.is_empty():
        return pl.DataFrame(schema={"prediction_id": pl.String, "label": pl.Int8})
    first, last = from_us(int(times_us[0])), from_us(int(times_us[-1]))
    return labelled_predictions(events, app, task, since=first, until=last).select("prediction_id", "label")


@cache
def _insert(n_rows: int) -> str:
    rows = ", ".join([f"({', '.join('?' * len(_COLUMNS))})"] * n_rows)
    # A conflict is a row that an interrupted attempt has already written.
    return f"INSERT INTO shadow ({', '.join(_COLUMNS)}) VALUES {rows} ON CONFLICT DO NOTHING"  # noqa: S608 - names are ours


def _row(record: ShadowRecord) -> tuple[str | float | None, ...]:
    served, prediction_id, answer, latency_s, received_s = record
    score, decision, threshold, document = answer_values(answer)
    return (
        prediction_id,
        served.version,
        served.app,
        served.task,
        score,
        decision,
        threshold,
        document,
        round(latency_s * 1e6),
        round(received_s * 1e6),
    )
