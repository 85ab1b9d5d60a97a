"""Retrainings in processes of their own: their limits, their deaths, and what they take from others."""

import os
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.retrain.homes import is_alive, store, worker_apart

from telltale.registry.registry import Registry
from telltale.retrain.job_turns import MOST_ATTEMPTS
from telltale.retrain.jobs import Job, enqueue_job, read_job
from telltale.storage.folder import Folder

NOW = datetime(2024, 12, 1, tzinfo=UTC)
LINUX = pytest.mark.skipif(sys.platform != "linux", reason="there is no /proc")


def ask(folder: Folder, task: str = "next") -> Job:
    return enqueue_job(folder.state, "shop", task, actor="someone", reason="why not", now=NOW)


def why(folder: Folder, job: Job) -> str:
    found = read_job(folder.state, job.id)
    return f"{found.state}: {(found.result or {}).get('reason')}"


def await_pids(file: Path, n: int) -> list[int]:
    give_up_at = time.monotonic() + 20
    while time.monotonic() < give_up_at:
        pids = file.read_text().split() if file.exists() else []
        if len(pids) == n:
            return [int(pid) for pid in pids]
        time.sleep(0.02)
    raise TimeoutError(f"{file} does not name {n} processes")


@pytest.mark.slow
def test_a_retraining_in_a_process_of_its_own_ends_as_one_in_this(folder: Folder) -> None:
    store(folder, "sample")
    job = ask(folder, "alarm")

    (done,) = worker_apart(folder).run_jobs()

    assert (done.task, done.action, done.version) == ("shop/alarm", "promote", 1)
    assert read_job(folder.state, job.id).state == "done"
    champion = Registry(folder.state, folder.artifacts).champion("shop", "alarm")
    assert champion is not None
    assert champion.number == 1
    assert list((folder.artifacts.root / ".incoming").glob("*")) == []


def test_what_goes_wrong_there_is_told_here(folder: Folder) -> None:
    job = ask(folder, "gone")

    (done,) = worker_apart(folder).run_jobs()

    assert done.action == "failed"
    assert "'gone' is not known" in why(folder, job)
    assert why(folder, job).startswith("failed")


def test_what_takes_too_long_is_killed_and_has_failed(folder: Folder) -> None:
    job = ask(folder)
    began = time.monotonic()

    worker_apart(folder, program="import time; time.sleep(60)", max_seconds=0.5).run_jobs()

    assert time.monotonic() - began < 20
    assert why(folder, job) == "failed: it took longer than 0.5 s; see JOB_MAX_SECONDS"
    assert read_job(folder.state, job.id).attempt == 1


@LINUX
def test_what_takes_too_much_memory_is_killed_and_has_failed(folder: Folder) -> None:
    job = ask(folder)
    # A child's memory counts too.
    hungry = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'import time; a = bytes(3 * 10**8); b = "
    hungry += "bytearray(a); time.sleep(60)'])"

    worker_apart(folder, program=hungry, max_memory_mb=200).run_jobs()

    assert "failed: it took " in why(folder, job)
    assert "MB of memory, and 200 are allowed; see JOB_MAX_MEMORY_MB" in why(folder, job)


@pytest.mark.slow
def test_memory_that_is_mapped_and_not_touched_does_not_count(folder: Folder) -> None:
    job = ask(folder)
    mapping = "import mmap, time; m = mmap.mmap(-1, 4 * 10**9); time.sleep(0.8)"

    worker_apart(folder, program=mapping, max_memory_mb=200).run_jobs()

    assert "its process ended with status 0" in why(folder, job)  # by itself, each time


@pytest.mark.parametrize(
    ("program", "told"),
    [
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "its process was killed by signal 9"),
        ("print('hello')", "its process ended with status 0 and told nothing"),
    ],
)
def test_a_process_that_dies_is_begun_again_until_it_died_too_often(folder: Folder, program: str, told: str) -> None:
    job = ask(folder)

    (done,) = worker_apart(folder, program=program).run_jobs()

    assert read_job(folder.state, job.id).attempt == MOST_ATTEMPTS
    assert done.action == "failed"
    assert told in why(folder, job)
    assert f"the last of {MOST_ATTEMPTS} attempts" in why(folder, job)


@LINUX
def test_a_worker_that_is_stopped_ends_the_training_and_its_children_at_once(folder: Folder, tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    program = f"""
import os, subprocess, sys
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
open({str(pids)!r}, "w").write(f"{{os.getpid()}} {{child.pid}}")
child.wait()
"""
    job, after = ask(folder), ask(folder, "trend")
    stop = threading.Event()
    thread = threading.Thread(target=worker_apart(folder, program=program).run, args=(stop,))
    thread.start()
    running = await_pids(pids, 2)

    began = time.monotonic()
    stop.set()
    thread.join()

    assert time.monotonic() - began < 5
    assert [is_alive(pid) for pid in running] == [False, False]
    found = read_job(folder.state, job.id)
    assert (found.state, found.attempt, found.started_at) == ("queued", 1, None)
    assert read_job(folder.state, after.id).state == "queued"


@LINUX
def test_such_a_process_gives_way_to_others() -> None:
    program = """
import os
from pathlib import Path
from telltale.home.job_process import give_way
give_way()
print(os.nice(0), os.sched_getscheduler(0) == os.SCHED_BATCH, Path("/proc/self/oom_score_adj").read_text())
"""
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()

    assert int(told[0]) >= 10
    assert told[1] == "True"
    assert int(told[2]) >= 500


def test_its_libraries_leave_half_of_the_cores(folder: Folder, tmp_path: Path) -> None:
    told = tmp_path / "told"
    ask(folder)
    program = f"import os; open({str(told)!r}, 'w').write(os.environ['OMP_NUM_THREADS'] + ' ' + os.environ['TMPDIR'])"

    worker_apart(folder, program=program).run_jobs()

    n_threads, temporary = told.read_text().split()
    assert 1 <= int(n_threads) <= max(1, (os.cpu_count() or 1) // 2)
    assert Path(temporary).is_relative_to(folder.artifacts.root)
    assert not Path(temporary).exists()
