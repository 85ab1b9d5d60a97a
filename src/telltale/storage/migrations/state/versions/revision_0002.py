"""Figures that others report of a version; jobs that wait, with who asked for them and why."""

import sqlalchemy as sa
from alembic import op

from telltale.storage.whole_numbers import WHOLE

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add `reported_metric`; rebuild `job` with its rows: SQLite cannot make a column nullable in place."""
    op.create_table(
        "reported_metric",
        sa.Column("id", WHOLE, nullable=False),
        sa.Column("app", sa.Text(), nullable=False),
        sa.Column("task", sa.Text(), nullable=False),
        sa.Column("number", WHOLE, nullable=False),
        sa.Column("metrics", sa.Text(), nullable=False),
        sa.Column("evidence", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("at_us", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_reported_metric_version", "reported_metric", ["app", "task", "number"], unique=False)
    # A job of before began when it was asked for.
    op.rename_table("job", "job_0001")
    op.drop_index("ix_job_task", "job_0001")
    op.create_table(
        "job",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("app", sa.Text(), nullable=False),
        sa.Column("task", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("created_us", sa.BigInteger(), nullable=False),
        sa.Column("started_us", sa.BigInteger(), nullable=True),
        sa.Column("finished_us", sa.BigInteger(), nullable=True),
        sa.Column("result", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.execute(
        "INSERT INTO job (id, kind, app, task, state, actor, reason, created_us, started_us, finished_us, result) "
        "SELECT id, kind, app, task, state, '', '', started_us, started_us, finished_us, result FROM job_0001"
    )
    op.drop_table("job_0001")
    op.create_index("ix_job_task", "job", ["app", "task", "started_us"], unique=False)
    op.create_index("ix_job_state", "job", ["state", "created_us"], unique=False)
