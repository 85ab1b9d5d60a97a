"""Servers in child processes on one core, and what they cost."""

import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from telltale.contract.errors import TelltaleError


def cores() -> tuple[int, int]:
    """One core for the server, another for the generator; the same one where there is no other."""
    found = sorted(os.sched_getaffinity(0))
    return found[0], found[1 % len(found)]


@dataclass(frozen=True, kw_only=True)
class Server:
    """A server under test; `start_s` is from its birth to its first answer."""

    name: str
    port: int
    pid: int
    start_s: float

    def rss_mb(self) -> float:
        """Resident memory of the process and all its descendants."""
        return sum(_rss_bytes(pid) for pid in _family(self.pid)) / 1e6

    def cpu_s(self) -> float:
        """Processor time so far of the process and all its descendants."""
        return sum(_cpu_s(pid) for pid in _family(self.pid))


@contextmanager
def running(
    name: str,
    command: Sequence[str],
    *,
    port: int,
    path: str,
    body: bytes,
    environment: Mapping[str, str],
    on: Sequence[int] | None = None,
) -> Iterator[Server]:
    """A server, from its first answer to the end of the block; on the first core, or on others."""
    began = time.perf_counter()
    child = subprocess.Popen(
        ["taskset", "-c", ",".join(map(str, on or cores()[:1])), *command],
        env={**os.environ, **environment},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _await_answer(name, child, f"http://127.0.0.1:{port}{path}", body)
        yield Server(name=name, port=port, pid=child.pid, start_s=time.perf_counter() - began)
    finally:
        child.terminate()
        try:
            child.wait(timeout=10)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


def python_command(*arguments: str) -> list[str]:
    return [sys.executable, *arguments]


def _await_answer(name: str, child: "subprocess.Popen[bytes]", url: str, body: bytes) -> None:
    give_up_at = time.monotonic() + 60
    request = urllib.request.Request(url, data=body, headers={"content-type": "application/json"})  # noqa: S310 - ours
    while time.monotonic() < give_up_at and child.poll() is None:
        try:
            with urllib.request.urlopen(request, timeout=5) as answer:  # noqa: S310 - our own address
                answer.read()
        except OSError:
            time.sleep(0.01)
        else:
            return
    raise TelltaleError("the server never answered", where=name, mend=f"Start it by hand: {child.args!r}")


def _family(pid: int) -> list[int]:
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *(one for child in children for one in _family(int(child)))]


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _rss_bytes(pid: int) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
