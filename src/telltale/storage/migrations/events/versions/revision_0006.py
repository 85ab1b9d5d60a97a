"""What versions learn after they were trained."""

import sqlalchemy as sa
from alembic import op

from telltale.storage.whole_numbers import WHOLE

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Add `learned`."""
    op.create_table(
        "learned",
        sa.Column("app", sa.Text(), nullable=False),
        sa.Column("task", sa.Text(), nullable=False),
        sa.Column("version", WHOLE, autoincrement=False, nullable=False),
        sa.Column("number", WHOLE, autoincrement=False, nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("n_rows", WHOLE, nullable=False),
        sa.Column("upto_id", WHOLE, nullable=False),
        sa.Column("made_us", sa.BigInteger(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("app", "task", "version", "number"),
    )
