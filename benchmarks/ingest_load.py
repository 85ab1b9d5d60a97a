"""A closed loop of requests with events, in a process of its own: each connection sends its next once the last is answered.

Some requests are sent twice, at once or a little later, with a key and without: what is counted as accepted is what the
first answer said, and a second answer under a key must say the same.
"""

import argparse
import asyncio
import sys
import time
from collections import deque

import msgspec

from benchmarks.ingest_rows import PATH, body, row

_SENT_TWICE = 16  # one of so many
_LIMIT_S = 120.0


class Load(msgspec.Struct):
    """What was seen: `accepted` rows by what first answers said; `differing` answers to the same request under a key."""

    seconds: float
    n_requests: int
    accepted: int
    refused: int
    differing: int
    p50_ms: float
    p99_ms: float


class _Answer(msgspec.Struct):
    accepted: int
    already_stored: int


class _Sent(msgspec.Struct):
    number: int
    text: bytes


def requests(first: int, n_requests: int, rows_a_request: int) -> list[_Sent]:
    """The requests in order; some of them twice."""
    made: list[_Sent] = []
    for number in range(n_requests):
        start = first + number * rows_a_request
        content = body(start, as_list=number % 2 == 1) if rows_a_request > 1 else msgspec.json.encode(row(start))
        key = b"idempotency-key: round-%d-%d\r\n" % (first, number) if number % _SENT_TWICE in (0, 8) else b""
        text = b"POST %b HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n%bcontent-length: %d\r\n\r\n%b" % (
            PATH.encode(), key, len(content), content
        )  # fmt: skip
        made.append(_Sent(number, text))
        if number % _SENT_TWICE == 0:
            made.append(made[-1])  # at once: both are under way together
        elif number % _SENT_TWICE == 9 and number > 9:
            made.append(made[-2] if key else made[-4])
    return made


class _Connection(asyncio.Protocol):
    def __init__(self, waiting: "deque[_Sent]", seen: "_Seen") -> None:
        self._waiting = waiting
        self._seen = seen
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def send_next(self) -> None:
        if not self._waiting:
            self._seen.one_is_done()
            return
        self._sent = self._waiting.popleft()
        self._at = time.perf_counter()
        self._transport.write(self._sent.text)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, gap, content = self._buffer.partition(b"\r\n\r\n")
        if not gap or len(content) < int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0]):
            return
        self._buffer = b""
        if head.startswith(b"HTTP/1.1 200"):
            self._seen.latencies_s.append(time.perf_counter() - self._at)
            self._seen.answers.setdefault(self._sent.number, []).append(msgspec.json.decode(content, type=_Answer))
        else:
            self._seen.refused += 1
            self._waiting.append(self._sent)
        self.send_next()


class _Seen:
    def __init__(self, n_connections: int) -> None:
        self.answers: dict[int, list[_Answer]] = {}
        self.latencies_s: list[float] = []
        self.refused = 0
        self.done = asyncio.get_running_loop().create_future()
        self._n_open = n_connections

    def one_is_done(self) -> None:
        self._n_open -= 1
        if self._n_open == 0:
            self.done.set_result(None)


async def load(port: int, *, first: int, n_requests: int, rows_a_request: int, n_connections: int) -> Load:
    """Send them all."""
    made = requests(first, n_requests, rows_a_request)
    keyed = {sent.number for sent in made if b"idempotency-key" in sent.text[:300]}
    waiting = deque(made)
    seen = _Seen(n_connections)
    loop = asyncio.get_running_loop()
    connections = [
        (await loop.create_connection(lambda: _Connection(waiting, seen), "127.0.0.1", port))[1]
        for _ in range(n_connections)
    ]
    began = time.perf_counter()
    for connection in connections:
        connection.send_next()
    await asyncio.wait_for(seen.done, _LIMIT_S)
    seconds = time.perf_counter() - began
    ordered = sorted(seen.latencies_s)
    return Load(
        seconds=seconds,
        n_requests=len(made),
        accepted=sum(max(answer.accepted for answer in answers) for answers in seen.answers.values()),
        refused=seen.refused,
        differing=sum(
            any(answer != answers[0] for answer in answers)
            for number, answers in seen.answers.items()
            if number in keyed
        ),
        p50_ms=ordered[len(ordered) // 2] * 1e3,
        p99_ms=ordered[int(len(ordered) * 0.99)] * 1e3,
    )


def main() -> None:
    parser = argparse.ArgumentParser()
    for name in ("port", "first", "n_requests", "rows_a_request", "n_connections"):
        parser.add_argument(name, type=int)
    asked = vars(parser.parse_args())
    sys.stdout.buffer.write(msgspec.json.encode(asyncio.run(load(asked.pop("port"), **asked))))


if __name__ == "__main__":
    main()
