"""The tables of `events.db`: events, predictions and what was said of them, profiles, and what versions learned."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
)

EVENTS = MetaData()

event = Table(
    "event",
    EVENTS,
    Column("id", Integer, primary_key=True),
    Column("app", Text, nullable=False),
    Column("event", Text, nullable=False),
    Column("entity", Text, nullable=False),
    Column("at_us", BigInteger, nullable=False),
    Column("key", Text, server_default="", nullable=False),
    Column("values", Text, nullable=False),
    Column("label", Integer),
    Column("received_us", BigInteger, nullable=False),
    Column("source", Text, nullable=False),
    UniqueConstraint("app", "event", "entity", "at_us", "key", name="uq_event_row"),
    Index("ix_event_time", "app", "event", "at_us"),
)

quarantine = Table(
    "quarantine",
    EVENTS,
    Column("id", Integer, primary_key=True),
    Column("app", Text, nullable=False),
    Column("event", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("line", Integer),
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
    Column("version", Integer, nullable=False),
    Column("role", Text, nullable=False),
    Column("context", Text),
    Column("answer", Text),
    Column("latency_us", Integer, nullable=False),
    Column("received_us", BigInteger, nullable=False),
    Index("ix_prediction_entity", "app", "task", "entity", "at_us"),
    Index("ix_prediction_received", "received_us"),
)

shadow = Table(
    "shadow",
    EVENTS,
    Column("prediction_id", Text, primary_key=True),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("app", Text, nullable=False),
    Column("task", Text, nullable=False),
    Column("score", Float),
    Column("decision", Boolean),
    Column("threshold", Float),
    Column("answer", Text),
    Column("latency_us", Integer, nullable=False),
    Column("received_us", BigInteger, nullable=False),
    Index("ix_shadow_task", "app", "task", "received_us"),
    Index("ix_shadow_received", "received_us"),
)

service_minute = Table(
    "service_minute",
    EVENTS,
    Column("app", Text, primary_key=True),
    Column("task", Text, primary_key=True),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("minute_us", BigInteger, primary_key=True, autoincrement=False),
    Column("n_answered", Integer, nullable=False),
    Column("n_failed", Integer, nullable=False),
    Column("n_unlogged", Integer, nullable=False),
    Column("n_shadowed", Integer, server_default="0", nullable=False),
    Column("n_shadow_failed", Integer, server_default="0", nullable=False),
    Index("ix_service_minute", "minute_us"),
)

drift_window = Table(
    "drift_window",
    EVENTS,
    Column("app", Text, primary_key=True),
    Column("task", Text, primary_key=True),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("from_us", BigInteger, primary_key=True, autoincrement=False),
    Column("n_rows", Integer, nullable=False),
    Column("summary", Text, nullable=False),
)

drift_finding = Table(
    "drift_finding",
    EVENTS,
    Column("id", Integer, primary_key=True),
    Column("app", Text, nullable=False),
    Column("task", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("at_us", BigInteger, nullable=False),
    Column("drifted", Boolean),
    Column("document", Text, nullable=False),
    Index("ix_drift_finding", "app", "task", "at_us"),
    sqlite_autoincrement=True,
)

feedback = Table(
    "feedback",
    EVENTS,
    Column("id", Integer, primary_key=True),
    Column("app", Text, nullable=False),
    Column("task", Text, nullable=False),
    Column("prediction_id", Text),
    Column("entity", Text),
    Column("from_us", BigInteger),
    Column("to_us", BigInteger),
    Column("label", Integer, nullable=False),
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
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("body", LargeBinary, nullable=False),
    Column("n_samples", Integer, nullable=False),
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
    Column("confidence", Integer, nullable=False),
    Column("answer", Text, nullable=False),
    Column("at_us", BigInteger, nullable=False),
)

learned = Table(
    "learned",
    EVENTS,
    Column("app", Text, primary_key=True),
    Column("task", Text, primary_key=True),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("body", LargeBinary, nullable=False),
    Column("n_rows", Integer, nullable=False),
    Column("upto_id", Integer, nullable=False),
    Column("made_us", BigInteger, nullable=False),
    Column("actor", Text, nullable=False),
    Column("reason", Text, nullable=False),
)
