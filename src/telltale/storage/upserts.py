"""`INSERT … ON CONFLICT`, which both databases know and SQLAlchemy spells once for each."""

from sqlalchemy import Connection, Table
from sqlalchemy.dialects.sqlite import Insert, insert


def insert_into(connection: Connection, table: Table) -> Insert:
    """An insert that has `on_conflict_do_nothing` and `on_conflict_do_update`; PostgreSQL's has the same methods."""
    if connection.dialect.name == "postgresql":
        from sqlalchemy.dialects import postgresql

        return postgresql.insert(table)  # type: ignore[return-value]
    return insert(table)
