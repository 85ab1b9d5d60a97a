"""Memory of a server under a steady load, and which part of it grows."""

import subprocess
import sys
import tempfile
import time
from pathlib import Path
from urllib.parse import urlsplit

import msgspec
from benchmarks.serve_peers.generators import Latency, saturate
from benchmarks.serve_peers.servers import Server, cores
from tests.faults.clients import children
from tests.faults.homes import PREDICT, ROW

from telltale.serve.server import RunningServer, start_background
from telltale.serve.settings import ServeSettings

_EVERY_S = 0.25


class Memory(msgspec.Struct, frozen=True, kw_only=True):
    """Resident memory of all processes of a server, in MB: what they made themselves, and pages of files."""

    own: float
    files: float

    @property
    def both(self) -> float:
        return self.own + self.files


class SteadyReport(msgspec.Struct, frozen=True, kw_only=True):
    """What a steady load did: `growth` is the highest memory after warm-up over that at its end, less 1."""

    saturation: float | None
    rate: float
    seconds: float
    warm_s: float
    warm: Memory
    highest: Memory
    last: Memory
    growth: float
    events_db_mb: float
    load: Latency


def steady(settings: ServeSettings, *, seconds: float, warm_s: float, rate: float | None = None) -> SteadyReport:
    """Predictions at scheduled times for so long.

    Args:
        settings: of a home.
        seconds: in all.
        warm_s: of these, before memory is compared.
        rate: requests per second; None measures where the server saturates and takes half of that.

    Raises:
        UsageError: no rate is given and wrk is not installed.
    """
    with (
        tempfile.TemporaryDirectory(prefix="telltale-steady-") as folder,
        start_background(settings, through=("taskset", "-c", str(cores()[0]))) as server,
    ):
        bodies = Path(folder) / "bodies"
        bodies.write_bytes(b"\n".join(msgspec.json.encode(ROW | {"event_count": n}) for n in range(500)))
        found = None if rate is not None else _saturation(server, bodies)
        chosen = rate if rate is not None else found / 2 if found is not None else 0.0
        seen, told = _watch(server, bodies, rate=chosen, seconds=seconds)
    warm = [memory for at_s, memory in seen if at_s <= warm_s][-1]
    after = [memory for at_s, memory in seen if at_s >= warm_s]
    highest = max(after, key=lambda memory: memory.both)
    return SteadyReport(
        saturation=found,
        rate=chosen,
        seconds=seconds,
        warm_s=warm_s,
        warm=warm,
        highest=highest,
        last=after[-1],
        growth=highest.both / warm.both - 1,
        events_db_mb=(Path(settings.home) / "events.db").stat().st_size / 1e6,
        load=told,
    )


def _saturation(server: RunningServer, bodies: Path) -> float:
    tested = Server(name="telltale", port=_port(server), pid=server.pid, start_s=0.0)
    return saturate(tested, PREDICT, bodies, seconds=5)


def _watch(
    server: RunningServer, bodies: Path, *, rate: float, seconds: float
) -> tuple[list[tuple[float, Memory]], Latency]:
    """Memory by seconds since the load began, and what the load saw."""
    command = [sys.executable, "-m", "benchmarks.serve_peers.open_loop", str(_port(server)), PREDICT, str(bodies)]
    asked = [*("taskset", "-c", str(cores()[1])), *command, f"{rate:g}", f"{seconds:g}"]
    seen = []
    began = time.monotonic()
    with subprocess.Popen(asked, stdout=subprocess.PIPE) as generator:
        while generator.poll() is None:
            seen.append((time.monotonic() - began, _memory(server.pid)))
            time.sleep(_EVERY_S)
        assert generator.stdout is not None
        return seen, msgspec.json.decode(generator.stdout.read(), type=Latency)


def _memory(pid: int) -> Memory:
    own = files = 0.0
    for one in _family(pid):
        told = dict(line.split(":", 1) for line in Path(f"/proc/{one}/status").read_text().splitlines())
        own += float(told["RssAnon"].split()[0]) / 1e3
        files += (float(told["RssFile"].split()[0]) + float(told["RssShmem"].split()[0])) / 1e3
    return Memory(own=own, files=files)


def _family(pid: int) -> list[int]:
    return [pid, *(one for child in children(pid) for one in _family(child))]


def _port(server: RunningServer) -> int:
    port = urlsplit(server.url).port
    assert port is not None
    return port
