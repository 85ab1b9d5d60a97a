"""Arrow streams over a real server: memory, and a client that does not read."""

import contextlib
import http.client
import io
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pyarrow as pa
import pytest

from telltale.serve.server import start_background

PATH = "/v1/helios/anomaly/predict:batch"
KIND = "application/vnd.apache.arrow.stream"
N, BATCH_ROWS = 400_000, 50_000


@pytest.fixture
def url(settings: Any) -> Iterator[tuple[str, int]]:
    with start_background(settings) as server:
        yield server.url.partition("//")[2], server.pid


def body(*, times: int = 1) -> bytes:
    rng = np.random.default_rng(0)
    table = pa.table(
        {
            "service": pa.array(np.arange(N).astype(str)),
            **{name: rng.random(N) for name in ("event_count", "error_rate", "p50_latency_ms")},
            **{name: rng.random(N).astype(np.float32) for name in ("p95_latency_ms", "p99_latency_ms")},
        }
    )
    written = io.BytesIO()
    with pa.ipc.new_stream(written, table.schema) as writer:
        for _ in range(times):
            writer.write_table(table, max_chunksize=BATCH_ROWS)
    return written.getvalue()


def begin(address: str, content: bytes) -> tuple[http.client.HTTPConnection, list[int], threading.Thread]:
    """A request that is sent in a thread of its own; how many bytes have gone."""
    connection = http.client.HTTPConnection(address, timeout=60)
    connection.putrequest("POST", PATH)
    connection.putheader("content-type", KIND)
    connection.putheader("content-length", str(len(content)))
    connection.endheaders()
    sent = [0]

    def send() -> None:
        with contextlib.suppress(OSError):  # the test has hung up
            for start in range(0, len(content), 65_536):
                assert isinstance(connection.sock, socket.socket)
                connection.sock.sendall(content[start : start + 65_536])
                sent[0] += len(content[start : start + 65_536])

    thread = threading.Thread(target=send, daemon=True)
    thread.start()
    return connection, sent, thread


def resident_mb(pid: int) -> float:
    """Of the largest process of the server."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    lines = [line for one in (str(pid), *children) for line in Path(f"/proc/{one}/status").read_text().splitlines()]
    return max(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) / 1024


@pytest.mark.server
@pytest.mark.slow
def test_long_streams_come_back_in_order_while_memory_stays_flat(url: tuple[str, int]) -> None:
    address, pid = url
    content = body()
    after: list[float] = []

    for _ in range(3):
        connection, _, sender = begin(address, content)
        answer = connection.getresponse()
        entities = [batch.column("entity") for batch in pa.ipc.open_stream(answer)]
        sender.join()
        connection.close()
        after.append(resident_mb(pid))
        assert pa.chunked_array(entities).to_pylist() == list(map(str, range(N)))

    assert after[-1] - after[0] < 25, after
    assert after[-1] < 400


@pytest.mark.server
@pytest.mark.slow
def test_a_client_that_does_not_read_is_not_read_from_and_others_are_answered(url: tuple[str, int], row: Any) -> None:
    address, pid = url
    content = body(times=4)  # 67 MB
    before = resident_mb(pid)
    silent = [begin(address, content) for _ in range(2)]
    time.sleep(4)

    took = []
    with httpx.Client(base_url=f"http://{address}") as client:
        for _ in range(20):
            began = time.perf_counter()
            assert client.post("/v1/helios/anomaly/predict", json=row).status_code == 200
            took.append(time.perf_counter() - began)
    gone = [sent[0] for _, sent, _ in silent]
    grown = resident_mb(pid) - before
    for connection, _, _ in silent:
        connection.close()

    assert sorted(took)[10] < 0.5
    assert all(n < 30_000_000 for n in gone), gone
    assert grown < 100
