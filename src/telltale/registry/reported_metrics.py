"""Figures that somebody reports of a version. They are shown beside its own, and nothing is decided by them."""

import math
from collections.abc import Mapping
from datetime import datetime
from typing import Final, Literal

import msgspec
from sqlalchemy import insert, select

from telltale.contract.errors import UsageError
from telltale.storage.database import Database
from telltale.storage.instants import from_us, to_us
from telltale.storage.tables import reported_metric

Evidence = Literal["client"]

_MOST_FIGURES: Final = 50
_LONGEST_NAME: Final = 64


class ReportedMetrics(msgspec.Struct, frozen=True, kw_only=True):
    """What one report said.

    Args:
        number: of the version.
        metrics: figures by name.
        evidence: whose word it is; "client": of somebody who calls the service, unchecked.
        actor: who reported.
        at: when.
    """

    number: int
    metrics: dict[str, float]
    evidence: Evidence
    actor: str
    at: datetime


def report_metrics(
    state: Database, app: str, task: str, number: int, metrics: Mapping[str, float], *, actor: str, now: datetime
) -> ReportedMetrics:
    """Keep what a client says of a version that exists.

    Raises:
        UsageError: there is no figure, there are too many, or one is no number.
    """
    faults = [name for name, value in metrics.items() if not math.isfinite(value) or len(name) > _LONGEST_NAME]
    if faults or not 0 < len(metrics) <= _MOST_FIGURES:
        raise UsageError(
            f"{len(metrics)} figures, of which {sorted(faults)[:3]} are no numbers or have long names",
            where="reported metrics",
            mend=f"Give 1 to {_MOST_FIGURES} finite numbers under names of at most {_LONGEST_NAME} signs.",
        )
    told = ReportedMetrics(number=number, metrics=dict(metrics), evidence="client", actor=actor, at=now)
    with state.write() as connection:
        connection.execute(
            insert(reported_metric).values(
                app=app,
                task=task,
                number=number,
                metrics=msgspec.json.encode(told.metrics).decode(),
                evidence=told.evidence,
                actor=actor,
                at_us=to_us(now),
            )
        )
    return told


def read_reported(state: Database, app: str, task: str, *, limit: int = 1_000) -> list[ReportedMetrics]:
    """What was reported of a task's versions, newest first."""
    query = select(reported_metric).where(reported_metric.c.app == app, reported_metric.c.task == task)
    with state.read() as connection:
        return [
            ReportedMetrics(
                number=row.number,
                metrics=msgspec.json.decode(row.metrics, type=dict[str, float]),
                evidence="client",
                actor=row.actor,
                at=from_us(row.at_us),
            )
            for row in connection.execute(query.order_by(reported_metric.c.id.desc()).limit(limit))
        ]
