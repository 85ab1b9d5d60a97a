"""What `kill -9` of a busy server takes of the prediction log: counted on a real one."""

import http.client
import os
import signal
import sqlite3
import threading
import time
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import msgspec
import pytest

from telltale.serve.server import start_background
from telltale.serve.settings import ServeSettings

pytestmark = [pytest.mark.server, pytest.mark.slow]
_FLUSH_S = ServeSettings(home="", apps=()).flush_s  # as it is unless somebody sets it
_CLIENTS = 6
_SENT_AT_ONCE = 16
# What a transaction may take on a machine that does other things too, beyond the distance between flushes.
_WRITING_S = 1.0


class _Answered(msgspec.Struct):
    prediction_id: str


def _ask(url: str, body: bytes, answered: list[tuple[float, str]]) -> None:
    """Send as fast as the server answers, several requests at a time, until it is gone."""
    host, port = url.removeprefix("http://").split(":")
    connection = http.client.HTTPConnection(host, int(port), timeout=5)
    head = f"POST /v1/helios/anomaly/predict HTTP/1.1\r\nhost: {host}\r\ncontent-type: application/json\r\n"
    request = f"{head}content-length: {len(body)}\r\n\r\n".encode() + body
    with closing(connection), suppress(OSError, EOFError):
        connection.connect()
        with connection.sock.makefile("rb") as answers:
            while True:
                connection.sock.sendall(request * _SENT_AT_ONCE)
                for _ in range(_SENT_AT_ONCE):
                    told = msgspec.json.decode(_body(answers), type=_Answered)
                    answered.append((time.monotonic(), told.prediction_id))


def _body(answers: Any) -> bytes:
    length = 0
    for line in iter(answers.readline, b"\r\n"):
        if not line:
            raise EOFError
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            length = int(value)
    told: bytes = answers.read(length)
    if len(told) < length:
        raise EOFError
    return told


@pytest.fixture
def killed(settings: ServeSettings, row: dict[str, Any]) -> tuple[float, list[tuple[float, str]]]:
    """When a busy server was killed, and when each prediction was answered before."""
    answered: list[tuple[float, str]] = []
    body = msgspec.json.encode(row)
    changed = msgspec.structs.replace(settings, flush_s=_FLUSH_S)
    with start_background(changed) as server:
        clients = [threading.Thread(target=_ask, args=(server.url, body, answered)) for _ in range(_CLIENTS)]
        for client in clients:
            client.start()
        time.sleep(3.0)
        killed_s = time.monotonic()
        os.killpg(server.pid, signal.SIGKILL)
        for client in clients:
            client.join()
    return killed_s, answered


def test_a_killed_server_has_kept_what_was_answered_before_the_last_flush(
    killed: tuple[float, list[tuple[float, str]]], settings: ServeSettings
) -> None:
    killed_s, answered = killed
    with closing(sqlite3.connect(Path(settings.home) / "events.db")) as events:
        integrity = events.execute("PRAGMA integrity_check").fetchone()[0]
        stored = [row[0] for row in events.execute("SELECT id FROM prediction")]

    due = {name for at_s, name in answered if at_s < killed_s - _FLUSH_S - _WRITING_S}
    assert integrity == "ok"
    assert len(due) > 500
    assert due <= {*stored}
    assert len(stored) == len({*stored})
    # Rows whose answer was still on its way are no more than what the clients had asked at once.
    assert len({*stored} - {name for _, name in answered}) <= _CLIENTS * _SENT_AT_ONCE
