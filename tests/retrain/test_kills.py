"""`kill -9` in the middle of training: of the process that trains, of its worker, or of both."""

import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.retrain.homes import is_alive, store

from telltale.registry.registry import Registry
from telltale.retrain.job_turns import HOLD_S, fail_abandoned_jobs
from telltale.retrain.jobs import enqueue_job, read_job, read_jobs
from telltale.storage.folder import Folder

pytestmark = [
    pytest.mark.slow,
    pytest.mark.server,
    pytest.mark.skipif(sys.platform != "linux", reason="there is no /proc"),
]

WORKER = """
import signal, sys, threading
from pathlib import Path
from tests.retrain.homes import worker_apart
from telltale.storage.folder import open_folder
stop = threading.Event()
signal.signal(signal.SIGTERM, lambda *_: stop.set())
worker_apart(open_folder(Path(sys.argv[1]))).run(stop, poll_s=0.05)
"""


@contextmanager
def working(folder: Folder) -> Iterator["subprocess.Popen[bytes]"]:
    worker = subprocess.Popen([sys.executable, "-c", WORKER, str(folder.path)], stderr=subprocess.DEVNULL)
    try:
        yield worker
    finally:
        worker.kill()
        worker.wait()


def children(pid: int) -> list[int]:
    found = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(child) for file in found for child in file.read_text().split()]


def await_child(worker: "subprocess.Popen[bytes]") -> int:
    give_up_at = time.monotonic() + 30
    while time.monotonic() < give_up_at:
        if found := children(worker.pid):
            return found[0]
        time.sleep(0.01)
    raise TimeoutError("the worker has started no training")


def ask(folder: Folder) -> str:
    return enqueue_job(folder.state, "shop", "alarm", actor="test", reason="r", now=datetime.now(UTC)).id


def await_end(folder: Folder, job_id: str) -> str:
    give_up_at = time.monotonic() + 60
    while read_job(folder.state, job_id).finished_at is None and time.monotonic() < give_up_at:
        time.sleep(0.05)
    return read_job(folder.state, job_id).state


def assert_whole(folder: Folder) -> None:
    """Whatever was killed: the databases are sound, every version has all its files, and one of them decides at most."""
    registry = Registry(folder.state, folder.artifacts)
    for database in (folder.state, folder.events):
        with closing(sqlite3.connect(database.path)) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    versions = registry.versions("shop", "alarm")
    for version in versions:
        registry.verify(version)
    assert sum(version.role == "champion" for version in versions) <= 1
    registered = {move.number for move in registry.history("shop", "alarm") if move.action == "register"}
    assert registered == {version.number for version in versions}


def test_training_that_is_killed_at_any_moment_is_done_again_and_leaves_nothing_half_done(folder: Folder) -> None:
    store(folder, "sample")
    rng = random.Random(5)
    job_id = ask(folder)
    for round_number in range(10):
        if read_job(folder.state, job_id).finished_at is not None:
            job_id = ask(folder)
        whom = ("training", "worker", "both")[round_number % 3]
        with working(folder) as worker:
            training = await_child(worker)
            # It takes about two seconds to start, half of one to train.
            time.sleep(rng.uniform(0.0, 3.0))
            if whom != "worker" and is_alive(training):
                os.kill(training, signal.SIGKILL)
            if whom != "training":
                os.kill(worker.pid, signal.SIGKILL)
                worker.wait()
                give_up_at = time.monotonic() + 5
                while is_alive(training) and time.monotonic() < give_up_at:
                    time.sleep(0.01)
                assert not is_alive(training)
        assert_whole(folder)
        fail_abandoned_jobs(folder.state, now=datetime.now(UTC) + timedelta(seconds=HOLD_S + 1))

    last = ask(folder)
    with working(folder):
        assert await_end(folder, last) == "done"
    assert_whole(folder)
    assert Registry(folder.state, folder.artifacts).champion("shop", "alarm") is not None
    assert {job.state for job in read_jobs(folder.state)} <= {"done", "failed"}
    assert any(job.attempt > 1 for job in read_jobs(folder.state))
    # What they were in the middle of writing is swept, and was never anybody's version.
    in_two_days = datetime.now(UTC) + timedelta(days=2)
    Registry(folder.state, folder.artifacts).sweep("shop", "alarm", now=in_two_days)
    assert list((folder.artifacts.root / ".incoming").glob("*")) == []


def test_the_process_that_trains_is_killed_and_the_worker_trains_again_at_once(folder: Folder) -> None:
    store(folder, "sample")
    job_id = ask(folder)
    with working(folder) as worker:
        os.kill(await_child(worker), signal.SIGKILL)
        assert await_end(folder, job_id) == "done"

    job = read_job(folder.state, job_id)
    assert job.attempt == 2
    assert len(Registry(folder.state, folder.artifacts).versions("shop", "alarm")) == 1


def test_a_worker_told_to_stop_ends_within_seconds_and_its_job_waits_for_the_next(folder: Folder) -> None:
    store(folder, "sample")
    job_id = ask(folder)
    with working(folder) as worker:
        training = await_child(worker)
        began = time.monotonic()
        worker.terminate()
        status = worker.wait(timeout=20)
        ended_s = time.monotonic() - began

    assert (status, is_alive(training)) == (0, False)
    assert ended_s < 5
    assert (read_job(folder.state, job_id).state, read_job(folder.state, job_id).attempt) == ("queued", 1)
    with working(folder):
        assert await_end(folder, job_id) == "done"
