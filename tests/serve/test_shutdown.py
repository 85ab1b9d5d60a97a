"""What a signal to stop leaves behind: nothing accepted is unanswered, nothing answered is unwritten."""

import http.client
import json
import os
import signal
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec
import pytest

from telltale.serve.server import RunningServer, start_background
from telltale.serve.settings import ServeSettings
from telltale.storage.folder import open_folder

pytestmark = pytest.mark.server
PREDICT = "/v1/helios/anomaly/predict"
EVENTS = "/v1/helios/events/metrics"
N_CLIENTS = 6


def _stop(server: RunningServer) -> tuple[int, float]:
    """The exit status of the server after SIGTERM, and the seconds it took."""
    began = time.monotonic()
    children = Path(f"/proc/{server.pid}/task/{server.pid}/children").read_text().split()
    os.kill(server.pid, signal.SIGTERM)
    _, status = os.waitpid(server.pid, 0)
    assert not any(Path(f"/proc/{child}").exists() for child in children)
    return os.waitstatus_to_exitcode(status), time.monotonic() - began


class _Client(threading.Thread):
    """Sends until its connection ends; keeps what was answered, and how the connection ended."""

    def __init__(self, server: RunningServer, number: int, row: dict[str, Any]) -> None:
        super().__init__()
        parts = urlsplit(server.url)
        assert parts.hostname is not None
        self._connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=20)
        self._number = number
        self._row = row
        self.stored: list[str] = []
        self.predicted: list[str] = []
        self.faults: list[str] = []
        self.is_closed_told = False

    def run(self) -> None:
        try:
            self._send()
        finally:
            self._connection.close()

    def _send(self) -> None:
        n = 0
        while True:
            n += 1
            service = f"s{self._number}-{n}"
            path = EVENTS if self._number % 2 else PREDICT
            try:
                self._connection.request("POST", path, json.dumps(self._row | {"service": service}))
            except OSError:
                return  # the connection was idle and is closed: nothing was accepted
            try:
                answer = self._connection.getresponse()
                told = json.loads(answer.read())
            except http.client.RemoteDisconnected:
                return  # likewise: sent into a connection that had just been closed
            except (OSError, http.client.HTTPException) as error:
                self.faults.append(repr(error))
                return
            if answer.status != 200:
                self.faults.append(f"{answer.status} {told}")
            elif path == EVENTS:
                self.stored.append(service)
            else:
                self.predicted.append(told["prediction_id"])
            if answer.headers.get("connection") == "close":
                self.is_closed_told = True
                return


def test_a_stop_under_load_loses_nothing_that_was_acknowledged(
    settings: ServeSettings, home: Path, row: dict[str, Any]
) -> None:
    slow_log = msgspec.structs.replace(settings, flush_s=60.0)
    with start_background(slow_log) as server:
        clients = [_Client(server, number, row) for number in range(N_CLIENTS)]
        for client in clients:
            client.start()
        time.sleep(1.0)
        status, seconds = _stop(server)
        for client in clients:
            client.join(timeout=20)

    folder = open_folder(home)
    stored = {one for (one,) in folder.events.fetch("SELECT entity FROM event")}
    logged = {one for (one,) in folder.events.fetch("SELECT id FROM prediction")}
    folder.close()
    acknowledged = {one for client in clients for one in client.stored}
    predicted = {one for client in clients for one in client.predicted}
    assert [client.faults for client in clients] == [[]] * N_CLIENTS
    assert any(client.is_closed_told for client in clients)
    assert len(acknowledged) > 20
    assert len(predicted) > 50
    # Both ways: what was taken was answered, too.
    assert stored == acknowledged
    assert logged == predicted
    assert status == 0
    assert seconds < 5


@contextmanager
def _half_sent(server: RunningServer, sent: bytes) -> Iterator[socket.socket]:
    parts = urlsplit(server.url)
    with socket.create_connection((parts.hostname, parts.port), timeout=20) as connection:
        connection.sendall(sent)
        time.sleep(0.2)
        yield connection


def _answer(connection: socket.socket) -> bytes:
    whole = b""
    with suppress(ConnectionResetError):
        while part := connection.recv(65536):
            whole += part
    return whole


