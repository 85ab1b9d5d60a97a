"""The tables of `events.db`: events, predictions and what was said of them, profiles, and what versions learned."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    Index,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
)

from telltale.storage.whole_numbers import WHOLE

EVENTS = MetaData()

event = Table(
    "event",
    EVENTS,
    Column("id", WHOLE, primary_key=True),
    Column("app", Text, nullable=False),
    Column("event", Text, nullable=False),
    Column("entity", Text, nullable=False),
    Column("at_us", BigInteger, nullable=False),
    Column("key", Text, server_default="", nullable=False),
    Column("values", Text, nullable=False),
    Column("label", WHOLE),
    Column("received_us", BigInteger, nullable=False),
    Column("source", Text, nullable=False),
    UniqueConstraint("app", "event", "entity", "at_us", "key", name="uq_event_row"),
    Index("ix_event_time", "app", "event", "at_us"),
)

quarantine = Table(
    "quarantine",
    EVENTS,
    Column("id", WHOLE, primary_key=True),
    Column("app", Text, nullable=False),
    Column("event", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("line", WHOLE),
    Column("reason", Text, nullable=False),
    Column("raw", Text, nullable=False),
    Column("at_us", BigInteger, nullable=False),
    Index("ix_quarantine_event", "app", "event", "at_us"),
)

prediction = Table(
    "prediction",
    EVENTS,
    Column("id", Text, primary_key=True),
    Column("app", Text, nullable=False),
    Column("task", Text, nullable=False),
    Column("entity", Text),
    Column("at_us", BigInteger, nullable=False),
    Column("values", Text, nullable=False),
    Column("score", Float),
    Column("decision", Boolean),
    Column("threshold", Float),
    Column("version", WHOLE, nullable=False),
    Column("role", Text, nullable=False),
    Column("context", Text),
    Column("answer", Text),
    Column("latency_us", WHOLE, nullable=False),
    Column("received_us", BigInteger, nullable=False),
    Index("ix_prediction_entity", "app", "task", "entity", "at_us"),
    Index("ix_prediction_received", "received_us"),
)

shadow = Table(
    "shadow",
    EVENTS,
    Column("prediction_id", Text, primary_key=True),
    Column("version", WHOLE, primary_key=True, autoincrement=False),
    Column("app", Text, nullable=False),
    Column("task", Text, nullable=False),
    Column("score", Float),
    Column("decision", Boolean),
    Column("threshold", Float),
    Column("answer", Text),
    Column("latency_us", WHOLE, nullable=False),
    Column("received_us", BigInteger, nullable=False),
    Index("ix_shadow_task", "app", "task", "received_us"),
    Index("ix_shadow_received", "received_us"),
)

service_minute = Table(
    "service_minute",
    EVENTS,
    Column("app", Text, primary_key=True),
    Column("task", Text, primary_key=True),
    Column("version", WHOLE, primary_key=True, autoincrement=False),
    Column("minute_us", BigInteger, primary_key=True, autoincrement=False),
    Column("n_answered", WHOLE, nullable=False),
    Column("n_failed", WHOLE, nullable=False),
    Column("n_unlogged", WHOLE, nullable=False),
    Column("n_shadowed", WHOLE, server_default="0", nullable=False),
    Column("n_shadow_failed", WHOLE, server_default="0", nullable=False),
    Index("ix_service_minute", "minute_us"),
)

drift_window = Table(
    "drift_window",
    EVENTS,
    Column("app", Text, primary_key=True),
    Column("task", Text, primary_key=True),
    Column("version", WHOLE, primary_key=True, autoincrement=False),
    Column("from_us", BigInteger, primary_key=True, autoincrement=False),
    Column("n_rows", WHOLE, nullable=False),
    Column("summary", Text, nullable=False),
)

drift_finding = Table(
    "drift_finding",
    EVENTS,
    Column("id", WHOLE, primary_key=True),
    Column("app", Text, nullable=False),
    Column("task", Text, nullable=False),
    Column("version", WHOLE, nullable=False),
    Column("at_us", BigInteger, nullable=False),
    Column("drifted", Boolean),
    Column("document", Text, nullable=False),
    Index("ix_drift_finding", "app", "task", "at_us"),
    sqlite_autoincrement=True,
)

feedback = Table(
    "feedback",
    EVENTS,
    Column("id", WHOLE, primary_key=True),
    Column("app", Text, nullable=False),
    Column("task", Text, nullable=False),
    Column("prediction_id", Text),
    Column("entity", Text),
    Column("from_us", BigInteger),
    Column("to_us", BigInteger),
    Column("label", WHOLE, nullable=False),
    Column("actor", Text, nullable=False),
    Column("at_us", BigInteger, nullable=False),
    Index("ix_feedback_prediction", "prediction_id"),
    Index("ix_feedback_entity", "app", "task", "entity"),
)

idempotency = Table(
    "idempotency",
    EVENTS,
    Column("actor", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("digest", Text, nullable=False),
    Column("answer", Text, nullable=False),
    Column("at_us", BigInteger, nullable=False),
    Index("ix_idempotency_time", "at_us"),
)

profile = Table(
    "profile",
    EVENTS,
    Column("app", Text, primary_key=True),
    Column("task", Text, primary_key=True),
    Column("entity", Text, primary_key=True),
    Column("number", WHOLE, primary_key=True, autoincrement=False),
    Column("body", LargeBinary, nullable=False),
    Column("n_samples", WHOLE, nullable=False),
    Column("made_us", BigInteger, nullable=False),
    Column("actor", Text, nullable=False),
    Column("reason", Text, nullable=False),
)

confidence = Table(
    "confidence",
    EVENTS,
    Column("app", Text, primary_key=True),
    Column("task", Text, primary_key=True),
    Column("entity", Text, primary_key=True),
    Column("pattern", Text, primary_key=True),
    Column("confidence", WHOLE, nullable=False),
    Column("answer", Text, nullable=False),
    Column("at_us", BigInteger, nullable=False),
)

stream_state = Table(
    "stream_state",
    EVENTS,
    Column("app", Text, primary_key=True),
    Column("task", Text, primary_key=True),
    Column("version", WHOLE, primary_key=True, autoincrement=False),
    Column("entity", Text, primary_key=True),
    Column("at_us", BigInteger, nullable=False),
    Column("body", LargeBinary, nullable=False),
)

learned = Table(
    "learned",
    EVENTS,
    Column("app", Text, primary_key=True),
    Column("task", Text, primary_key=True),
    Column("version", WHOLE, primary_key=True, autoincrement=False),
    Column("number", WHOLE, primary_key=True, autoincrement=False),
    Column("body", LargeBinary, nullable=False),
    Column("n_rows", WHOLE, nullable=False),
    Column("upto_id", WHOLE, nullable=False),
    Column("made_us", BigInteger, nullable=False),
    Column("actor", Text, nullable=False),
    Column("reason", Text, nullable=False),
)
