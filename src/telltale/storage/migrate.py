"""Bringing a database to the revision that this code reads and writes."""

from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection

from telltale.contract.errors import ConflictError
from telltale.storage.tables import Schema

if TYPE_CHECKING:
    from alembic.runtime.migration import MigrationContext
    from alembic.script import ScriptDirectory

# Kept by hand, so that opening a database that is up to date does not import Alembic; a test compares it with the files.
LATEST: dict[Schema, str] = {"state": "0004", "events": "0007"}


def stored_revision(connection: Connection) -> str | None:
    """The revision written in the database, or None where it is new."""
    if connection.dialect.name == "postgresql":
        exists = connection.exec_driver_sql("SELECT to_regclass('alembic_version') IS NOT NULL").scalar_one()
    else:
        named = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'alembic_version'"
        exists = connection.exec_driver_sql(named).first() is not None
    if not exists:
        return None
    return connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar_one_or_none()


def is_behind(connection: Connection, schema: Schema, *, where: str) -> bool:
    """Whether `upgrade` has something to do.

    Raises:
        ConflictError: the database was written by a newer release, whose tables this code does not know.
    """
    stored = stored_revision(connection)
    if stored is not None and stored > LATEST[schema]:
        raise ConflictError(
            f"the database is at revision {stored}, and this release knows revisions up to {LATEST[schema]}",
            where=where,
            mend="Upgrade telltale-loop to the release that wrote it, or restore a backup from before the upgrade.",
        )
    return stored != LATEST[schema]


def scripts(schema: Schema) -> "ScriptDirectory":
    """The Alembic revisions of `schema`."""
    from alembic.script import ScriptDirectory

    return ScriptDirectory(str(Path(__file__).with_name("migrations") / schema))


def upgrade(connection: Connection, schema: Schema) -> None:
    """Apply the revisions that `connection` lacks, inside its open transaction: all of them or none.

    What is lacking is read inside that transaction, so that it does no harm when another process was quicker.

    Alembic's `env.py` is left out on purpose: it is a script that only runs inside Alembic's own command, and we hand
    over a connection that is in a transaction already.
    """
    from alembic.config import Config
    from alembic.runtime.environment import EnvironmentContext
    from alembic.runtime.migration import MigrationStep, RevisionStep

    directory = scripts(schema)

    def steps(current: tuple[str, ...], _context: "MigrationContext") -> list[RevisionStep]:
        newest_first = directory.iterate_revisions("head", current[0] if current else "base")
        return [
            MigrationStep.upgrade_from_script(directory.revision_map, script) for script in reversed([*newest_first])
        ]

    environment = EnvironmentContext(Config(), directory, fn=steps)
    with environment:
        environment.configure(connection=connection)
        environment.run_migrations()
    if connection.dialect.name == "postgresql":
        _order_by_bytes(connection)


def _order_by_bytes(connection: Connection) -> None:
    """Texts are compared byte by byte, as SQLite does and our queries need, whatever the language of the database."""
    columns = connection.exec_driver_sql(
        "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = current_schema() "
        "AND data_type = 'text' AND coalesce(collation_name, '') <> 'C' ORDER BY table_name, ordinal_position"
    ).all()
    for table in dict.fromkeys(table for table, _ in columns):
        changes = ", ".join(
            f'ALTER COLUMN "{column}" TYPE text COLLATE "C"' for whose, column in columns if whose == table
        )
        connection.exec_driver_sql(f'ALTER TABLE "{table}" {changes}')
