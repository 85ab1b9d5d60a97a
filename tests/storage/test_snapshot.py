import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from telltale.contract.errors import ConflictError
from telltale.storage.snapshot import held_alone, is_sqlite, snapshot

N_PAGES = 200


@pytest.fixture
def writer(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    """A connection to a database of some hundred pages, whose row says how often it was written."""
    with closing(sqlite3.connect(tmp_path / "busy.db", isolation_level=None)) as connection:
        connection.executescript(
            "PRAGMA journal_mode = WAL; CREATE TABLE tally (n INTEGER); INSERT INTO tally VALUES (0);"
            "CREATE TABLE filler (content BLOB); CREATE TABLE other (n INTEGER); INSERT INTO other VALUES (0);"
        )
        connection.execute("INSERT INTO filler VALUES (zeroblob(?))", (N_PAGES * 4096,))
        yield connection


def test_a_copy_is_of_one_moment_however_much_is_written_meanwhile(
    writer: sqlite3.Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("telltale.storage.snapshot._PAGES", 1)
    told: list[tuple[int, int]] = []

    def write(done: int, of: int) -> None:
        told.append((done, of))
        assert len(told) < 2 * N_PAGES, "it begins anew whenever somebody writes"
        writer.executescript("BEGIN; UPDATE tally SET n = n + 1; UPDATE other SET n = n + 1; COMMIT;")

    snapshot(tmp_path / "busy.db", tmp_path / "copy.db", progress=write)

    assert told[-1][0] == told[-1][1] > N_PAGES
    with closing(sqlite3.connect(tmp_path / "copy.db")) as copy:
        assert copy.execute("SELECT tally.n, other.n FROM tally, other").fetchall() == [(0, 0)]
    assert writer.execute("SELECT n FROM tally").fetchone() == (len(told),)


def test_an_idle_connection_of_another_process_is_seen_and_nobody_can_come_while_it_is_held(
    writer: sqlite3.Connection, tmp_path: Path
) -> None:
    writer.close()
    path = tmp_path / "busy.db"
    program = (
        "import sqlite3, sys\n"
        "connection = sqlite3.connect(sys.argv[1], timeout=0)\n"
        "try:\n    print(connection.execute('SELECT n FROM tally').fetchone(), flush=True)\n"
        "except sqlite3.OperationalError as error:\n    print(error, flush=True)\n"
        "sys.stdin.read()\n"
    )
    command = [sys.executable, "-c", program, str(path)]

    with held_alone(path):
        refused = subprocess.run(command, check=True, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    assert refused.stdout == "database is locked\n"
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as idle:
        assert idle.stdout is not None
        assert idle.stdin is not None
        assert idle.stdout.readline() == "(0,)\n"
        with pytest.raises(ConflictError, match=r"a process has busy\.db open"), held_alone(path):
            pass
        idle.stdin.close()
    with held_alone(path):
        pass


def test_a_database_is_known_by_how_it_begins(writer: sqlite3.Connection, tmp_path: Path) -> None:
    (tmp_path / "text.db").write_text("SQLite, it says here")
    (tmp_path / "empty.db").touch()

    found = {path.name: is_sqlite(path) for path in tmp_path.glob("*.db")}
    assert found == {"busy.db": True, "text.db": False, "empty.db": False}
