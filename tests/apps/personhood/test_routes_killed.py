"""What `/predict` told stands, also after the server was killed in the middle of its work; by two workers as by one."""

import http.client
import json
import os
import secrets
import signal
import threading
import time
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from telltale.apps.personhood import APP, AVERAGES
from telltale.contract.simulation import Simulation
from telltale.registry.registry import Registry
from telltale.serve.server import start_background
from telltale.serve.settings import ServeSettings
from telltale.storage.folder import open_folder
from telltale.train.fitted import TrainingChoices
from telltale.train.sources import check_simulated, rows_from_checked
from telltale.train.version import train_version

pytestmark = [pytest.mark.slow, pytest.mark.server]
NOW = datetime(2024, 12, 1, tzinfo=UTC)
_THREADS, _SECONDS = 6, 1.5


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> ServeSettings:
    scratch = tmp_path_factory.mktemp("killed")
    checked = check_simulated(APP, "averages", Simulation(n_rows=2_000))
    rows = rows_from_checked("simulated", checked, AVERAGES, where="test")
    choices = TrainingChoices(estimator="logistic_regression")
    at = scratch / "bundle"
    trained = train_version(APP, AVERAGES, rows, choices, directory=at, progress=lambda *_: None)
    folder = open_folder(scratch / "home")
    registry = Registry(folder.state, folder.artifacts)
    registry.register(
        "personhood", "averages", bundle=at, sha256=trained.files.sha256, files=trained.files.files,
        estimator="logistic_regression", data_kind="simulated", outcome="pass", metrics={}, facts={}, actor="test",
        now=NOW,
    )  # fmt: skip
    registry.promote("personhood", "averages", 1, actor="test", reason="test", now=NOW)
    folder.close()
    return ServeSettings(home=str(scratch / "home"), apps=("telltale.apps.personhood:APP",))


def question(did: str, speed: int) -> bytes:
    features = {
        "typing_speed_wpm": speed,
        "avg_key_hold_time_ms": 120,
        "avg_transition_time_ms": 85,
        "error_rate_percent": 3,
        "activity_hour_preference": 14,
    }
    return json.dumps({"did": did, "features": features}).encode()


def ask(connection: http.client.HTTPConnection, body: bytes) -> bytes:
    connection.request("POST", "/predict", body, {"content-type": "application/json"})
    answer = connection.getresponse()
    told = answer.read()
    assert answer.status == 200, told
    return told


def connect(url: str) -> http.client.HTTPConnection:
    return http.client.HTTPConnection(urlsplit(url).netloc, timeout=10)


def worker_of(answer: bytes) -> str:
    """Ids of predictions begin with digits that no two processes share."""
    return str(json.loads(answer)["prediction_id"]).partition("-")[0]


def connections_of_both(url: str) -> list[http.client.HTTPConnection]:
    """Some to each worker: which one takes a connection is the system's choice."""
    found: dict[str, list[http.client.HTTPConnection]] = {}
    for _ in range(200):
        connection = connect(url)
        found.setdefault(worker_of(ask(connection, question(f"0x{secrets.token_hex(32)}", 60))), []).append(connection)
        if len(found) == 2 and min(map(len, found.values())) >= _THREADS // 2:
            break
    taken = [connection for each in found.values() for connection in each[: _THREADS // 2]]
    for connection in (one for each in found.values() for one in each if one not in taken):
        connection.close()
    assert len(taken) == _THREADS, "one worker takes all connections"
    return taken


def test_of_two_workers_that_are_asked_at_once_every_asker_gets_the_same(settings: ServeSettings) -> None:
    dids = [f"0x{secrets.token_hex(32)}" for _ in range(100)]
    told: list[list[bytes]] = [[] for _ in range(_THREADS)]
    with start_background(settings, workers=2) as running:
        begins = threading.Barrier(_THREADS)

        def ask_all(connection: http.client.HTTPConnection, own: list[bytes]) -> None:
            for did in dids:
                begins.wait(30)
                own.append(ask(connection, question(did, 60)))
            connection.close()

        both = connections_of_both(running.url)
        threads = [threading.Thread(target=ask_all, args=each) for each in zip(both, told, strict=True)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)

    assert [len(own) for own in told] == [len(dids)] * _THREADS
    assert all(len(set(answers)) == 1 for answers in zip(*told, strict=True))
    assert len({worker_of(answer) for answer in told[0]}) == 2  # each was the first with some


def children_of(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def test_what_was_told_before_the_server_was_killed_is_told_again(settings: ServeSettings) -> None:
    told: dict[bytes, bytes] = {}
    with start_background(settings) as running:
        ends = threading.Event()

        def keep_asking() -> None:
            with closing(connect(running.url)) as connection:
                while not ends.is_set():
                    body = question(f"0x{secrets.token_hex(32)}", secrets.randbelow(60) + 30)
                    try:
                        told[body] = ask(connection, body)
                    except (OSError, http.client.HTTPException):
                        return

        threads = [threading.Thread(target=keep_asking) for _ in range(_THREADS)]
        for thread in threads:
            thread.start()
        time.sleep(_SECONDS)
        for pid in (*children_of(running.pid), running.pid):  # the workers first: without a parent they end in order
            os.kill(pid, signal.SIGKILL)
        ends.set()
        for thread in threads:
            thread.join(30)
    with start_background(settings) as running:
        connection = connect(running.url)
        again = {body: ask(connection, body) for body in told}
        connection.close()

    assert len(told) > 50
    assert again == told
