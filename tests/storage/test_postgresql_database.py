"""What a server is asked for that files are not; what both do is held by `pytest -p tests.on_postgresql`."""

import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import insert, select
from sqlalchemy.exc import DBAPIError, IntegrityError
from tests.telemetry.postgresql import postgresql_server

from telltale.contract.errors import ConflictError, UnavailableError, UsageError
from telltale.storage import postgresql_database
from telltale.storage.artifacts import Artifacts
from telltale.storage.database import Database, open_database
from telltale.storage.folder import open_folder
from telltale.storage.tables import lease

pytestmark = [pytest.mark.slow, pytest.mark.sqlite]  # on servers of its own
COUNT = "SELECT count(*) FROM lease"


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with postgresql_server() as found:
        yield found


@pytest.fixture
def state(address: str) -> Iterator[Database]:
    opened = open_database(address, schema="state")
    yield opened
    with opened.write() as connection:
        connection.execute(lease.delete())
    opened.close()


def add(database: Database, name: str) -> None:
    with database.write() as connection:
        connection.execute(insert(lease).values(name=name, owner="test", expires_us=0))


def test_both_schemas_stand_in_one_database_and_are_opened_again_as_they_are(address: str, tmp_path: Path) -> None:
    for _ in range(2):
        folder = open_folder(tmp_path / "home", database=address)
        add(folder.state, f"{time.time_ns()}")
        assert folder.events.fetch("SELECT count(*) FROM event") == [(0,)]
        folder.close()
    assert [path.name for path in (tmp_path / "home").iterdir()] == ["artifacts"], "and no file of SQLite"


def test_the_password_is_told_nowhere(state: Database) -> None:
    assert "kept-to-itself" not in state.url
    assert "***" in state.url


def test_reading_refuses_to_write(state: Database) -> None:
    with pytest.raises(DBAPIError, match="read-only"), state.read() as connection:
        connection.execute(insert(lease).values(name="a", owner="test", expires_us=0))
    with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
        state.fetch("INSERT INTO lease VALUES ('a', 'b', 1)")
    assert state.fetch(COUNT) == [(0,)], "and the connection goes on"


def test_a_reader_sees_one_moment(state: Database) -> None:
    with state.read() as connection:
        before = connection.exec_driver_sql(COUNT).scalar()
        add(state, "a")
        assert connection.exec_driver_sql(COUNT).scalar() == before == 0
    assert state.fetch(COUNT) == [(1,)]


def test_read_then_write_loses_no_update_between_hosts(state: Database, address: str) -> None:
    other = open_database(address, schema="state")  # as another host would
    add(state, "counter")

    def count_up(database: Database) -> None:
        for _ in range(25):
            with database.write() as connection:
                value = connection.execute(select(lease.c.expires_us)).scalar_one()
                connection.execute(lease.update().values(expires_us=value + 1))

    threads = [threading.Thread(target=count_up, args=(database,)) for database in (state, other) * 2]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    other.close()

    assert state.fetch("SELECT expires_us FROM lease") == [(100,)]


def test_a_writer_that_never_ends_makes_the_others_unavailable(
    state: Database, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgresql_database, "BUSY_TIMEOUT_S", 0.2)
    other = open_database(address, schema="state")

    with state.write(), pytest.raises(UnavailableError, match=r"locked by another writer.*Try again"):
        add(other, "b")
    with other.write(), pytest.raises(UnavailableError, match="locked"):
        add(other, "b")

    add(other, "c")
    other.close()
    assert state.fetch("SELECT name FROM lease") == [("c",)]


def test_ids_come_to_be_seen_in_their_order(address: str) -> None:
    """A reader that goes on behind the highest id it saw misses nothing: an id given out is seen before the next is."""
    events = [open_database(address, schema="events") for _ in range(3)]
    sql = "INSERT INTO feedback (app, task, label, actor, at_us) VALUES ('a', 't', 1, 'x', 0)"
    stop = threading.Event()

    def write(database: Database) -> None:
        for _ in range(40):
            with database.write() as connection:
                connection.exec_driver_sql(sql)
                time.sleep(0.001)

    seen: list[int] = []

    def follow() -> None:
        while not stop.is_set() or len(seen) < 80:
            after = seen[-1] if seen else 0
            seen.extend(i for (i,) in events[2].fetch("SELECT id FROM feedback WHERE id > ? ORDER BY id", (after,)))

    threads = [threading.Thread(target=write, args=(database,)) for database in events[:2]]
    follower = threading.Thread(target=follow)
    for thread in (*threads, follower):
        thread.start()
    for thread in threads:
        thread.join()
    stop.set()
    follower.join(timeout=20)

    assert len(seen) == 80
    for database in events:
        database.close()


