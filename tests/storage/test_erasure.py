"""Rows that are removed together with their bytes."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import insert

from telltale.contract.errors import UnavailableError
from telltale.storage import sqlite_database
from telltale.storage.database import Database, open_database
from telltale.storage.erasure import empty_log, erasing, n_bytes_found, write_anew
from telltale.storage.tables import quarantine

pytestmark = pytest.mark.sqlite

GONE = "words-that-nobody-may-find-again"


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    """Events with a row that is to go, among others, all of it in the file."""
    opened = open_database(tmp_path / "events.db", schema="events")
    row = {"app": "a", "event": "e", "source": "s", "line": 1, "reason": "r", "at_us": 1}
    with opened.write() as connection:
        connection.exec_driver_sql("PRAGMA secure_delete = OFF")  # some distributions build SQLite with it
        for number in range(300):
            connection.execute(insert(quarantine).values(**row, raw=f"other-{number}"))
        connection.execute(insert(quarantine).values(**row, raw=GONE))
    assert empty_log(opened)
    yield opened
    opened.close()


def delete_row(database: Database, *, plain: bool = False) -> None:
    with (database.write if plain else lambda: erasing(database))() as connection:
        connection.exec_driver_sql("DELETE FROM quarantine WHERE raw = ?", (GONE,))


def test_what_is_erased_is_nowhere_once_the_log_is_empty(database: Database) -> None:
    delete_row(database)

    assert empty_log(database)
    assert n_bytes_found(database, GONE) == 0
    assert (n_bytes_found(database, "other-") or 0) >= 300


def test_what_is_deleted_plainly_stays_in_free_space_until_the_file_is_written_anew(database: Database) -> None:
    delete_row(database, plain=True)
    assert empty_log(database)
    found = n_bytes_found(database, GONE)

    write_anew(database)
    assert empty_log(database)

    assert found == 1
    assert n_bytes_found(database, GONE) == 0


def test_in_the_log_it_is_found_too(database: Database) -> None:
    with database.write() as connection:
        connection.exec_driver_sql("UPDATE quarantine SET reason = 'never-seen-before' WHERE id = 1")

    assert n_bytes_found(database, "never-seen-before") == 1


def test_zeros_are_written_by_that_transaction_alone(database: Database) -> None:
    delete_row(database)

    with database.write() as connection:
        assert connection.exec_driver_sql("PRAGMA secure_delete").scalar_one() == 0


def test_while_somebody_reads_the_log_is_not_emptied_and_that_is_told(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite_database, "BUSY_TIMEOUT_S", 0.1)
    with closing(sqlite3.connect(database.path, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM quarantine").fetchone()
        delete_row(database)

        assert not empty_log(database)
    assert empty_log(database)


def test_while_somebody_writes_the_file_cannot_be_written_anew(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite_database, "BUSY_TIMEOUT_S", 0.1)
    with closing(sqlite3.connect(database.path, isolation_level=None)) as writer:
        writer.execute("BEGIN IMMEDIATE")

        with pytest.raises(UnavailableError, match="while no server runs"):
            write_anew(database)


def test_many_keys_are_looked_up_as_each_would_be(database: Database) -> None:
    sql = "SELECT raw FROM quarantine WHERE id = ?"
    keys = [(1,), (9_999,), (301,)]

    assert database.fetch_each(sql, keys) == [("other-0",), None, (GONE,)]
    assert database.fetch_each(sql, keys[:1]) == [("other-0",)]
    assert database.fetch_each(sql, []) == []
    assert database.fetch(sql, (301,)) == [(GONE,)]  # the reading transaction is over: what is written next is seen
    delete_row(database)
    assert database.fetch_each(sql, keys)[2] is None


def test_keys_are_not_looked_up_in_a_file_that_was_moved_away(database: Database) -> None:
    sql = "SELECT raw FROM quarantine WHERE id = ?"
    database.fetch_each(sql, [(1,), (2,)])
    database.path.rename(database.path.with_suffix(".was"))
    assert isinstance(database, sqlite_database.SqliteDatabase)
    database._seen_s -= 1.0  # noqa: SLF001 - some milliseconds later

    with pytest.raises(UnavailableError, match="put it back"):
        database.fetch_each(sql, [(1,), (2,)])
    database.path.with_suffix(".was").rename(database.path)
