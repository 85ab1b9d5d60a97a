"""`telltale up`: a server, a worker and what that starts; none of them outlives it."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.faults.kills import free_port
from tests.retrain.homes import is_alive

from telltale.apps.helios import APP
from telltale.contract.simulation import Simulation
from telltale.retrain.jobs import enqueue_job, read_job
from telltale.storage.folder import open_folder
from telltale.telemetry.event_store import EventStore
from telltale.train.sources import check_simulated

pytestmark = [
    pytest.mark.slow,
    pytest.mark.server,
    pytest.mark.skipif(sys.platform != "linux", reason="there is no /proc"),
]
_PROGRAMS = {"work", "telltale.home.job_process"}


@contextmanager
def up(home: Path) -> Iterator["subprocess.Popen[bytes]"]:
    environment = os.environ | {"TELLTALE_HOME": str(home)}
    command = [sys.executable, "-m", "telltale", "up", "--port", str(free_port())]
    process = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def family(pid: int) -> dict[int, str]:
    """Those that a process started, and theirs, each with its command."""
    found = {}
    for file in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in map(int, file.read_text().split()):
            found[child] = Path(f"/proc/{child}/cmdline").read_bytes().replace(b"\0", b" ").decode()
            found |= family(child)
    return found


def await_training(process: "subprocess.Popen[bytes]") -> dict[int, str]:
    give_up_at = time.monotonic() + 60
    while time.monotonic() < give_up_at:
        found = family(process.pid)
        if all(any(program in command.split() for command in found.values()) for program in _PROGRAMS):
            return found
        time.sleep(0.05)
    raise TimeoutError(f"no training was started: {found}")


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_nothing_that_it_started_outlives_it_not_even_in_the_middle_of_a_training(
    tmp_path: Path, how: signal.Signals
) -> None:
    folder = open_folder(tmp_path / "home")
    checked = check_simulated(APP, "metrics", Simulation(days=14))
    now = datetime.now(UTC)
    EventStore(folder.events).add("helios", "metrics", checked.frame, checked.columns, source="test", now=now)
    job = enqueue_job(folder.state, "helios", "anomaly", actor="test", reason="r", now=now)
    with up(folder.path) as process:
        started = await_training(process)
        began = time.monotonic()
        process.send_signal(how)
        process.wait(timeout=30)
        while any(map(is_alive, started)) and time.monotonic() - began < 15:
            time.sleep(0.02)
        ended_s = time.monotonic() - began
        left = [command for pid, command in started.items() if is_alive(pid)]

    found = read_job(folder.state, job.id)
    folder.close()
    assert left == []
    assert ended_s < 10
    assert len(started) >= 3  # the server's worker, ours, and the training
    if how == signal.SIGTERM:
        assert (found.state, found.attempt) == ("queued", 1)
    else:
        assert found.state == "running"  # until its hold runs out
