"""Service metrics made another way than the app's simulator makes them, so that its figures do not rest on its own kind of data.

Days rise and fall smoothly instead of switching at nine and five; traffic remembers for hours; counts and errors are
Poisson and binomial draws; latency follows load. Anomalies are of the five promised kinds, at 5 % of the rows.
"""

import csv
import math
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

COLUMNS = ("timestamp", "event_count", "error_rate", "p50_latency_ms", "p95_latency_ms", "p99_latency_ms", "is_anomaly")
_START = datetime(2025, 9, 1, tzinfo=UTC)  # a Monday
_STEP = timedelta(minutes=5)
_PER_DAY = 288


def make_rows(*, first_day: int, days: int, seed: int) -> list[tuple[str | float, ...]]:
    """Rows in time order, five minutes apart."""
    rng = np.random.default_rng(seed)
    memory = 0.0
    rows: list[tuple[str | float, ...]] = []
    kind, left = "", 0
    # Incidents last one to four rows: at a chance of 2.1 % for each row to begin one, 5 % of rows are in one.
    for i in range(first_day * _PER_DAY, (first_day + days) * _PER_DAY):
        at = _START + i * _STEP
        memory = 0.95 * memory + rng.normal(0, 0.02)
        busy = _busy(at) * math.exp(memory)
        if left == 0:
            kind = ""
            if rng.random() < 0.021:
                kind = str(rng.choice(["errors", "latency", "spike", "drop", "combined"]))
                left = int(rng.integers(1, 5))
        left = max(0, left - 1)
        rows.append((at.isoformat(), *_row(rng, 180 + 820 * busy, busy, kind), int(kind != "")))
    return rows


def write_rows(path: Path, rows: list[tuple[str | float, ...]]) -> Path:
    """Write rows as CSV."""
    with path.open("w", newline="") as file:
        out = csv.writer(file)
        out.writerow(COLUMNS)
        out.writerows(rows)
    return path


def _busy(at: datetime) -> float:
    """How much of a working day's load there is, between 0 and 1: a bell round 13 o'clock, a fifth of it at weekends."""
    hour = at.hour + at.minute / 60
    bell = math.exp(-(((hour - 13) / 3.5) ** 2))
    return bell if at.weekday() < 5 else 0.2 * bell


def _row(rng: np.random.Generator, level: float, busy: float, kind: str) -> tuple[float, ...]:
    disturbed = {kind} if kind != "combined" else {"errors", str(rng.choice(["latency", "spike"]))}
    traffic = 1.0
    if "spike" in disturbed:
        traffic = rng.uniform(5, 20)
    elif "drop" in disturbed:
        traffic = rng.uniform(0.05, 0.2)
    count = float(rng.poisson(level * traffic))
    share = rng.uniform(0.05, 0.25) if "errors" in disturbed else rng.lognormal(math.log(0.006), 0.3)
    errors = rng.binomial(int(count), min(share, 1.0)) / max(count, 1.0)
    slow = rng.uniform(3, 10) if "latency" in disturbed else 1.0
    p50 = slow * (38 + 6 * busy) * rng.lognormal(0, 0.03)
    p95 = p50 * 2.0 * rng.lognormal(0, 0.04)
    return count, round(errors, 6), round(p50, 3), round(p95, 3), round(p95 * 1.35 * rng.lognormal(0, 0.04), 3)
