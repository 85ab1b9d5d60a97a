"""The application under another server: uvicorn, with real sockets."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.faults.kills import free_port

from telltale.serve.edge import open_edge
from telltale.serve.http.asgi_door import asgi_application
from telltale.serve.routes.application import make_application
from telltale.serve.settings import ServeSettings


def _uvicorn(home: Path, host: str) -> Iterator[str]:
    port = free_port()
    child = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "uvicorn",
            "--factory",
            "telltale.cli.serving:asgi",
            "--host",
            host,
            "--port",
            str(port),
        ],
        env={**os.environ, "TELLTALE_HOME": str(home)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _await(f"http://127.0.0.1:{port}/healthz", child)
        yield f"http://127.0.0.1:{port}"
    finally:
        child.send_signal(signal.SIGTERM)
        assert child.wait(timeout=15) in {0, -signal.SIGTERM}  # uvicorn raises the signal again once it has stopped


@pytest.fixture
def uvicorn(home: Path) -> Iterator[str]:
    yield from _uvicorn(home, "127.0.0.1")


@pytest.mark.server
def test_uvicorn_serves_the_same_application(uvicorn: str, row: dict[str, Any], home: Path) -> None:
    status, told, answer = _send(f"{uvicorn}/v1/helios/anomaly/predict", json.dumps(row).encode())
    lines = _send(f"{uvicorn}/v1/helios/anomaly/predict:batch", b"\n".join([json.dumps(row).encode()] * 100))[2]
    stored = json.loads(_send(f"{uvicorn}/v1/helios/events/metrics", json.dumps(row).encode())[2])
    refused, problem, _ = _send(f"{uvicorn}/v1/helios/anomaly/predict", b"{}")

    assert (status, told["content-type"]) == (200, "application/json")
    assert len(told["x-request-id"]) > 8
    assert len(lines.splitlines()) == 100
    assert all(json.loads(line)["score"] == json.loads(answer)["score"] for line in lines.splitlines())
    assert stored["accepted"] == 1
    assert (refused, problem["content-type"]) == (422, "application/problem+json")


@pytest.mark.server
def test_a_large_body_is_refused_unread(uvicorn: str) -> None:
    # The head alone: a client that goes on sending may lose the answer to the end of the connection.
    client = HTTPConnection(uvicorn.removeprefix("http://"), timeout=10)
    client.putrequest("POST", "/v1/helios/anomaly/predict")
    client.putheader("content-type", "application/json")
    client.putheader("content-length", "1000001")
    client.endheaders()
    answer = client.getresponse()
    problem = answer.read()
    client.close()

    assert (answer.status, json.loads(problem)["type"]) == (413, "urn:telltale:too-large")


def test_an_open_server_is_refused_where_it_is_reached_from_elsewhere(settings: ServeSettings) -> None:
    edge = open_edge(settings)
    edge.start()
    transport = httpx.ASGITransport(asgi_application(make_application(edge)))

    async def ask(address: str) -> int:
        async with httpx.AsyncClient(transport=transport, base_url=f"http://{address}:8000") as client:
            return (await client.get("/healthz")).status_code

    with asyncio.Runner() as runner:
        found = [runner.run(ask(address)) for address in ("127.0.0.1", "192.0.2.1")]
    edge.close()

    assert found == [200, 403]


def _send(url: str, body: bytes) -> tuple[int, Any, bytes]:
    request = urllib.request.Request(url, data=body, headers={"content-type": "application/json"})  # noqa: S310 - ours
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 - our own address
            return answer.status, answer.headers, answer.read()
    except urllib.error.HTTPError as refusal:
        with refusal:
            return refusal.code, refusal.headers, refusal.read()


def _await(url: str, child: "subprocess.Popen[bytes]") -> None:
    give_up_at = time.monotonic() + 30
    while time.monotonic() < give_up_at and child.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=2):  # noqa: S310 - our own address
                return
        except OSError:
            time.sleep(0.05)
    pytest.fail("uvicorn never answered")
