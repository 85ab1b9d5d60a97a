"""A retraining in a process of its own: it may take long, run wild or be killed, and the worker looks on.

The process is started with an order on its standard input and answers with a `Retraining` on its standard output, both
as JSON. It gives way to whoever serves (`telltale.home.job_process`); here it is held to its limits.
"""

import os
import signal
import subprocess
import threading
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from time import monotonic
from typing import Final, Literal

import msgspec

from telltale.retrain.retraining import Retraining
from telltale.storage.artifacts import Artifacts

_LOOK_S: Final = 0.2
# Libraries that would take every core; half of them are left to whoever serves.
_THREADS: Final = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMBA_NUM_THREADS",
    "POLARS_MAX_THREADS",
    "RAYON_NUM_THREADS",
)


class JobOrder(msgspec.Struct, frozen=True, kw_only=True):
    """What such a process is told to do.

    Args:
        parent: the worker; the process ends with it.
        home, artifacts, database: the folder, where versions are kept, and the server that keeps the databases or "".
        apps: apps as `module:NAME`; the process imports them again.
        app, task, actor, unless_same, begun_at, device: as `retrain`.
        log_level: of what it writes to standard error.
    """

    parent: int
    home: str
    artifacts: str
    database: str
    apps: tuple[str, ...]
    app: str
    task: str
    actor: str
    unless_same: bool
    begun_at: datetime | None
    device: str
    log_level: str


class Apart(msgspec.Struct, frozen=True, kw_only=True):
    """How retrainings are done in a process of their own.

    Args:
        command: starts a process that reads a `JobOrder`.
        apps: apps as `module:NAME`.
        log_level: of the process.
        max_seconds: of one retraining; longer, and it is killed.
        max_memory_mb: of resident memory, its own and its children's. It is looked at five times a second, on Linux
            alone: a limit of address space would refuse what libraries map and never touch.
    """

    command: tuple[str, ...]
    apps: tuple[str, ...]
    log_level: str = "info"
    max_seconds: float = 3_600.0
    max_memory_mb: int = 4_096


class CutShort(msgspec.Struct, frozen=True):
    """A retraining that came to no end: its worker was told to stop, its process died, or it went over a limit."""

    kind: Literal["stopped", "died", "limit"]
    why: str


def retrain_apart(
    apart: Apart, order: JobOrder, artifacts: Artifacts, *, stop: threading.Event | None = None
) -> Retraining | CutShort:
    """Retrain in another process, and wait for it.

    The thread that calls this must last as long: the process is killed with it.

    Args:
        apart: the limits.
        order: what to do.
        artifacts: whose folder takes its temporary files, so that what a killed process leaves is swept.
        stop: set while it runs, it is killed.
    """
    with artifacts.scratch() as scratch:
        # A session of its own: Ctrl-C is for the worker, which then ends it, and it is killed with its children.
        child = subprocess.Popen(
            apart.command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=_few_threads() | os.environ | {"TMPDIR": str(scratch)},
            start_new_session=True,
        )
        try:
            return _wait(child, apart, msgspec.json.encode(order), stop or threading.Event())
        finally:
            with suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)
            child.wait()
            for pipe in (child.stdin, child.stdout):
                if pipe is not None:
                    pipe.close()


def _wait(child: "subprocess.Popen[bytes]", apart: Apart, order: bytes, stop: threading.Event) -> Retraining | CutShort:
    give_up_at = monotonic() + apart.max_seconds
    most_bytes = apart.max_memory_mb * 1_000_000
    sent: bytes | None = order
    while True:
        try:
            told, _ = child.communicate(sent, timeout=_LOOK_S)
            break
        except subprocess.TimeoutExpired:
            sent = None  # once; `communicate` goes on where it was
        if stop.is_set():
            return CutShort("stopped", "its worker was told to stop")
        if monotonic() > give_up_at:
            return CutShort("limit", f"it took longer than {apart.max_seconds:g} s; see JOB_MAX_SECONDS")
        if (taken := resident_bytes(child.pid)) > most_bytes:
            return CutShort(
                "limit",
                f"it took {taken / 1e6:.0f} MB of memory, and {apart.max_memory_mb} are allowed; see JOB_MAX_MEMORY_MB "
                "and, for fewer rows, EVENT_RETENTION_DAYS",
            )
    if child.returncode < 0:
        return CutShort("died", f"its process was killed by signal {-child.returncode}")
    try:
        return msgspec.json.decode(told, type=Retraining)
    except msgspec.DecodeError:
        return CutShort("died", f"its process ended with status {child.returncode} and told nothing; see the log")


def resident_bytes(pid: int) -> int:
    """Memory that a process and those it started hold, in bytes; 0 where there is no /proc."""
    total = 0
    for one in _with_children(pid):
        with suppress(OSError, IndexError, ValueError):
            total += int(Path(f"/proc/{one}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    return total


def _with_children(pid: int) -> Iterator[int]:
    yield pid
    for thread in Path(f"/proc/{pid}/task").glob("*/children"):
        with suppress(OSError):
            for child in thread.read_text().split():
                yield from _with_children(int(child))


def _few_threads() -> dict[str, str]:
    """Half of the cores for each library; one of two."""
    n_threads = max(1, (os.cpu_count() or 1) // 2)
    return dict.fromkeys(_THREADS, str(n_threads))