def test_a_request_that_was_half_received_is_answered_and_says_that_the_server_is_not_ready(
    settings: ServeSettings, row: dict[str, Any]
) -> None:
    body = json.dumps(row).encode()
    head = f"POST {PREDICT} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: {len(body)}\r\n\r\n".encode()
    with (
        start_background(settings) as server,
        _half_sent(server, head + body[:10]) as predicting,
        _half_sent(server, b"GET /readyz HTTP/1.1\r\nhost: 127.0.0.1\r\n") as probing,
    ):
        stopping = threading.Thread(target=lambda: ended.append(_stop(server)))
        ended: list[tuple[int, float]] = []
        stopping.start()
        time.sleep(0.5)
        predicting.sendall(body[10:])
        probing.sendall(b"\r\n")
        answers = _answer(predicting), _answer(probing)
        stopping.join(timeout=20)

    assert answers[0].startswith(b"HTTP/1.1 200")
    assert b"connection: close" in answers[0]
    assert answers[1].startswith(b"HTTP/1.1 503")
    assert b'"stopping"' in answers[1]
    assert ended[0][0] == 0
    assert ended[0][1] < 5


@pytest.mark.slow
def test_a_request_that_does_not_end_holds_a_stop_for_a_bounded_time_only(
    settings: ServeSettings, home: Path, row: dict[str, Any]
) -> None:
    slow_log = msgspec.structs.replace(settings, flush_s=60.0)
    line = json.dumps(row).encode() + b"\n"
    batch = f"POST {PREDICT}:batch HTTP/1.1\r\nhost: 127.0.0.1\r\ntransfer-encoding: chunked\r\n\r\n".encode()
    chunk = b"%x\r\n%b\r\n" % (len(line), line)
    event = f"POST {EVENTS} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: 500\r\n\r\n{{".encode()
    with (
        start_background(slow_log) as server,
        _half_sent(server, batch + chunk) as batching,
        _half_sent(server, event) as storing,
        _half_sent(
            server, b"GET /readyz HTTP/1.1\r\nhost: 127.0.0.1\r\n"
        ),  # its head never comes: only the last bound ends it
    ):
        status, seconds = _stop(server)
        told, refused = _answer(batching), _answer(storing)

    folder = open_folder(home)
    logged = [one for (one,) in folder.events.fetch("SELECT id FROM prediction")]
    folder.close()
    assert status == 0
    assert 7 < seconds < 10
    assert told.startswith(b"HTTP/1.1 200")
    assert b"the server stops" in told
    assert told.endswith(b"0\r\n\r\n")
    assert refused.startswith(b"HTTP/1.1 503")
    assert len(logged) == 1


def test_a_killed_workers_figures_stay_and_are_not_counted_twice(settings: ServeSettings, row: dict[str, Any]) -> None:
    with start_background(settings, workers=2) as server:
        pids = Path(f"/proc/{server.pid}/task/{server.pid}/children").read_text().split()
        for _ in range(30):
            _post(server, row)
        time.sleep(0.3)
        before = _figures(server)
        os.kill(int(pids[0]), signal.SIGKILL)
        after_kill = _figures(server)
        for _ in range(10):
            _post(server, row)
        time.sleep(0.3)
        after = _figures(server)

    assert before == after_kill == {"total": 30.0, "count": 30.0}
    assert after == {"total": 40.0, "count": 40.0}


def _post(server: RunningServer, row: dict[str, Any]) -> None:
    assert _ask(server, "POST", PREDICT, json.dumps(row))[0] == 200


def _figures(server: RunningServer) -> dict[str, float]:
    page = _ask(server, "GET", "/metrics")[1].decode()
    labels = '{app="helios",role="champion",task="anomaly",version="1"}'
    names = {"total": "telltale_predictions_total", "count": "telltale_prediction_seconds_count"}
    found = [line.rpartition(" ") for line in page.splitlines()]
    return {key: float(value) for key, name in names.items() for start, _, value in found if start == f"{name}{labels}"}


def _ask(server: RunningServer, method: str, path: str, body: str | None = None) -> tuple[int, bytes]:
    """A request of a connection of its own; tried again where the worker that had it was killed."""
    parts = urlsplit(server.url)
    assert parts.hostname is not None
    for _ in range(100):
        connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=20)
        try:
            connection.request(method, path, body)
            answer = connection.getresponse()
            return answer.status, answer.read()
        except (OSError, http.client.HTTPException):
            time.sleep(0.05)
        finally:
            connection.close()
    pytest.fail("nobody answers")
