"""Rows as a serving process would have written them, for what reads them back."""

import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta

from telltale.storage.database import Database
from telltale.storage.instants import to_us


def plant_predictions(
    events: Database,
    latencies_ms: Sequence[float],
    *,
    now: datetime,
    app: str = "helios",
    task: str = "anomaly",
    version: int = 1,
) -> None:
    """One prediction per latency, the last of them a millisecond before `now`, a millisecond between two."""
    n = len(latencies_ms)
    rows = [
        (secrets.token_hex(8), app, task, version, int(latency_ms * 1_000), at_us, at_us)
        for place, latency_ms in enumerate(latencies_ms)
        for at_us in (to_us(now - timedelta(milliseconds=n - place)),)
    ]
    with events.write() as connection:
        connection.exec_driver_sql(
            'INSERT INTO prediction (id, app, task, version, latency_us, at_us, received_us, "values", role) '
            "VALUES (?, ?, ?, ?, ?, ?, ?, '[]', 'champion')",
            rows,
        )


def plant_minute(
    events: Database,
    *,
    at: datetime,
    n_answered: int,
    n_failed: int,
    n_unlogged: int = 0,
    app: str = "helios",
    task: str = "anomaly",
    version: int = 1,
) -> None:
    """What was counted in the minute of `at`."""
    minute_us = to_us(at.replace(second=0, microsecond=0))
    with events.write() as connection:
        connection.exec_driver_sql(
            "INSERT INTO service_minute (app, task, version, minute_us, n_answered, n_failed, n_unlogged) "
            "VALUES (?, ?, ?, ?, ?, ?, ?)",
            (app, task, version, minute_us, n_answered, n_failed, n_unlogged),
        )


def plant_events(
    events: Database,
    arrivals: Sequence[datetime],
    *,
    times: Sequence[datetime] | None = None,
    app: str = "helios",
    event: str = "metrics",
) -> None:
    """One event per arrival; their times are those of their arrivals where no others are given."""
    rows = [
        (app, event, "checkout", to_us(at), str(place), to_us(arrival))
        for place, (arrival, at) in enumerate(zip(arrivals, times or arrivals, strict=True))
    ]
    with events.write() as connection:
        connection.exec_driver_sql(
            'INSERT INTO event (app, event, entity, at_us, "key", received_us, "values", source) '
            "VALUES (?, ?, ?, ?, ?, ?, '{}', 'test')",
            rows,
        )
