"""What shadows answered, how well each version serves, and how far its rows have moved."""

import sqlalchemy as sa
from alembic import op

from telltale.storage.whole_numbers import WHOLE

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Add `shadow`, `service_minute`, `drift_window` and `drift_finding`."""
    op.create_table(
        "shadow",
        sa.Column("prediction_id", sa.Text(), nullable=False),
        sa.Column("version", WHOLE, autoincrement=False, nullable=False),
        sa.Column("app", sa.Text(), nullable=False),
        sa.Column("task", sa.Text(), nullable=False),
        sa.Column("score", sa.Float(), nullable=True),
        sa.Column("decision", sa.Boolean(), nullable=True),
        sa.Column("threshold", sa.Float(), nullable=True),
        sa.Column("answer", sa.Text(), nullable=True),
        sa.Column("latency_us", WHOLE, nullable=False),
        sa.Column("received_us", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("prediction_id", "version"),
    )
    op.create_index("ix_shadow_task", "shadow", ["app", "task", "received_us"], unique=False)
    op.create_index("ix_shadow_received", "shadow", ["received_us"], unique=False)
    op.create_table(
        "service_minute",
        sa.Column("app", sa.Text(), nullable=False),
        sa.Column("task", sa.Text(), nullable=False),
        sa.Column("version", WHOLE, autoincrement=False, nullable=False),
        sa.Column("minute_us", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("n_answered", WHOLE, nullable=False),
        sa.Column("n_failed", WHOLE, nullable=False),
        sa.Column("n_unlogged", WHOLE, nullable=False),
        sa.Column("n_shadowed", WHOLE, server_default="0", nullable=False),
        sa.Column("n_shadow_failed", WHOLE, server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("app", "task", "version", "minute_us"),
    )
    op.create_index("ix_service_minute", "service_minute", ["minute_us"], unique=False)
    op.create_table(
        "drift_window",
        sa.Column("app", sa.Text(), nullable=False),
        sa.Column("task", sa.Text(), nullable=False),
        sa.Column("version", WHOLE, autoincrement=False, nullable=False),
        sa.Column("from_us", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("n_rows", WHOLE, nullable=False),
        sa.Column("summary", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("app", "task", "version", "from_us"),
    )
    op.create_table(
        "drift_finding",
        sa.Column("id", WHOLE, nullable=False),
        sa.Column("app", sa.Text(), nullable=False),
        sa.Column("task", sa.Text(), nullable=False),
        sa.Column("version", WHOLE, nullable=False),
        sa.Column("at_us", sa.BigInteger(), nullable=False),
        sa.Column("drifted", sa.Boolean(), nullable=True),
        sa.Column("document", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_drift_finding", "drift_finding", ["app", "task", "at_us"], unique=False)
