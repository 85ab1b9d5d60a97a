import subprocess
import sys
from pathlib import Path
from typing import get_args

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy.exc import IntegrityError

from telltale.storage.database import Database, open_database
from telltale.storage.folder import Folder
from telltale.storage.migrate import LATEST, scripts
from telltale.storage.tables import METADATA, Schema

SCHEMAS: tuple[Schema, ...] = get_args(Schema)
LEDGER_ROW = "INSERT INTO ledger VALUES (NULL, 'a', 't', 1, 'register', '', 'none', 0, 'x', '')"


@pytest.mark.parametrize("schema", SCHEMAS)
def test_revisions_build_the_tables_that_the_code_names(tmp_path: Path, schema: Schema) -> None:
    database = open_database(tmp_path / "new.db", schema=schema)

    with database.read() as connection:
        differences = compare_metadata(MigrationContext.configure(connection), METADATA[schema])

    assert differences == []


@pytest.mark.parametrize("schema", SCHEMAS)
def test_the_latest_revision_is_the_one_in_the_files(schema: Schema) -> None:
    assert scripts(schema).get_current_head() == LATEST[schema]


def test_opening_an_up_to_date_database_does_not_import_alembic(folder: Folder) -> None:
    script = (
        "import sys; from pathlib import Path; from telltale.storage.folder import open_folder;"
        "open_folder(Path(sys.argv[1])); sys.exit('alembic' in sys.modules)"
    )

    assert subprocess.run([sys.executable, "-c", script, str(folder.path)], check=False, timeout=60).returncode == 0


def test_a_migration_that_fails_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def build_half(connection: object, schema: Schema) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("telltale.storage.database.upgrade", build_half)
    with pytest.raises(ZeroDivisionError):
        open_database(tmp_path / "state.db", schema="state")
    monkeypatch.undo()

    assert open_database(tmp_path / "state.db", schema="state").fetch("SELECT count(*) FROM version") == [(0,)]


@pytest.mark.parametrize("statement", ["UPDATE ledger SET actor = 'nobody'", "DELETE FROM ledger"])
def test_the_ledger_refuses_changes(folder: Folder, statement: str) -> None:
    with folder.state.write() as connection:
        connection.exec_driver_sql(LEDGER_ROW)

    with pytest.raises(IntegrityError, match="append-only"), folder.state.write() as connection:
        connection.exec_driver_sql(statement)

    assert rows(folder.state) == [("a", "x")]


def test_a_role_needs_a_version_and_a_version_has_one_role(folder: Folder) -> None:
    with pytest.raises(IntegrityError, match="FOREIGN KEY"), folder.state.write() as connection:
        connection.exec_driver_sql("INSERT INTO role VALUES ('a', 't', 'champion', 1)")


def rows(database: Database) -> list[tuple[object, ...]]:
    return database.fetch("SELECT app, actor FROM ledger")
