"""Files that are removed, replaced, full or damaged while they are open, told as what they are."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import Connection

from telltale.contract.errors import UnavailableError
from telltale.storage.database import Database
from telltale.storage.folder import Folder

pytestmark = pytest.mark.sqlite

COUNT = "SELECT count(*) FROM lease"
WAYS: dict[str, Callable[[Database], object]] = {
    "read": lambda database: _through(database.read, COUNT),
    "write": lambda database: _add(database, "a"),
    "fetch": lambda database: database.fetch(COUNT),
}


def _through(way: Callable[..., object], sql: str) -> None:
    with way() as connection:  # type: ignore[attr-defined]  # either of the two
        connection.exec_driver_sql(sql)


def _add(database: Database, name: str) -> None:
    with database.write() as connection:
        connection.exec_driver_sql("INSERT INTO lease VALUES (?, 'test', 0)", (name,))


@pytest.mark.parametrize("way", WAYS)
def test_a_removed_file_is_told_until_it_is_back(folder: Folder, way: str) -> None:
    database = folder.state
    WAYS[way](database)
    away = database.path.with_name("away.db")
    database.path.rename(away)

    with pytest.raises(UnavailableError, match="removed or replaced") as told:
        _add(database, "b")
    with pytest.raises(UnavailableError, match="removed or replaced"):
        WAYS[way](database)
    assert not database.path.exists()
    assert told.value.where == "state.db"  # clients read it: no path of this machine
    assert str(folder.path) not in str(told.value)

    away.rename(database.path)
    assert database.fetch("SELECT count(*) FROM lease WHERE name = 'b'") == [(0,)]


def test_a_file_moved_away_while_a_block_lasts_is_not_acknowledged(folder: Folder) -> None:
    def move_and_write(connection: Connection) -> None:
        connection.exec_driver_sql("INSERT INTO lease VALUES ('a', 'test', 0)")
        folder.state.path.rename(folder.state.path.with_name("away.db"))

    with pytest.raises(UnavailableError, match="removed or replaced"), folder.state.write() as connection:
        move_and_write(connection)


def test_another_file_in_its_place_is_told(folder: Folder) -> None:
    copy = shutil.copy(folder.state.path, folder.state.path.with_name("copy.db"))
    Path(copy).replace(folder.state.path)

    with pytest.raises(UnavailableError, match=r"replaced.*remove its -wal and -shm"):
        folder.state.fetch(COUNT)


def test_a_full_database_is_told_and_keeps_nothing_of_the_block(folder: Folder) -> None:
    def fill(connection: Connection) -> None:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
        connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")
        connection.exec_driver_sql("INSERT INTO lease VALUES (?, 'test', 0)", ("x" * 1_000_000,))

    with (
        pytest.raises(UnavailableError, match=r"state.db: the disk is full.*make room") as told,
        folder.state.write() as connection,
    ):
        fill(connection)

    assert told.value.retry_after_s is not None
    assert folder.state.fetch(COUNT) == [(0,)]


def test_the_drivers_own_error_is_told_like_the_others(folder: Folder) -> None:
    def fill(connection: Connection) -> None:
        cursor = connection.connection.cursor()
        cursor.execute(f"PRAGMA max_page_count = {cursor.execute('PRAGMA page_count').fetchone()[0]}")
        cursor.execute("INSERT INTO lease VALUES (?, 'test', 0)", ("x" * 1_000_000,))

    with pytest.raises(UnavailableError, match="the disk is full"), folder.state.write() as connection:
        fill(connection)


def test_a_damaged_file_is_told(folder: Folder) -> None:
    _add(folder.state, "a")
    folder.close()
    content = bytearray(folder.state.path.read_bytes())
    content[100:] = b"\xff" * (len(content) - 100)
    folder.state.path.write_bytes(content)

    with pytest.raises(UnavailableError, match=r"damaged.*backup"):
        folder.state.fetch(COUNT)
