"""The tables of both databases, as SQLAlchemy Core sees them.

They must say what the Alembic revisions build; a test compares the two. `values` is an SQL keyword and a method of
SQLAlchemy's column collections: write `event.c["values"]`, and quote it in driver queries.
"""

from typing import Literal

from sqlalchemy import MetaData

from telltale.storage.event_tables import (
    EVENTS,
    confidence,
    drift_finding,
    drift_window,
    event,
    feedback,
    idempotency,
    learned,
    prediction,
    profile,
    quarantine,
    service_minute,
    shadow,
    stream_state,
)
from telltale.storage.state_tables import (
    STATE,
    alarm,
    api_key,
    audit,
    delivery,
    job,
    job_tally,
    lease,
    ledger,
    release,
    report,
    reported_metric,
    role,
    schedule,
    slot,
    version,
)

__all__ = [
    "EVENTS",
    "METADATA",
    "STATE",
    "Schema",
    "alarm",
    "api_key",
    "audit",
    "confidence",
    "delivery",
    "drift_finding",
    "drift_window",
    "event",
    "feedback",
    "idempotency",
    "job",
    "job_tally",
    "learned",
    "lease",
    "ledger",
    "prediction",
    "profile",
    "quarantine",
    "release",
    "report",
    "reported_metric",
    "role",
    "schedule",
    "service_minute",
    "shadow",
    "slot",
    "stream_state",
    "version",
]

Schema = Literal["state", "events"]
METADATA: dict[Schema, MetaData] = {"state": STATE, "events": EVENTS}
