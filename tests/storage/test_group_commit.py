import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import CancelledError, Future
from concurrent.futures import wait as wait_for_all
from pathlib import Path

import pytest
from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError, OperationalError

from telltale.contract.errors import TooLargeError, UnavailableError
from telltale.storage.database import open_database
from telltale.storage.folder import Folder
from telltale.storage.group_commit import GroupCommit

Row = tuple[str, int]
COUNT = "SELECT count(*) FROM lease"


def write_rows(connection: Connection, rows: list[Row]) -> None:
    connection.exec_driver_sql("INSERT INTO lease VALUES (?, 'test', ?)", rows)


class Gate:
    """Writes rows once it is opened, and remembers the size of every group."""

    def __init__(self) -> None:
        self.opened = threading.Event()
        self.entered = threading.Event()
        self.groups: list[list[Row]] = []

    def __call__(self, connection: Connection, rows: list[Row]) -> None:
        self.groups.append(rows)
        self.entered.set()
        assert self.opened.wait(10)
        write_rows(connection, rows)


def test_an_acknowledged_row_is_there_for_another_connection(folder: Folder) -> None:
    with GroupCommit(folder.state, write_rows) as commits:
        commits.submit([("a", 1), ("b", 2)]).result(5)

        assert folder.state.fetch(COUNT) == [(2,)]


def test_submissions_that_come_together_share_a_transaction(folder: Folder) -> None:
    gate = Gate()
    with GroupCommit(folder.state, gate) as commits:
        commits.submit([("first", 0)])
        gate.entered.wait(5)
        futures = [commits.submit([(f"{n}", n)]) for n in range(100)]
        gate.opened.set()
        wait_for_all(futures, timeout=5)

    assert [len(group) for group in gate.groups] == [1, 100]
    assert [name for name, _ in gate.groups[1]] == [f"{n}" for n in range(100)]


def test_a_group_is_closed_at_its_number_of_rows_and_never_splits_a_submission(folder: Folder) -> None:
    gate = Gate()
    with GroupCommit(folder.state, gate, max_rows=10) as commits:
        commits.submit([("first", 0)])
        gate.entered.wait(5)
        sizes = [4, 4, 4, 25, 1]
        for part, size in enumerate(sizes):
            commits.submit([(f"{part} {n}", n) for n in range(size)])
        gate.opened.set()

    assert [len(group) for group in gate.groups] == [1, 8, 4, 25, 1]


def test_a_lone_row_waits_no_longer_than_the_delay(folder: Folder) -> None:
    with GroupCommit(folder.state, write_rows, max_delay_s=0.01) as commits:
        commits.submit([("warm", 0)]).result(5)
        started = time.perf_counter()
        commits.submit([("a", 1)]).result(5)

        assert time.perf_counter() - started < 1


def test_one_callers_bad_rows_fail_that_caller_alone(folder: Folder) -> None:
    gate = Gate()
    with GroupCommit(folder.state, gate) as commits:
        commits.submit([("taken", 0)])
        gate.entered.wait(5)
        good = commits.submit([("a", 1)])
        bad = commits.submit([("b", 2), ("taken", 3)])
        also_good = commits.submit([("c", 4)])
        gate.opened.set()

        assert good.result(5) is None
        assert also_good.result(5) is None
        with pytest.raises(IntegrityError):
            bad.result(5)
    assert sorted(folder.state.fetch("SELECT name FROM lease")) == [("a",), ("c",), ("taken",)]


def test_a_full_disk_fails_everybody_at_once_and_later_rows_go_on(folder: Folder) -> None:
    calls: list[int] = []
    gate = Gate()

    def write(connection: Connection, rows: list[Row]) -> None:
        calls.append(len(rows))
        gate.entered.set()
        gate.opened.wait(10)
        if len(calls) == 2:
            raise OperationalError("INSERT", {}, Exception("database or disk is full"))
        write_rows(connection, rows)

    with GroupCommit(folder.state, write) as commits:
        commits.submit([("first", 0)])
        gate.entered.wait(5)
        futures = [commits.submit([(f"{n}", n)]) for n in range(3)]
        gate.opened.set()
        for future in futures:
            with pytest.raises(OperationalError, match="full"):
                future.result(5)
        commits.submit([("later", 9)]).result(5)

    assert calls == [1, 3, 1]


