"""Real server processes on real sockets."""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec
import pytest
from tests.serve.shop import APP as SHOP

from telltale.contract.errors import TelltaleError, UsageError
from telltale.contract.simulation import Simulation
from telltale.registry.registry import Registry
from telltale.retrain.worker import Worker
from telltale.serve.server import start_background
from telltale.serve.settings import ServeSettings
from telltale.storage.folder import open_folder
from telltale.telemetry.event_store import EventStore
from telltale.train.sources import check_simulated

pytestmark = pytest.mark.server
PREDICT = "/v1/helios/anomaly/predict"


def _connect(url: str) -> http.client.HTTPConnection:
    parts = urlsplit(url)
    assert parts.hostname is not None
    return http.client.HTTPConnection(parts.hostname, parts.port, timeout=10)


def _ask(connection: http.client.HTTPConnection, row: object) -> tuple[int, dict[str, Any]]:
    connection.request("POST", PREDICT, json.dumps(row), {"content-type": "application/json"})
    answer = connection.getresponse()
    return answer.status, json.loads(answer.read())


def test_promotions_under_load_fail_no_request_and_mix_no_answer(
    settings: ServeSettings, home: Path, row: dict[str, Any]
) -> None:
    changed = msgspec.structs.replace(settings, refresh_s=0.05)
    answers: list[tuple[int, dict[str, Any]]] = []
    stop = threading.Event()

    def ask(url: str) -> None:
        connection = _connect(url)
        while not stop.is_set():
            answers.append(_ask(connection, row))
        connection.close()

    folder = open_folder(home)
    registry = Registry(folder.state, folder.artifacts)
    with start_background(changed) as server:
        threads = [threading.Thread(target=ask, args=(server.url,)) for _ in range(4)]
        for thread in threads:
            thread.start()
        for number in (2, 1, 2, 1, 2):
            time.sleep(0.3)
            registry.promote("helios", "anomaly", number, actor="t", reason="r", now=datetime.now(UTC))
        time.sleep(0.3)
        stop.set()
        for thread in threads:
            thread.join()
    folder.close()

    assert {status for status, _ in answers} == {200}
    kinds = {(told["version"], told["score"], told["threshold"]) for _, told in answers}
    # Each version has one score and one threshold for this row: a mixed answer would be a third kind.
    assert len(kinds) == 2
    assert {version for version, _, _ in kinds} == {1, 2}


def test_sigterm_answers_what_is_in_hand_and_loses_no_logged_prediction(
    settings: ServeSettings, home: Path, row: dict[str, Any]
) -> None:
    slow_log = msgspec.structs.replace(settings, flush_s=60.0)
    with start_background(slow_log) as server:
        connection = _connect(server.url)
        ids = {_ask(connection, row)[1]["prediction_id"] for _ in range(50)}
        connection.close()

    folder = open_folder(home)
    logged = {one for (one,) in folder.events.fetch("SELECT id FROM prediction")}
    folder.close()
    assert logged == ids


def test_two_workers_share_the_port_and_their_figures(settings: ServeSettings, row: dict[str, Any]) -> None:
    with start_background(settings, workers=2) as server:
        ids = set()
        for _ in range(20):
            connection = _connect(server.url)
            status, told = _ask(connection, row)
            connection.close()
            assert status == 200
            ids.add(told["prediction_id"])
        time.sleep(0.3)
        connection = _connect(server.url)
        connection.request("GET", "/metrics")
        page = connection.getresponse().read().decode()
        connection.close()

    assert len(ids) == 20
    assert 'telltale_predictions_total{app="helios",role="champion",task="anomaly",version="1"} 20.0' in page


def test_a_large_batch_streams_through_and_keeps_its_order(settings: ServeSettings, row: dict[str, Any]) -> None:
    counts = list(range(5_000))
    body = "\n".join(json.dumps(row | {"event_count": count}) for count in counts).encode()
    small = msgspec.structs.replace(settings, max_body_bytes=4_000)
    with start_background(small) as server:
        connection = _connect(server.url)
        connection.request("POST", f"{PREDICT}:batch", body)
        lines = connection.getresponse().read().splitlines()
        ids = [json.loads(line)["prediction_id"] for line in lines]
        connection.close()

    assert len(set(ids)) == len(counts)
    assert ids == sorted(ids)