def test_a_forked_child_has_connections_of_its_own_and_its_parent_keeps_its(state: Database) -> None:
    add(state, "parent")
    child = os.fork()
    if child == 0:
        status = 1
        try:
            add(state, "child")
            status = 0 if state.fetch(COUNT) == [(2,)] else 3
        finally:
            os._exit(status)

    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert state.fetch(COUNT) == [(2,)]
    add(state, "parent again")


def test_constraint_faults_are_told_as_they_are(state: Database) -> None:
    add(state, "a")
    with pytest.raises(IntegrityError):
        add(state, "a")
    with state.write() as connection:
        connection.exec_driver_sql(
            "INSERT INTO ledger (app, task, number, action, role_from, role_to, at_us, actor, reason) "
            "VALUES ('a', 't', 1, 'register', '', 'none', 0, 'x', '')"
        )
    with pytest.raises(IntegrityError, match="append-only"), state.write() as connection:
        connection.exec_driver_sql("UPDATE ledger SET actor = 'nobody'")


def test_a_newer_release_is_refused_and_left_alone(address: str) -> None:
    state = open_database(address, schema="state")
    with state.write() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    try:
        with pytest.raises(ConflictError, match=r"revision 9999.*Upgrade telltale-loop"):
            open_database(address, schema="state")
    finally:
        with state.write() as connection:
            connection.exec_driver_sql("UPDATE alembic_version SET version_num = '0004'")
        state.close()


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (("kept-to-itself", "guessed"), "password authentication failed"),
        (("/postgres", "/elsewhere"), 'database "elsewhere" does not exist'),
        (("127.0.0.1:", "127.0.0.1:1"), "connect"),
    ],
)
def test_a_server_that_cannot_be_opened_says_why_and_tells_no_secret(
    address: str, wrong: tuple[str, str], told: str
) -> None:
    with pytest.raises(UsageError, match=told) as raised:
        open_database(address.replace(*wrong) if "1:" not in wrong[1] else _closed(address), schema="state")
    assert "kept-to-itself" not in str(raised.value)
    assert "DATABASE_URL" in str(raised.value)


def _closed(address: str) -> str:
    """The same at a port where nobody listens."""
    head, _, _ = address.rpartition(":")
    return f"{head}:1/postgres"


def test_an_address_that_is_none_is_told() -> None:
    with pytest.raises(UsageError, match="no address of a database"):
        open_database("postgresql://user@host:port/name", schema="state")


def test_a_server_that_goes_away_is_told_and_used_again_once_it_is_back(tmp_path: Path) -> None:
    with postgresql_server() as address:
        state = open_database(address, schema="state")
        add(state, "before")
        assert state.fetch(COUNT) == [(1,)]
        server, command, folder = _process(address)

        os.kill(server, signal.SIGKILL)
        os.waitpid(server, 0)
        for use in (lambda: add(state, "lost"), lambda: state.fetch(COUNT), lambda: state.read().__enter__()):
            with pytest.raises(UnavailableError, match=r"does not answer.*Try again"):
                use()

        log = (tmp_path / "log").open("w")
        again = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log)
        try:
            give_up_at = time.monotonic() + 20
            while True:
                try:
                    assert state.fetch(COUNT) == [(1,)]
                    break
                except UnavailableError:
                    assert time.monotonic() < give_up_at
                    time.sleep(0.1)
            add(state, "after")
            assert state.fetch(COUNT) == [(2,)]
        finally:
            state.close()
            again.send_signal(signal.SIGINT)
            again.wait(timeout=20)
            log.close()


def _process(address: str) -> tuple[int, list[str], str]:
    """The server's process, the command that started it, and its folder."""
    port = address.rpartition(":")[2].partition("/")[0]
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            words = (entry / "cmdline").read_bytes().split(b"\0")[:-1] if (entry / "cmdline").exists() else []
            texts = [word.decode(errors="replace") for word in words]
            if "-p" in texts and port in texts and "-D" in texts:
                folder = str(Path(texts[texts.index("-D") + 1]).parent)
                through = (
                    ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups"] if os.geteuid() == 0 else []
                )
                return int(entry.name), [*through, *texts], folder
    raise AssertionError("the server is not there")


def test_homes_on_two_hosts_share_the_versions_of_one_database(address: str, tmp_path: Path) -> None:
    models = tmp_path / "models"
    first = open_folder(tmp_path / "one", artifacts=models, database=address)
    second = open_folder(tmp_path / "two", artifacts=models, database=address)
    assert isinstance(second.artifacts, Artifacts)
    first.close()
    second.close()

    with pytest.raises(ConflictError, match="holds the versions of"):
        open_folder(tmp_path / "three", artifacts=models)
