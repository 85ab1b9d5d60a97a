"""Made-up service metrics with labelled anomalies, for a first run and for tests.

Normal: about 1,000 events per five minutes on weekdays from 9 to 17, 150 to 300 at night and at weekends, errors 0.1 to
2 %, P99 100 to 150 ms. Anomalies come in five kinds, a fifth each: errors 5 to 25 %; latency three to ten times; traffic
five to twenty times; traffic down by 80 to 95 %; two or three of these at once.
"""

import numpy as np
import polars as pl
from numpy.typing import NDArray

from telltale.contract.errors import UsageError
from telltale.contract.simulation import Simulation

KINDS = ("errors", "latency", "traffic_spike", "traffic_drop", "combined")

Floats = NDArray[np.float64]


def simulate(event: str, how: Simulation) -> pl.DataFrame:
    """Rows of `helios/metrics`, with `is_anomaly` and the kind in `anomaly` ("" where normal).

    A week of five-minute rows with 5 % anomalies unless asked otherwise; the rate is at most 50 %.

    Raises:
        UsageError: an argument is out of range.
    """
    if event != "metrics":
        raise UsageError.not_one_of(event, ("metrics",), where="helios: event")
    how.check(where="helios: simulate", highest_rate=0.5)
    interval_s = how.interval_s or 300.0
    rng = np.random.default_rng(how.seed)
    n = how.n_rows or max(1, round((how.days or 7.0) * 86_400 / interval_s))
    assert how.start is not None, "the kernel says when time starts"
    times_s: Floats = how.start.timestamp() + np.arange(n, dtype=np.float64) * interval_s
    columns = _normal(rng, times_s, interval_s)
    kinds = _inject(rng, columns, 0.05 if how.positive_rate is None else how.positive_rate)
    stamps = pl.Series((times_s * 1e6).astype(np.int64)).cast(pl.Datetime("us", "UTC"))
    return pl.DataFrame(
        {
            "timestamp": stamps,
            "event_count": columns["event_count"].round(),
            "error_rate": columns["error_rate"].round(6),
            "p50_latency_ms": columns["p50_latency_ms"].round(3),
            "p95_latency_ms": columns["p95_latency_ms"].round(3),
            "p99_latency_ms": columns["p99_latency_ms"].round(3),
            "is_anomaly": pl.Series([int(kind != "") for kind in kinds], dtype=pl.Int8),
            "anomaly": kinds,
        }
    )


def _normal(rng: np.random.Generator, times_s: Floats, interval_s: float) -> dict[str, Floats]:
    n = len(times_s)
    hour = times_s / 3_600 % 24
    weekday = (times_s // 86_400 + 3) % 7
    # Work starts and ends within a quarter of an hour; nights breathe between 150 and 300.
    busy = np.where(weekday < 5, 1 / (1 + np.exp(-(hour - 9) * 20)) - 1 / (1 + np.exp(-(hour - 17) * 20)), 0.0)
    quiet = 225 + 55 * np.sin((hour - 10) / 24 * 2 * np.pi)
    level = quiet * (1 - busy) + 1_000 * busy
    count = rng.poisson(level * np.exp(_wander(rng, n, 0.05)) * interval_s / 300)
    error_rate = np.clip(np.exp(rng.normal(np.log(0.006), 0.45, n) + _wander(rng, n, 0.15)), 0.001, 0.02)
    p99 = np.clip(115 + 10 * busy + 115 * _wander(rng, n, 0.05) + rng.normal(0, 5, n), 100, 150)
    return {
        "event_count": count.astype(np.float64),
        "error_rate": error_rate,
        "p50_latency_ms": p99 * rng.normal(0.36, 0.012, n),
        "p95_latency_ms": p99 * rng.normal(0.72, 0.018, n),
        "p99_latency_ms": p99,
    }


def _wander(rng: np.random.Generator, n: int, sd: float, memory: float = 0.8) -> Floats:
    """A first-order autoregressive series of standard deviation `sd`: real metrics remember."""
    shocks = rng.normal(0, sd * np.sqrt(1 - memory**2), n)
    series = np.empty(n)
    last = rng.normal(0, sd)
    for i, shock in enumerate(shocks):
        last = memory * last + shock
        series[i] = last
    return series


def _inject(rng: np.random.Generator, columns: dict[str, Floats], anomaly_rate: float) -> list[str]:
    """Make `anomaly_rate` of the rows anomalous, in incidents of one to three rows; the kind of every row."""
    n = len(columns["event_count"])
    kinds = [""] * n
    wanted = round(n * anomaly_rate)
    done = incident = 0
    free = rng.permutation(n)
    for first in free:
        if done >= wanted:
            break
        length = min(int(rng.integers(1, 4)), wanted - done, n - int(first))
        rows = range(int(first), int(first) + length)
        if any(kinds[i] for i in rows):
            continue
        kind = KINDS[incident % len(KINDS)]
        parts = (
            [kind] if kind != "combined" else list(rng.choice(KINDS[:4], size=int(rng.integers(2, 4)), replace=False))
        )
        # Traffic goes one way at a time, and one cause is no combination.
        if "traffic_spike" in parts and "traffic_drop" in parts:
            parts[parts.index("traffic_drop")] = "latency" if "errors" in parts else "errors"
        for i in rows:
            kinds[i] = kind
            for part in parts:
                _disturb(rng, columns, i, part)
        done += length
        incident += 1
    return kinds


def _disturb(rng: np.random.Generator, columns: dict[str, Floats], i: int, part: str) -> None:
    if part == "errors":
        columns["error_rate"][i] = rng.uniform(0.05, 0.25)
    elif part == "latency":
        factor = rng.uniform(3, 10)
        for name in ("p50_latency_ms", "p95_latency_ms", "p99_latency_ms"):
            columns[name][i] *= factor
    elif part == "traffic_spike":
        columns["event_count"][i] *= rng.uniform(5, 20)
    else:
        columns["event_count"][i] *= rng.uniform(0.05, 0.2)
