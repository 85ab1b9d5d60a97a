import os
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import insert, select
from sqlalchemy.exc import IntegrityError, OperationalError

from telltale.contract.errors import ConflictError, TelltaleError, UnavailableError, UsageError
from telltale.storage import sqlite_database
from telltale.storage.database import Database, open_database
from telltale.storage.folder import Folder
from telltale.storage.tables import lease

COUNT = "SELECT count(*) FROM lease"


def add(database: Database, name: str) -> None:
    with database.write() as connection:
        connection.execute(insert(lease).values(name=name, owner="test", expires_us=0))


def test_what_is_written_is_read_by_every_way(folder: Folder) -> None:
    add(folder.state, "a")

    with folder.state.read() as connection:
        assert connection.execute(select(lease.c.name)).scalars().all() == ["a"]
    assert folder.state.fetch("SELECT name, owner FROM lease WHERE name = ?", ("a",)) == [("a", "test")]


def test_a_block_that_raises_writes_nothing(folder: Folder) -> None:
    def write_and_fail() -> None:
        with folder.state.write() as connection:
            connection.execute(insert(lease).values(name="a", owner="test", expires_us=0))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        write_and_fail()

    assert folder.state.fetch(COUNT) == [(0,)]
    add(folder.state, "b")


@pytest.mark.sqlite
def test_reading_connections_refuse_to_write(folder: Folder) -> None:
    with folder.state.read() as connection, pytest.raises(OperationalError, match="readonly"):
        connection.execute(insert(lease).values(name="a", owner="test", expires_us=0))
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        folder.state.fetch("INSERT INTO lease VALUES ('a', 'b', 1)")


def test_a_reader_sees_one_moment_and_does_not_wait_for_a_writer(folder: Folder) -> None:
    with folder.state.read() as connection:
        before = connection.exec_driver_sql(COUNT).scalar()
        add(folder.state, "a")
        after = connection.exec_driver_sql(COUNT).scalar()

    assert (before, after) == (0, 0)
    assert folder.state.fetch(COUNT) == [(1,)]


@pytest.mark.sqlite
def test_commits_reach_the_disk_before_they_are_acknowledged(folder: Folder) -> None:
    with folder.state.write() as connection:
        synchronous = connection.exec_driver_sql("PRAGMA synchronous").scalar()
        journal = connection.exec_driver_sql("PRAGMA journal_mode").scalar()
        foreign_keys = connection.exec_driver_sql("PRAGMA foreign_keys").scalar()

    assert (synchronous, journal, foreign_keys) == (2, "wal", 1)


@pytest.mark.sqlite
def test_read_then_write_in_one_transaction_loses_no_update_between_threads(folder: Folder) -> None:
    other = open_database(folder.state.path, schema="state")  # its own lock: only BEGIN IMMEDIATE orders the two
    add(folder.state, "counter")

    def count_up(database: Database) -> None:
        for _ in range(50):
            with database.write() as connection:
                value = connection.execute(select(lease.c.expires_us)).scalar_one()
                connection.execute(lease.update().values(expires_us=value + 1))

    threads = [threading.Thread(target=count_up, args=(database,)) for database in (folder.state, other) * 2]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert folder.state.fetch("SELECT expires_us FROM lease") == [(200,)]


