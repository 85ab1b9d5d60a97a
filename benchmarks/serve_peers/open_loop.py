"""Requests at scheduled times over kept-alive connections, whether or not the answers before have come.

A request's latency counts from the time it was due, so that a server that stalls is charged for every request that
waited (no coordinated omission).
"""

import argparse
import asyncio
import sys
import time
from pathlib import Path

import msgspec

# As `generators.FRESH`.
_FRESH = b"@" * 16


class _Connection(asyncio.Protocol):
    """One HTTP/1.1 connection with one request in flight."""

    def __init__(self, free: list["_Connection"], latencies_s: list[float]) -> None:
        self.failures = 0
        self._free = free
        self._latencies_s = latencies_s
        self._due = 0.0
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._free.append(self)

    def send(self, request: bytes, due: float) -> None:
        self._due = due
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, gap, body = self._buffer.partition(b"\r\n\r\n")
        if not gap:
            return
        length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
        if len(body) < length:
            return
        self._buffer = b""
        self.failures += not head.startswith(b"HTTP/1.1 200")
        self._latencies_s.append(time.perf_counter() - self._due)
        self._free.append(self)


async def load(port: int, requests: list[bytes], *, rate: float, seconds: float) -> dict[str, float]:
    loop = asyncio.get_running_loop()
    free: list[_Connection] = []
    latencies_s: list[float] = []
    connections = []
    for _ in range(64):
        _, connection = await loop.create_connection(lambda: _Connection(free, latencies_s), "127.0.0.1", port)
        connections.append(connection)
    began = time.perf_counter()
    n_due = int(rate * seconds)
    fresh = time.time_ns() // 1_000 if any(_FRESH in request for request in requests) else 0
    sent = 0
    while sent < n_due:
        now = time.perf_counter()
        while sent < n_due and began + sent / rate <= now and free:
            request = requests[sent % len(requests)]
            if fresh:
                request = request.replace(_FRESH, (b"%016x" % (fresh + sent))[::-1], 1)
            free.pop().send(request, began + sent / rate)
            sent += 1
        await asyncio.sleep(0)
        if time.perf_counter() - began > 3 * seconds:
            break
    await asyncio.sleep(0.3)
    ordered = sorted(latencies_s)
    return {
        "rate": rate,
        "n": len(ordered),
        "n_due": n_due,
        "failures": sum(connection.failures for connection in connections),
        "p50_ms": ordered[len(ordered) // 2] * 1e3,
        "p99_ms": ordered[int(len(ordered) * 0.99)] * 1e3,
        "took_s": time.perf_counter() - began,
    }


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("port", type=int)
    parser.add_argument("path")
    parser.add_argument("bodies", type=Path)
    parser.add_argument("rate", type=float)
    parser.add_argument("seconds", type=float)
    asked = parser.parse_args()
    requests = [
        b"POST %b HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b"
        % (asked.path.encode(), len(body), body)
        for body in asked.bodies.read_bytes().splitlines()
    ]
    sys.stdout.buffer.write(
        msgspec.json.encode(asyncio.run(load(asked.port, requests, rate=asked.rate, seconds=asked.seconds)))
    )


if __name__ == "__main__":
    main()
