"""How a task answers: how many requests, how many failed, and how long an answer took."""

from datetime import datetime, timedelta
from typing import Final

import msgspec
import numpy as np

from telltale.storage.database import Database
from telltale.storage.instants import to_us

MOST_LATENCIES: Final = 100_000
_LAST: Final = 100
_ALL: Final = 2**62
_MINUTE_US: Final = timedelta(minutes=1) // timedelta(microseconds=1)
# Named, since SQLite would take the index that begins with app and task, and sort all that was ever logged of them.
_LATENCIES: Final = """
    SELECT latency_us FROM (
        SELECT app, task, version, latency_us FROM prediction INDEXED BY ix_prediction_received
        WHERE received_us >= ? AND received_us < ? ORDER BY received_us DESC LIMIT ?
    ) AS newest
    WHERE app = ? AND task = ? AND (version = ? OR CAST(? AS BIGINT) IS NULL) LIMIT ?
"""
_COUNTS: Final = """
    SELECT coalesce(sum(n_answered), 0), coalesce(sum(n_failed), 0) FROM service_minute
    WHERE minute_us >= ? AND minute_us < ? AND app = ? AND task = ? AND (version = ? OR CAST(? AS BIGINT) IS NULL)
"""


class ServiceLevel(msgspec.Struct, frozen=True, kw_only=True):
    """How a task answered in a time.

    Args:
        n: requests, those that failed included.
        n_failed: of them, those that the server could not answer by its own fault.
        error_rate: n_failed / n; None of no requests, as every figure below.
        mean_ms, p50_ms, p95_ms, p99_ms: how long an answer took, over the newest `MOST_LATENCIES` that were logged.
        last_100_mean_ms: over the newest 100, or as many as there are.
        n_timed: the answers that these rest on.
    """

    n: int
    n_failed: int
    error_rate: float | None
    mean_ms: float | None
    last_100_mean_ms: float | None
    p50_ms: float | None
    p95_ms: float | None
    p99_ms: float | None
    n_timed: int = 0


def measure_service(
    events: Database,
    app: str,
    task: str,
    *,
    version: int | None,
    since: datetime,
    until: datetime,
    most: int = MOST_LATENCIES,
    most_read: int | None = None,
) -> ServiceLevel:
    """How `app/task` answered requests received from `since` until before `until`.

    Failures are counted by the minute: the minute in which `since` lies counts as a whole.

    Args:
        events: the events database.
        app: whose.
        task: whose.
        version: answered by which; None for all, and for requests that no version answered.
        since: aware.
        until: aware.
        most: latencies to rest on.
        most_read: only the newest so many answers of all tasks are looked through for latencies, so that a task that is
            seldom asked costs no more than others; None for all of the time.
    """
    since_us, until_us = to_us(since), to_us(until)
    whose = (app, task, version, version)
    found = events.fetch(_LATENCIES, (since_us, until_us, most_read or _ALL, *whose, most))
    latencies_ms = np.fromiter((us for (us,) in found), dtype=np.float64, count=len(found)) / 1_000
    minute_us = since_us - since_us % _MINUTE_US
    ((n_answered, n_failed),) = events.fetch(_COUNTS, (minute_us, until_us, *whose))
    # The log and the minutes are written apart, each a little after the answers: whichever knows of more is nearer.
    n = max(n_answered, latencies_ms.size) + n_failed
    rate = n_failed / n if n else None
    if not latencies_ms.size:
        return ServiceLevel(
            n=n,
            n_failed=n_failed,
            error_rate=rate,
            mean_ms=None,
            last_100_mean_ms=None,
            p50_ms=None,
            p95_ms=None,
            p99_ms=None,
        )
    p50_ms, p95_ms, p99_ms = np.quantile(latencies_ms, (0.5, 0.95, 0.99)).tolist()
    return ServiceLevel(
        n=n,
        n_failed=n_failed,
        error_rate=rate,
        mean_ms=float(latencies_ms.mean()),
        last_100_mean_ms=float(latencies_ms[:_LAST].mean()),
        p50_ms=p50_ms,
        p95_ms=p95_ms,
        p99_ms=p99_ms,
        n_timed=latencies_ms.size,
    )
