"""Services of a made-up town: their metrics on simulated time, and what turned out to be true of each row."""

from collections.abc import Callable
from datetime import datetime

import polars as pl

from telltale.contract.app import App, Task
from telltale.contract.simulation import Simulation

N_SERVICES = 40
INTERVAL_S = 1_200.0
Change = Callable[[pl.DataFrame], pl.DataFrame]


def busier(times: float) -> Change:
    """The same services with so many times the traffic."""
    return lambda rows: rows.with_columns(pl.col("event_count") * times)


def slower(times: float) -> Change:
    """The same services with latencies so many times as long, and as many more events."""
    latencies = [pl.col(f"p{share}_latency_ms") * times for share in (50, 95, 99)]
    return lambda rows: rows.with_columns(*latencies, pl.col("event_count") * times)


def town_rows(
    app: App, task: Task, *, start: datetime, days: float, n_services: int = N_SERVICES, seed: int
) -> pl.DataFrame:
    """Labelled rows of several services, in order of time.

    Args:
        app: whose simulator makes them.
        task: whose event they are.
        start: of the first row.
        days: how long.
        n_services: how many, named service-00, service-01, …
        seed: same seed, same rows.
    """
    event = app.event(task.event)
    assert event.entity is not None  # the drill's task has one
    columns = [event.time, *(column.name for column in event.columns), *([event.label] if event.label else [])]
    of_each = [
        app.simulate(
            event.name,
            Simulation(days=days, interval_s=INTERVAL_S, seed=seed * 1_000 + number, start=start),
        )
        .select(columns)
        .with_columns(pl.lit(f"service-{number:02}").alias(event.entity))
        for number in range(n_services)
    ]
    return pl.concat(of_each).sort(event.time, event.entity)


def between(rows: pl.DataFrame, time: str, since: datetime, until: datetime) -> pl.DataFrame:
    """Rows from `since` on and before `until`."""
    return rows.filter((pl.col(time) >= since) & (pl.col(time) < until))
