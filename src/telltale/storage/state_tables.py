"""The tables of `state.db`: versions and their roles, releases, schedules and jobs, alarms, keys, reports."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKeyConstraint,
    Index,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from telltale.storage.whole_numbers import WHOLE

STATE = MetaData()

version = Table(
    "version",
    STATE,
    Column("app", Text, primary_key=True),
    Column("task", Text, primary_key=True),
    Column("number", WHOLE, primary_key=True, autoincrement=False),
    Column("label", Text, nullable=False),
    Column("sha256", Text, nullable=False),
    Column("files", Text, nullable=False),
    Column("path", Text, nullable=False),
    Column("created_us", BigInteger, nullable=False),
    Column("estimator", Text, nullable=False),
    Column("data_kind", Text, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("metrics", Text, nullable=False),
    Column("facts", Text, nullable=False),
    Column("pinned", Boolean, nullable=False),
    Column("retired_us", BigInteger),
    Column("removed_us", BigInteger),
    UniqueConstraint("app", "task", "label", name="uq_version_label"),
)

ledger = Table(
    "ledger",
    STATE,
    Column("id", WHOLE, primary_key=True),
    Column("app", Text, nullable=False),
    Column("task", Text, nullable=False),
    Column("number", WHOLE, nullable=False),
    Column("action", Text, nullable=False),
    Column("role_from", Text, nullable=False),
    Column("role_to", Text, nullable=False),
    Column("at_us", BigInteger, nullable=False),
    Column("actor", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("evidence", Text),
    Index("ix_ledger_task", "app", "task"),
    sqlite_autoincrement=True,
)

role = Table(
    "role",
    STATE,
    Column("app", Text, primary_key=True),
    Column("task", Text, primary_key=True),
    Column("role", Text, primary_key=True),
    Column("number", WHOLE, nullable=False),
    UniqueConstraint("app", "task", "number", name="uq_role_number"),
    ForeignKeyConstraint(
        ["app", "task", "number"], ["version.app", "version.task", "version.number"], name="fk_role_version"
    ),
)

release = Table(
    "release",
    STATE,
    Column("id", WHOLE, primary_key=True),
    Column("app", Text, nullable=False),
    Column("task", Text, nullable=False),
    Column("number", WHOLE, nullable=False),
    Column("against", WHOLE, nullable=False),
    Column("steps", Text, nullable=False),
    Column("step", WHOLE, nullable=False),
    Column("every_s", Float),
    Column("margin", Float),
    Column("salt", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("started_us", BigInteger, nullable=False),
    Column("step_us", BigInteger, nullable=False),
    Column("watch_until_us", BigInteger),
    Column("ended_us", BigInteger),
    Column("actor", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("withdrawn", Boolean, nullable=False),
    Column("evidence", Text),
    Index(
        "ix_release_active",
        "app",
        "task",
        unique=True,
        sqlite_where=text("ended_us IS NULL"),
        postgresql_where=text("ended_us IS NULL"),
    ),
    Index("ix_release_task", "app", "task", "id"),
    sqlite_autoincrement=True,
)

schedule = Table(
    "schedule",
    STATE,
    Column("app", Text, primary_key=True),
    Column("task", Text, primary_key=True),
    Column("cron", Text, nullable=False),
    Column("paused", Boolean, nullable=False),
    Column("created_us", BigInteger, nullable=False),
)

slot = Table(
    "slot",
    STATE,
    Column("app", Text, primary_key=True),
    Column("task", Text, primary_key=True),
    Column("at_us", BigInteger, primary_key=True, autoincrement=False),
    Column("owner", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("result", Text),
)

lease = Table(
    "lease",
    STATE,
    Column("name", Text, primary_key=True),
    Column("owner", Text, nullable=False),
    Column("expires_us", BigInteger, nullable=False),
)

job = Table(
    "job",
    STATE,
    Column("id", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("app", Text, nullable=False),
    Column("task", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("created_us", BigInteger, nullable=False),
    Column("started_us", BigInteger),
    Column("finished_us", BigInteger),
    Column("result", Text),
    Column("priority", WHOLE, server_default="0", nullable=False),
    Column("attempt", WHOLE, server_default="1", nullable=False),
    Index("ix_job_task", "app", "task", "started_us"),
    Index("ix_job_state", "state", "created_us"),
)

job_tally = Table(
    "job_tally",
    STATE,
    Column("app", Text, primary_key=True),
    Column("task", Text, primary_key=True),
    Column("n_jobs", WHOLE, nullable=False),
)

reported_metric = Table(
    "reported_metric",
    STATE,
    Column("id", WHOLE, primary_key=True),
    Column("app", Text, nullable=False),
    Column("task", Text, nullable=False),
    Column("number", WHOLE, nullable=False),
    Column("metrics", Text, nullable=False),
    Column("evidence", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("at_us", BigInteger, nullable=False),
    Index("ix_reported_metric_version", "app", "task", "number"),
    sqlite_autoincrement=True,
)

api_key = Table(
    "api_key",
    STATE,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("digest", Text, nullable=False),
    Column("scopes", Text, nullable=False),
    Column("rate", Float),
    Column("created_us", BigInteger, nullable=False),
    Column("actor", Text, nullable=False),
    Column("revoked_us", BigInteger),
)

alarm = Table(
    "alarm",
    STATE,
    Column("id", WHOLE, primary_key=True),
    Column("name", Text, nullable=False),
    Column("app", Text, nullable=False),
    Column("task", Text, nullable=False),
    Column("what", Text, nullable=False),
    Column("mend", Text, nullable=False),
    Column("raised_us", BigInteger, nullable=False),
    Column("seen_us", BigInteger, nullable=False),
    Column("resolved_us", BigInteger),
    Index(
        "ix_alarm_active",
        "name",
        "app",
        "task",
        unique=True,
        sqlite_where=text("resolved_us IS NULL"),
        postgresql_where=text("resolved_us IS NULL"),
    ),
    sqlite_autoincrement=True,
)

delivery = Table(
    "delivery",
    STATE,
    Column("alarm_id", WHOLE, primary_key=True, autoincrement=False),
    Column("sink", Text, primary_key=True),
    Column("change", Text, primary_key=True),
    Column("state", Text, nullable=False),
    Column("attempt", WHOLE, nullable=False),
    Column("next_us", BigInteger, nullable=False),
    Column("sent_us", BigInteger),
    Column("fault", Text, nullable=False),
    Index("ix_delivery_due", "state", "next_us"),
)

report = Table(
    "report",
    STATE,
    Column("id", WHOLE, primary_key=True),
    Column("since_us", BigInteger, nullable=False),
    Column("until_us", BigInteger, nullable=False),
    Column("created_us", BigInteger, nullable=False),
    Column("actor", Text, nullable=False),
    Column("document", Text, nullable=False),
    sqlite_autoincrement=True,
)

audit = Table(
    "audit",
    STATE,
    Column("id", WHOLE, primary_key=True),
    Column("at_us", BigInteger, nullable=False),
    Column("actor", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("status", WHOLE, nullable=False),
    Column("request_id", Text, nullable=False),
    sqlite_autoincrement=True,
)
