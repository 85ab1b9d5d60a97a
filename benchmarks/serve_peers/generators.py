"""Load on the second core: closed loop by wrk, open loop by our own, and one large batch."""

import http.client
import re
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

from benchmarks.serve_peers.servers import Server, cores, python_command
from telltale.contract.errors import UsageError

_SCRIPT = """
local bodies = {}
for line in io.lines(os.getenv("BENCH_BODIES")) do bodies[#bodies + 1] = line end
local fresh = tonumber(os.getenv("BENCH_FRESH"))
local i = 0
wrk.method = "POST"
wrk.headers["content-type"] = "application/json"
request = function()
  i = i % #bodies + 1
  local body = bodies[i]
  if fresh > 0 then
    fresh = fresh + 1
    body = body:gsub("@+", string.format("%016x", fresh):reverse(), 1)
  end
  return wrk.format(nil, nil, nil, body)
end
"""
CONNECTIONS = 32
# Stands in a body for 16 hexadecimal digits that no request before had; backwards, so that they sort as random ones do.
FRESH = "@" * 16


class Latency(msgspec.Struct):
    """What an open loop saw; fewer answers than were due means that the server fell behind."""

    rate: float
    n: int
    n_due: int
    failures: int
    p50_ms: float
    p99_ms: float


def saturate(server: Server, path: str, bodies: Path, *, seconds: int) -> float:
    """Requests per second in a closed loop of 32 connections. Raises UsageError without wrk."""
    if shutil.which("wrk") is None:
        raise UsageError("wrk is not installed", where="benchmarks serve", mend="apt-get install wrk")
    script = bodies.with_suffix(".lua")
    script.write_text(_SCRIPT)
    command = ["taskset", "-c", str(cores()[1]), "wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "-s", str(script)]
    told = subprocess.run(
        [*command, f"http://127.0.0.1:{server.port}{path}"],
        capture_output=True,
        text=True,
        check=True,
        env={"BENCH_BODIES": str(bodies), "BENCH_FRESH": _first(bodies), "PATH": "/usr/bin:/bin:/usr/local/bin"},
    ).stdout
    refused = re.search(r"Non-2xx or 3xx responses: (\d+)", told)
    found = re.search(r"Requests/sec:\s+([\d.]+)", told)
    if refused or not found:
        raise UsageError(f"{server.name} refused requests: {told}", where="benchmarks serve", mend="Mend the server.")
    return float(found.group(1))


def _first(bodies: Path) -> str:
    """What fresh digits begin after: later than any that were sent before; 0 where there are none."""
    return str(time.time_ns() // 1_000) if FRESH in bodies.read_text() else "0"


def open_loop(server: Server, path: str, bodies: Path, *, rate: float, seconds: float) -> Latency:
    """Latency at a fixed rate of scheduled requests."""
    command = python_command(
        "-m", "benchmarks.serve_peers.open_loop", str(server.port), path, str(bodies), f"{rate:g}", f"{seconds:g}"
    )
    told = subprocess.run(["taskset", "-c", str(cores()[1]), *command], capture_output=True, check=True).stdout
    return msgspec.json.decode(told, type=Latency)


def batch(server: Server, path: str, lines: Callable[[], Iterator[bytes]]) -> tuple[int, float, float]:
    """Rows answered, seconds, and how far memory rose above where it stood (MB), for one streamed batch."""
    before_mb = peak_mb = server.rss_mb()
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=300)
    began = time.perf_counter()
    connection.putrequest("POST", path)
    connection.putheader("transfer-encoding", "chunked")
    connection.endheaders()
    is_done = threading.Event()

    def watch() -> None:
        nonlocal peak_mb
        while not is_done.wait(0.05):
            peak_mb = max(peak_mb, server.rss_mb())

    def send() -> None:
        for part in lines():
            connection.send(b"%x\r\n%b\r\n" % (len(part), part))
        connection.send(b"0\r\n\r\n")

    threads = [threading.Thread(target=watch), threading.Thread(target=send)]
    for thread in threads:
        thread.start()
    # Read while sending, as the server answers while it reads.
    answer = connection.response_class(connection.sock, method="POST")
    answer.begin()
    n_rows = 0
    while part := answer.read(1 << 16):
        n_rows += part.count(b"\n")
    seconds = time.perf_counter() - began
    is_done.set()
    for thread in threads:
        thread.join()
    answer.close()
    connection.close()
    return n_rows, seconds, peak_mb - before_mb