def test_a_taken_port_is_refused_with_the_mend(settings: ServeSettings) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()

        with (
            pytest.raises(UsageError, match="--port or PORT"),
            start_background(settings, port=taken.getsockname()[1]),
        ):
            pass


def test_a_server_that_cannot_start_ends_and_says_so(settings: ServeSettings) -> None:
    broken = msgspec.structs.replace(settings, apps=("telltale.apps.helios:NOTHING",))

    with (
        pytest.raises(TelltaleError, match=r"ended with status|not ready"),
        start_background(broken, ready_within_s=8.0),
    ):
        pass


def test_a_server_that_cannot_load_its_version_says_which_file(
    settings: ServeSettings, damage: Callable[[int], None]
) -> None:
    damage(1)

    with (
        pytest.raises(TelltaleError, match=r"helios/anomaly: version 1 cannot be loaded: arrays.safetensors"),
        start_background(settings, ready_within_s=3.0),
    ):
        pass


def test_the_key_is_not_on_the_command_line(settings: ServeSettings) -> None:
    with start_background(msgspec.structs.replace(settings, operator_key="s3cret-key")) as server:
        family = [server.pid, *_children(server.pid)]
        commands = [Path(f"/proc/{pid}/cmdline").read_text() for pid in family]

    assert len(commands) >= 2
    assert not any("s3cret-key" in command for command in commands)


def _children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def test_a_body_over_the_limit_is_refused_whether_or_not_it_comes_in_one_piece(
    settings: ServeSettings, row: dict[str, Any]
) -> None:
    with start_background(msgspec.structs.replace(settings, max_body_bytes=1_000)) as server:
        for length in (1_100, 900_000):
            connection = _connect(server.url)
            # The refusal may be there before all of the body has been sent.
            with suppress(BrokenPipeError, ConnectionResetError):
                connection.request("POST", PREDICT, json.dumps(row | {"note": "x" * length}))
            answer = connection.getresponse()
            status, told = answer.status, json.loads(answer.read())
            connection.close()

            assert (status, told["type"]) == (413, "urn:telltale:too-large")


def test_the_parent_process_loads_no_model_library() -> None:
    program = (
        "import sys, telltale.serve.server; print([m for m in ('numpy', 'polars', 'onnxruntime') if m in sys.modules])"
    )
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert told.stdout.strip() == "[]"


def test_sigint_ends_a_server_too(settings: ServeSettings) -> None:
    with start_background(settings) as server:
        os.kill(server.pid, signal.SIGINT)
        give_up_at = time.monotonic() + 10
        while time.monotonic() < give_up_at:
            connection = _connect(server.url)
            try:
                connection.request("GET", "/healthz")
                connection.getresponse().read()
            except (OSError, http.client.HTTPException):
                return
            finally:
                connection.close()
            time.sleep(0.05)
    pytest.fail("the server still answers 10 s after SIGINT")


def _call(url: str, method: str, path: str, body: object = None) -> tuple[int, Any]:
    connection = _connect(url)
    connection.request(method, path, None if body is None else json.dumps(body))
    answer = connection.getresponse()
    told = json.loads(answer.read())
    connection.close()
    return answer.status, told


def test_a_worker_does_what_a_running_server_was_asked_for(shop_settings: ServeSettings) -> None:
    rows = check_simulated(SHOP, "taken", Simulation())
    folder = open_folder(Path(shop_settings.home))
    EventStore(folder.events).add(
        "shop", "taken", rows.frame, rows.columns, source="test", now=datetime(2024, 12, 1, tzinfo=UTC)
    )
    with start_background(shop_settings) as server:
        status, told = _call(server.url, "POST", "/train", {})
        assert (status, [job["state"] for job in told["jobs"]]) == (202, ["queued", "queued"])
        status, job = _call(server.url, "POST", "/v1/jobs", {"app": "shop", "task": "next"})
        assert status == 202

        Worker(folder=folder, apps={"shop": SHOP}).run_jobs()

        done = _call(server.url, "GET", f"/v1/jobs/{job['id']}")[1]
        assert (done["state"], done["result"]["version"]) == ("done", 2)
        assert _call(server.url, "POST", "/v1/versions/shop/next/promote", {"version": 2, "reason": "newer"})[0] == 200
        status, told = _call(server.url, "POST", "/recommend", {"user_id": 7})
        assert (status, told["version"], told["entity"]) == (200, 2, "7")
    folder.close()
