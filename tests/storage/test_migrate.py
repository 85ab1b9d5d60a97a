import subprocess
import sys
from pathlib import Path
from typing import get_args

import pytest
from alembic.autogenerate import compare_metadata
from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext
from sqlalchemy import create_engine
from sqlalchemy.exc import IntegrityError

from telltale.storage.database import Database, open_database
from telltale.storage.folder import Folder
from telltale.storage.migrate import LATEST, scripts
from telltale.storage.tables import METADATA, Schema

SCHEMAS: tuple[Schema, ...] = get_args(Schema)
LEDGER_ROW = (
    "INSERT INTO ledger (app, task, number, action, role_from, role_to, at_us, actor, reason) "
    "VALUES ('a', 't', 1, 'register', '', 'none', 0, 'x', '')"
)


@pytest.mark.parametrize("schema", SCHEMAS)
def test_revisions_build_the_tables_that_the_code_names(tmp_path: Path, schema: Schema) -> None:
    database = open_database(tmp_path / "new.db", schema=schema)

    with database.read() as connection:
        differences = compare_metadata(MigrationContext.configure(connection), METADATA[schema])

    assert differences == []


@pytest.mark.parametrize("schema", SCHEMAS)
def test_the_latest_revision_is_the_one_in_the_files(schema: Schema) -> None:
    assert scripts(schema).get_current_head() == LATEST[schema]


@pytest.mark.sqlite
def test_opening_an_up_to_date_database_does_not_import_alembic(folder: Folder) -> None:
    script = (
        "import sys; from pathlib import Path; from telltale.storage.folder import open_folder;"
        "open_folder(Path(sys.argv[1])); sys.exit('alembic' in sys.modules)"
    )

    assert subprocess.run([sys.executable, "-c", script, str(folder.path)], check=False, timeout=60).returncode == 0


def test_a_migration_that_fails_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def build_half(connection: object, schema: Schema) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("telltale.storage.sqlite_database.upgrade", build_half)
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


@pytest.mark.sqlite
def test_a_role_needs_a_version_and_a_version_has_one_role(folder: Folder) -> None:
    with pytest.raises(IntegrityError, match="FOREIGN KEY"), folder.state.write() as connection:
        connection.exec_driver_sql("INSERT INTO role VALUES ('a', 't', 'champion', 1)")


def rows(database: Database) -> list[tuple[object, ...]]:
    return database.fetch("SELECT app, actor FROM ledger")


def test_upgrade_keeps_the_events_and_predictions_of_the_first_revision(tmp_path: Path) -> None:
    path = database_of_first_revision(
        tmp_path,
        "events",
        """INSERT INTO event VALUES (7, 'a', 'e', 'who', 1000, '{"v":1.5}', 1, 2000, 't')""",
        """INSERT INTO event VALUES (9, 'a', 'e', '', 1000, '{"v":null}', NULL, 2000, 't')""",
        "INSERT INTO prediction VALUES ('p', 'a', 't', NULL, 1000, '{}', 0.75, 1, 0.5, 3, 'champion', 'row', 40, 2000)",
        "INSERT INTO feedback VALUES (1, 'a', 't', 'p', NULL, NULL, NULL, 1, 'x', 0)",
    )
    database = open_database(path, schema="events")

    assert database.fetch('SELECT id, entity, at_us, "key", "values", label FROM event ORDER BY id') == [
        (7, "who", 1000, "", '{"v":1.5}', 1),
        (9, "", 1000, "", '{"v":null}', None),
    ]
    assert database.fetch("SELECT id, score, decision, threshold, context, answer, version FROM prediction") == [
        ("p", 0.75, 1, 0.5, "row", None, 3)
    ]
    assert database.fetch("SELECT count(*) FROM feedback") == [(1,)]
    with database.write() as connection:
        connection.exec_driver_sql(
            'INSERT INTO event (app, event, entity, at_us, "key", "values", received_us, source) '
            "SELECT app, event, entity, at_us, 'k', \"values\", received_us, source FROM event"
        )
    with pytest.raises(IntegrityError, match="UNIQUE"), database.write() as connection:
        connection.exec_driver_sql("UPDATE event SET \"key\" = ''")
    database.close()


def test_upgrade_keeps_the_jobs_versions_and_ledger_of_the_first_revision(tmp_path: Path) -> None:
    path = database_of_first_revision(
        tmp_path,
        "state",
        "INSERT INTO job VALUES ('j', 'train', 'a', 't', 'done', 1000, 2000, '{}')",
        LEDGER_ROW,
    )
    database = open_database(path, schema="state")

    assert database.fetch(
        "SELECT id, kind, state, created_us, started_us, finished_us, actor, reason, result FROM job"
    ) == [("j", "train", "done", 1000, 1000, 2000, "", "", "{}")]
    assert rows(database) == [("a", "x")]
    with pytest.raises(IntegrityError, match="append-only"), database.write() as connection:
        connection.exec_driver_sql("DELETE FROM ledger")
    with database.write() as connection:
        connection.exec_driver_sql("UPDATE job SET started_us = NULL")
    database.close()


@pytest.mark.parametrize("schema", SCHEMAS)
def test_an_upgraded_database_has_the_tables_of_a_new_one(tmp_path: Path, schema: Schema) -> None:
    database = open_database(database_of_first_revision(tmp_path, schema), schema=schema)
    new = open_database(tmp_path / "new.db", schema=schema)
    sql = "SELECT type, name, tbl_name FROM sqlite_master WHERE name != 'alembic_version' ORDER BY type, name"

    assert database.fetch(sql) == new.fetch(sql)
    assert database.fetch("PRAGMA integrity_check") == [("ok",)]
    database.close()
    new.close()


def database_of_first_revision(folder: Path, schema: Schema, *statements: str) -> Path:
    """A database as the first release made it, filled."""
    path = folder / "first.db"
    engine = create_engine(f"sqlite:///{path}")
    with engine.begin() as connection:
        context = MigrationContext.configure(connection)
        revision = scripts(schema).get_revision("0001")
        assert revision is not None
        with Operations.context(context):
            revision.module.upgrade()
        context.stamp(scripts(schema), "0001")
        for statement in statements:
            connection.exec_driver_sql(statement)
    engine.dispose()
    return path
