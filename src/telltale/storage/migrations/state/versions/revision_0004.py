"""Releases with traffic, evidence of moves, messages of alarms, reports, and jobs that come before others."""

import sqlalchemy as sa
from alembic import op

from telltale.storage.whole_numbers import WHOLE

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Add `release`, `delivery` and `report`; `ledger.evidence`, `job.priority` and `job.attempt`."""
    op.add_column("ledger", sa.Column("evidence", sa.Text(), nullable=True))
    op.add_column("job", sa.Column("priority", WHOLE, server_default="0", nullable=False))
    op.add_column("job", sa.Column("attempt", WHOLE, server_default="1", nullable=False))
    op.create_table(
        "release",
        sa.Column("id", WHOLE, nullable=False),
        sa.Column("app", sa.Text(), nullable=False),
        sa.Column("task", sa.Text(), nullable=False),
        sa.Column("number", WHOLE, nullable=False),
        sa.Column("against", WHOLE, nullable=False),
        sa.Column("steps", sa.Text(), nullable=False),
        sa.Column("step", WHOLE, nullable=False),
        sa.Column("every_s", sa.Float(), nullable=True),
        sa.Column("margin", sa.Float(), nullable=True),
        sa.Column("salt", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("started_us", sa.BigInteger(), nullable=False),
        sa.Column("step_us", sa.BigInteger(), nullable=False),
        sa.Column("watch_until_us", sa.BigInteger(), nullable=True),
        sa.Column("ended_us", sa.BigInteger(), nullable=True),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("withdrawn", sa.Boolean(), nullable=False),
        sa.Column("evidence", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "ix_release_active",
        "release",
        ["app", "task"],
        unique=True,
        sqlite_where=sa.text("ended_us IS NULL"),
        postgresql_where=sa.text("ended_us IS NULL"),
    )
    op.create_index("ix_release_task", "release", ["app", "task", "id"], unique=False)
    op.create_table(
        "delivery",
        sa.Column("alarm_id", WHOLE, autoincrement=False, nullable=False),
        sa.Column("sink", sa.Text(), nullable=False),
        sa.Column("change", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("attempt", WHOLE, nullable=False),
        sa.Column("next_us", sa.BigInteger(), nullable=False),
        sa.Column("sent_us", sa.BigInteger(), nullable=True),
        sa.Column("fault", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("alarm_id", "sink", "change"),
    )
    op.create_index("ix_delivery_due", "delivery", ["state", "next_us"], unique=False)
    op.create_table(
        "report",
        sa.Column("id", WHOLE, nullable=False),
        sa.Column("since_us", sa.BigInteger(), nullable=False),
        sa.Column("until_us", sa.BigInteger(), nullable=False),
        sa.Column("created_us", sa.BigInteger(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sqlite_autoincrement=True,
    )
