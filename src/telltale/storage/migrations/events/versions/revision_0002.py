"""Rows of one moment told apart by a key; answers that are no score in the prediction log."""

from typing import Literal

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Change `event` and `prediction`; on SQLite they are rebuilt with their rows: it cannot change a constraint in place."""
    is_rebuilt = op.get_bind().dialect.name == "sqlite"
    recreate: Literal["always", "auto"] = "always" if is_rebuilt else "auto"
    with op.batch_alter_table("event", recreate=recreate) as batch:
        batch.add_column(
            sa.Column("key", sa.Text(), server_default="", nullable=False), insert_after="at_us" if is_rebuilt else None
        )
        batch.drop_constraint("uq_event_row", type_="unique")
        batch.create_unique_constraint("uq_event_row", ["app", "event", "entity", "at_us", "key"])
    with op.batch_alter_table("prediction", recreate=recreate) as batch:
        batch.alter_column("score", existing_type=sa.Float(), nullable=True)
        batch.alter_column("decision", existing_type=sa.Boolean(), nullable=True)
        batch.alter_column("threshold", existing_type=sa.Float(), nullable=True)
        batch.alter_column("context", existing_type=sa.Text(), nullable=True)
        batch.add_column(sa.Column("answer", sa.Text(), nullable=True), insert_after="context" if is_rebuilt else None)
