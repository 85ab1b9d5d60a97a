"""Bodies that come slowly, in part or not at all, over real sockets. Fixtures' types live in conftest: hence Any."""

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.serve.http.hostile_bodies import WAYS

from telltale.serve.server import RunningServer, start_background

pytestmark = [pytest.mark.slow, pytest.mark.server]
PREDICT, BATCH, EVENTS = "/v1/helios/anomaly/predict", "/v1/helios/anomaly/predict:batch", "/v1/helios/events/metrics"
GOOD = WAYS["row"].good()


class Wire(msgspec.Struct):
    """A connection, and what the server sends on it."""

    made: socket.socket

    def send(self, *parts: bytes, pause_s: float = 0.0) -> None:
        for part in parts:
            self.made.sendall(part)
            time.sleep(pause_s)

    def answer(self, within_s: float = 10.0) -> tuple[int, str]:
        """Status and all that was sent until the server pauses or closes."""
        self.made.settimeout(within_s)
        told = b""
        try:
            while part := self.made.recv(65_536):
                told += part
                if told.endswith((b"}", b"0\r\n\r\n", b"}\n")):
                    break
        except (TimeoutError, ConnectionResetError):
            pass
        return (int(told.split(b" ", 2)[1]) if told else 0), told.decode("latin-1")


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "server.log"


@pytest.fixture
def server(settings: Any, log: Path) -> Iterator[RunningServer]:
    with (
        log.open("wb") as file,
        start_background(msgspec.structs.replace(settings, body_timeout_s=1.0), log_to=file) as running,
    ):
        yield running


@pytest.fixture
def connect(server: RunningServer) -> Iterator[Callable[[], Wire]]:
    port = int(server.url.rpartition(":")[2])
    made = []

    def one() -> Wire:
        made.append(Wire(socket.create_connection(("127.0.0.1", port))))
        return made[-1]

    yield one
    for wire in made:
        wire.made.close()


def _head(path: str, *more: str) -> bytes:
    return "\r\n".join([f"POST {path} HTTP/1.1", "Host: 127.0.0.1", *more, "", ""]).encode()


def test_bodies_that_are_cut_or_slow_are_refused_and_leave_no_trace(connect: Callable[[], Wire], log: Path) -> None:
    for path in (PREDICT, BATCH, EVENTS, "/v1/jobs"):
        cut = connect()
        cut.send(_head(path, f"Content-Length: {len(GOOD) + 50}"), GOOD + b"\n")
        cut.made.shutdown(socket.SHUT_WR)
        status, told = cut.answer()
        # Of a batch the answer may have begun: then its last line says so.
        assert status == 400 or (path == BATCH and status == 200), told
        assert "the connection ended before the body did" in told, path

        gone = connect()
        gone.send(_head(path, f"Content-Length: {len(GOOD) + 50}"), GOOD)
        gone.made.close()

    for path, head in (
        (PREDICT, ("Content-Length: 500",)),
        (EVENTS, ("Transfer-Encoding: chunked",)),
        (BATCH, ("Transfer-Encoding: chunked",)),
    ):
        slow = connect()
        slow.send(_head(path, *head))
        began = time.monotonic()
        # A byte every 0.4 s is never 1 s late: what counts is the whole.
        with suppress(BrokenPipeError, ConnectionResetError):
            slow.send(*[b"1\r\n{\r\n" if head[0].startswith("Transfer") else b"{"] * 12, pause_s=0.4)
        status, told = slow.answer()
        assert status in {408, 200 if path == BATCH else 408}, told
        assert "did not come within 1 s" in told, path
        assert time.monotonic() - began < 8

    # What was cut off was not stored, and what stays is whole.
    whole = connect()
    whole.send(_head(EVENTS, f"Content-Length: {len(GOOD)}"), GOOD)
    assert '"accepted":1,"already_stored":0' in whole.answer()[1]
    whole.send(_head(PREDICT, f"Content-Length: {len(GOOD)}"), GOOD)
    assert whole.answer()[0] == 200
    written = log.read_text(encoding="utf-8")
    assert "request_broke" not in written
    assert "Traceback" not in written


HEADS = [
    b"POST " + PREDICT.encode() + b" HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: -1\r\n\r\n",
    b"POST " + PREDICT.encode() + b" HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
    b"POST " + PREDICT.encode() + b" HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 99999999999999999999999\r\n\r\n",
    b"GET /\xff HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
    b"GET /health?a=\xff\xfe HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
    b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\nX-A: a\x00b\r\n\r\n",
    b"GET /%ff%00/%2e%2e?x=%ff HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
    b"GET /v1/jobs HTTP/1.1\r\nHost: 127.0.0.1\r\nX-API-Key: caf\xe9\r\nX-Request-Id: \xe9\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    b"NONSENSE\r\n\r\n",
]


def test_broken_heads_cost_their_sender_alone(connect: Callable[[], Wire]) -> None:
    for head in HEADS:
        broken = connect()
        broken.send(head)
        status, told = broken.answer(1.0)
        assert status == 0 or 200 <= status < 500, (head, told)

    after = connect()
    after.send(_head(PREDICT, f"Content-Length: {len(GOOD)}"), GOOD)
    assert after.answer()[0] == 200