@pytest.mark.sqlite
def test_a_writer_that_never_ends_makes_the_others_unavailable(
    folder: Folder, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(sqlite_database, "BUSY_TIMEOUT_S", 0.05)
    quick = open_database(folder.state.path, schema="state")

    with folder.state.write() as connection:
        connection.execute(insert(lease).values(name="a", owner="test", expires_us=0))
        with pytest.raises(UnavailableError, match=r"locked by another writer.*Try again"):
            add(quick, "b")
    with quick.write(), pytest.raises(UnavailableError, match="locked"):
        add(quick, "b")

    add(quick, "c")
    assert sorted(quick.fetch("SELECT name FROM lease")) == [("a",), ("c",)]


def test_constraint_faults_are_told_as_they_are(folder: Folder) -> None:
    add(folder.state, "a")

    with pytest.raises(IntegrityError):
        add(folder.state, "a")


def run_in_fork(act: Callable[[], object]) -> int:
    """The exit status of a forked child that runs `act`: 0 if it returns, 7 if it is refused, 1 otherwise."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            act()
            status = 0
        except UnavailableError as error:
            status = 7 if "forked while its parent had the database open" in str(error) else 1
        finally:
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


@pytest.mark.sqlite
def test_a_forked_child_is_refused_what_its_parent_has_open(folder: Folder) -> None:
    add(folder.state, "parent")
    folder.state.fetch(COUNT)

    assert run_in_fork(lambda: add(folder.state, "child")) == 7
    assert run_in_fork(lambda: folder.state.fetch(COUNT)) == 7
    assert run_in_fork(lambda: folder.state.read().__enter__()) == 7
    assert run_in_fork(lambda: open_database(folder.state.path, schema="state")) == 7
    add(folder.state, "parent again")
    assert folder.state.fetch(COUNT) == [(2,)]


def test_a_child_forked_after_closing_has_connections_of_its_own(folder: Folder) -> None:
    add(folder.state, "parent")
    folder.close()

    assert run_in_fork(lambda: add(folder.state, "child")) == 0
    assert sorted(folder.state.fetch("SELECT name FROM lease")) == [("child",), ("parent",)]


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="open files are counted the Linux way")
@pytest.mark.sqlite
def test_threads_that_end_leave_no_connection_behind(folder: Folder) -> None:
    def n_open() -> int:
        return sum(path.resolve() == folder.state.path for path in Path("/proc/self/fd").iterdir())

    before = n_open()
    for _ in range(20):
        thread = threading.Thread(target=folder.state.fetch, args=(COUNT,))
        thread.start()
        thread.join()

    assert n_open() <= before + 1  # SQLite keeps the file of a closed connection for the next one


def test_a_closed_database_opens_again_when_used(folder: Folder) -> None:
    folder.state.fetch(COUNT)
    folder.state.close()

    assert folder.state.fetch(COUNT) == [(0,)]


def test_processes_that_open_a_new_file_at_once_all_get_it_whole(tmp_path: Path) -> None:
    script = (
        "import sys; from telltale.storage.database import open_database; sys.stdin.readline();"
        "print(open_database(sys.argv[1], schema='state').fetch('SELECT count(*) FROM ledger'))"
    )
    command = [sys.executable, "-W", "error", "-c", script, str(tmp_path / "state.db")]
    processes = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(4)
    ]

    for process in processes:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    results = [process.communicate(timeout=60) for process in processes]

    assert [out.strip() for out, _ in results] == ["[(0,)]"] * 4, results


@pytest.mark.parametrize("prefix", ["", "sqlite:///"])
def test_a_file_and_its_url_are_the_same_database(tmp_path: Path, prefix: str) -> None:
    add(open_database(tmp_path / "state.db", schema="state"), "a")

    opened = open_database(f"{prefix}{tmp_path / 'state.db'}", schema="state")

    assert opened.fetch(COUNT) == [(1,)]
    assert opened.url == f"sqlite:///{tmp_path / 'state.db'}"


def test_other_databases_are_refused_with_what_is_supported() -> None:
    with pytest.raises(UsageError, match=r"'mysql' databases are not supported.*postgresql://USER"):
        open_database("mysql://host/name", schema="state")


def test_a_missing_folder_is_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"cannot be opened.*Check that the folder exists"):
        open_database(tmp_path / "nowhere" / "state.db", schema="state")


def test_a_file_that_is_no_database_is_told_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    path.write_bytes(b"not a database at all" * 500)

    with pytest.raises(TelltaleError, match=r"not a whole SQLite database.*backup"):
        open_database(path, schema="state")

    assert path.read_bytes() == b"not a database at all" * 500


def test_a_database_of_a_newer_release_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    with open_database(path, schema="state").write() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")

    with pytest.raises(ConflictError, match=r"revision 9999.*Upgrade telltale-loop"):
        open_database(path, schema="state")
