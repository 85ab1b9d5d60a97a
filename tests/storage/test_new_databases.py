from pathlib import Path
from typing import get_args

import pytest
from tests.new_databases import fill

from telltale.storage import sqlite_database
from telltale.storage.database import Database, open_database
from telltale.storage.tables import Schema


@pytest.mark.sqlite
@pytest.mark.parametrize("schema", get_args(Schema))
def test_databases_that_are_filled_from_text_are_those_that_the_migrations_make(
    tmp_path: Path, schema: Schema, monkeypatch: pytest.MonkeyPatch
) -> None:
    migrated = open_database(tmp_path / "migrated.db", schema=schema)
    monkeypatch.setattr(sqlite_database, "upgrade", fill)
    filled = open_database(tmp_path / "filled.db", schema=schema)

    assert what_stands_in(filled) == what_stands_in(migrated)
    assert len(what_stands_in(filled)) > 20


def what_stands_in(database: Database) -> set[str]:
    with database.read() as connection:
        rows = connection.exec_driver_sql("SELECT type, name, tbl_name, sql FROM sqlite_master").all()
        version = connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar_one()
    database.close()
    return {version, *(str(row) for row in rows)}
