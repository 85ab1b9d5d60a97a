"""Rows of one moment told apart by a key; answers that are no score in the prediction log."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Rebuild `event` and `prediction` with their rows: SQLite cannot change a constraint in place."""
    with op.batch_alter_table("event", recreate="always") as batch:
        batch.add_column(sa.Column("key", sa.Text(), server_default="", nullable=False), insert_after="at_us")
        batch.drop_constraint("uq_event_row", type_="unique")
        batch.create_unique_constraint("uq_event_row", ["app", "event", "entity", "at_us", "key"])
    with op.batch_alter_table("prediction", recreate="always") as batch:
        batch.alter_column("score", existing_type=sa.Float(), nullable=True)
        batch.alter_column("decision", existing_type=sa.Boolean(), nullable=True)
        batch.alter_column("threshold", existing_type=sa.Float(), nullable=True)
        batch.alter_column("context", existing_type=sa.Text(), nullable=True)
        batch.add_column(sa.Column("answer", sa.Text(), nullable=True), insert_after="context")