def test_a_full_queue_refuses_at_once_and_loses_nothing(folder: Folder) -> None:
    gate = Gate()
    with GroupCommit(folder.state, gate, capacity=5) as commits:
        accepted = [commits.submit([("a", 0), ("b", 1)])]
        gate.entered.wait(5)  # rows that are being written count: they are in memory still
        accepted.append(commits.submit([("c", 2), ("d", 3)]))
        with pytest.raises(UnavailableError, match=r"4 rows wait.*at most 5.*Try again"):
            commits.submit([("e", 4), ("f", 5)])
        accepted.append(commits.submit([("g", 6)]))
        gate.opened.set()
        wait_for_all(accepted, timeout=5)
        commits.flush()
        commits.submit([(f"later {n}", n) for n in range(5)]).result(5)

    assert folder.state.fetch(COUNT) == [(10,)]


def test_a_submission_that_can_never_fit_says_so(folder: Folder) -> None:
    with (
        GroupCommit(folder.state, write_rows, capacity=5) as commits,
        pytest.raises(TooLargeError, match=r"6 rows.*5.*smaller parts"),
    ):
        commits.submit([(f"{n}", n) for n in range(6)])


def test_flush_waits_for_what_was_submitted_without_the_delay(folder: Folder) -> None:
    with GroupCommit(folder.state, write_rows, max_delay_s=60) as commits:
        for n in range(10):
            commits.submit([(f"{n}", n)])
        commits.flush()

        assert folder.state.fetch(COUNT) == [(10,)]
        commits.flush()


def test_close_writes_what_waits_and_refuses_more(folder: Folder) -> None:
    commits = GroupCommit(folder.state, write_rows, max_delay_s=60)
    future = commits.submit([("a", 1)])

    commits.close()
    commits.close()

    assert future.done()
    assert folder.state.fetch(COUNT) == [(1,)]
    with pytest.raises(UnavailableError, match="closed"):
        commits.submit([("b", 2)])


def test_a_cancelled_submission_is_not_written_and_holds_nobody_up(folder: Folder) -> None:
    gate = Gate()
    with GroupCommit(folder.state, gate) as commits:
        commits.submit([("first", 0)])
        gate.entered.wait(5)
        kept, dropped = commits.submit([("a", 1)]), commits.submit([("b", 2)])
        assert dropped.cancel()
        gate.opened.set()
        commits.flush()

        assert kept.result(0) is None
        with pytest.raises(CancelledError):
            dropped.result(0)
    assert sorted(folder.state.fetch("SELECT name FROM lease")) == [("a",), ("first",)]


def test_nothing_submitted_is_lost_or_doubled_under_many_threads(folder: Folder) -> None:
    futures: list[Future[None]] = []

    def submit_rows(part: int) -> None:
        futures.extend(commits.submit([(f"{part} {n}", n)]) for n in range(200))

    with GroupCommit(folder.state, write_rows, max_rows=50, max_delay_s=0.001) as commits:
        threads = [threading.Thread(target=submit_rows, args=(part,)) for part in range(5)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    assert all(future.result(0) is None for future in futures)
    assert folder.state.fetch(COUNT) == [(1000,)]


def test_a_forked_child_is_told_to_open_its_own(folder: Folder) -> None:
    with GroupCommit(folder.state, write_rows) as commits:
        child = os.fork()
        if child == 0:
            try:
                commits.submit([("a", 1)])
            except UnavailableError:
                os._exit(0)
            os._exit(1)
        _, status = os.waitpid(child, 0)

    assert os.waitstatus_to_exitcode(status) == 0


WRITER = """
import sys, threading
from telltale.storage.database import open_database
from telltale.storage.group_commit import GroupCommit

def write(connection, rows):
    connection.exec_driver_sql("INSERT INTO lease VALUES (?, 'test', 0)", rows)

def run(part):
    for n in range(1_000_000):
        commits.submit([(f"{part} {n}",)]).result()
        sys.stdout.write(f"{part} {n}\\n")
        sys.stdout.flush()

commits = GroupCommit(open_database(sys.argv[1], schema="state"), write, max_delay_s=0.002)
for part in range(8):
    threading.Thread(target=run, args=(part,)).start()
"""


@pytest.mark.parametrize("after_s", [0.1, 0.35])
def test_a_killed_writer_loses_nothing_that_it_acknowledged(tmp_path: Path, after_s: float) -> None:
    path = tmp_path / "state.db"
    process = subprocess.Popen([sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    first = process.stdout.readline()
    time.sleep(after_s)
    os.kill(process.pid, signal.SIGKILL)
    lines = [first, *process.stdout]
    process.stdout.close()
    process.wait(10)
    acknowledged = {line.strip() for line in lines if line.endswith("\n")}

    database = open_database(path, schema="state")
    stored = {name for (name,) in database.fetch("SELECT name FROM lease")}

    assert len(acknowledged) > 10
    assert acknowledged <= stored
    assert len(stored - acknowledged) <= 8  # at most what each thread had under way
    assert database.fetch("PRAGMA integrity_check") == [("ok",)]
