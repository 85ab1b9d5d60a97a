"""Two hosts that serve and two that work, over one PostgreSQL database and one folder of versions."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.faults.kills import free_port
from tests.telemetry.postgresql import postgresql_server

from telltale.storage.database import Database, open_database

pytestmark = [pytest.mark.slow, pytest.mark.server]
_TELLTALE = (sys.executable, "-m", "telltale")
_PREDICT = "/v1/helios/anomaly/predict"
_EVENTS = "/v1/helios/events"
_N_REQUESTS = 40


class Town:
    """Two serving hosts, two working ones, and the database that they share."""

    def __init__(self, folder: Path, address: str, stack: ExitStack) -> None:
        self._folder = folder
        self.environment = {**os.environ, "MODEL_DIR": str(folder / "models"), "DATABASE_URL": address}
        self.events: Database = open_database(address, schema="events")
        self.state: Database = open_database(address, schema="state")
        stack.callback(self.events.close)
        stack.callback(self.state.close)
        self.ports = [free_port() for _ in range(2)]
        self.servers = [self._start(f"serve{n}", stack, "serve", "--port", str(self.ports[n])) for n in range(2)]
        self.workers = [self._start(f"work{n}", stack, "work") for n in range(2)]
        self.hosts = [
            stack.enter_context(httpx.Client(base_url=f"http://127.0.0.1:{p}", timeout=20)) for p in self.ports
        ]
        for host in self.hosts:
            wait_for(partial(_answers, host), what="the server answers")

    def run(self, *words: str, host: str = "serve0") -> subprocess.CompletedProcess[str]:
        """A command on one of the hosts."""
        given = self.environment | {"TELLTALE_HOME": str(self._folder / host)}
        return subprocess.run(
            [*_TELLTALE, *words], env=given, cwd=self._folder, capture_output=True, text=True, timeout=120, check=False
        )

    def _start(self, name: str, stack: ExitStack, *words: str) -> "subprocess.Popen[bytes]":
        log = stack.enter_context((self._folder / f"{name}.log").open("wb"))
        given = self.environment | {"TELLTALE_HOME": str(self._folder / name)}
        process = subprocess.Popen([*_TELLTALE, *words], env=given, cwd=self._folder, stdout=log, stderr=log)
        stack.callback(_end, process)
        return process


def _end(process: "subprocess.Popen[bytes]") -> None:
    process.terminate()
    process.wait(timeout=60)


def _answers(host: httpx.Client) -> bool:
    try:
        return host.get("/healthz").status_code == 200
    except httpx.HTTPError:
        return False


def wait_for(holds: Callable[[], bool], *, what: str, within_s: float = 60.0) -> None:
    """Look until it holds."""
    give_up_at = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < give_up_at, f"in {within_s:g} s it did not come to be that {what}"
        time.sleep(0.1)


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    """With a champion that was trained on one of the hosts."""
    with ExitStack() as stack:
        address = stack.enter_context(postgresql_server()).replace("+psycopg", "")
        made = Town(tmp_path_factory.mktemp("town"), address, stack)
        for words in (
            ("train", "helios/anomaly", "--estimator", "robust_z", "--days", "7"),
            ("promote", "helios/anomaly", "--override", "--reason", "test"),
        ):
            done = made.run(*words)
            assert done.returncode in {0, 1}, done.stdout + done.stderr
        _await_version(made, 1)
        yield made


def _await_version(town: Town, number: int) -> None:
    wait_for(
        lambda: all(host.post(_PREDICT, json=_row(0)).json().get("version") == number for host in town.hosts),
        what=f"version {number} serves on both hosts",
    )


def _row(minute: int, **changed: Any) -> dict[str, Any]:
    return {
        "timestamp": f"2026-03-02T12:{minute:02d}:00Z", "event_count": 1000, "error_rate": 0.01, "p50_latency_ms": 45,
        "p95_latency_ms": 90, "p99_latency_ms": 130, **changed,
    }  # fmt: skip


def test_a_move_on_one_host_decides_on_both_and_there_is_one_champion(town: Town) -> None:
    done = town.run("train", "helios/anomaly", "--estimator", "robust_z", "--days", "6", "--seed", "3", host="serve1")
    assert done.returncode in {0, 1}, done.stderr
    assert town.run("promote", "helios/anomaly", "--version", "2", "--override", "--reason", "b").returncode == 0
    _await_version(town, 2)

    # Both are told to go back at once: one goes back, and the other is refused or goes back to where it was.
    with ThreadPoolExecutor(2) as pool:
        codes = list(
            pool.map(lambda host: town.run("rollback", "helios/anomaly", host=host).returncode, ("serve0", "serve1"))
        )
    assert 0 in codes
    champions = town.state.fetch(
        "SELECT number FROM role WHERE role = 'champion' AND app = 'helios' AND task = 'anomaly'"
    )
    assert len(champions) == 1
    _await_version(town, champions[0][0])


def test_a_request_that_is_sent_to_both_hosts_is_stored_once(town: Town) -> None:
    def send(place: int) -> tuple[int, dict[str, Any]]:
        number, host = place // 2, town.hosts[place % 2]
        lines = "\n".join(json.dumps(_row(number, service=f"s{number}-{i}")) for i in range(5))
        answer = host.post(_EVENTS, content=lines, headers={"Idempotency-Key": f"batch-{number}"})
        return answer.status_code, answer.json()

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(send, range(2 * _N_REQUESTS)))

    assert {status for status, _ in answers} == {200}
    assert all(answers[place][1] == answers[place + 1][1] for place in range(0, 2 * _N_REQUESTS, 2))
    assert town.events.fetch("SELECT count(*), count(DISTINCT entity) FROM event WHERE entity LIKE 's%-%'") == [
        (5 * _N_REQUESTS, 5 * _N_REQUESTS)
    ]
    assert town.events.fetch("SELECT count(*) FROM idempotency") == [(_N_REQUESTS,)]


def test_a_window_is_read_that_both_hosts_have_stored(town: Town) -> None:
    for minute in range(20):
        sent = town.hosts[minute % 2].post(_EVENTS, json=_row(minute, service="both"))
        assert sent.status_code == 200, sent.text

    stored = town.events.fetch("SELECT count(*) FROM event WHERE entity = 'both'")
    assert stored == [(20,)]
    seen = [host.post(f"{_EVENTS}?score=true", json=_row(30, service="both", error_rate=0.4)) for host in town.hosts]
    assert [one.status_code for one in seen] == [200, 200]
    answers = [one.json()["predictions"][0] for one in seen]
    assert answers[0]["score"] == answers[1]["score"]
    assert [answer["decision"] for answer in answers] == [True, True]
    assert [one.json()["accepted"] for one in seen] == [1, 0], "stored by the one, and known to the other"


def test_each_job_is_done_once_by_one_of_the_workers(town: Town) -> None:
    tasks = ("helios/anomaly", "storefront/trend", "pakit/prefetch")
    wanted = [(host, dict(zip(("app", "task"), name.split("/"), strict=True))) for host in town.hosts for name in tasks]
    with ThreadPoolExecutor(4) as pool:
        asked = list(pool.map(lambda one: one[0].post("/v1/jobs", json=one[1]), wanted))
    assert {one.status_code for one in asked} <= {200, 201, 202}, [one.text for one in asked]

    open_jobs = "SELECT count(*) FROM job WHERE state IN ('queued', 'running')"
    wait_for(lambda: town.state.fetch(open_jobs) == [(0,)], what="all jobs are done", within_s=150)

    ids = {one.json()["id"] for one in asked}
    states = town.state.fetch("SELECT id, state, attempt FROM job")
    assert {state for job, state, _ in states if job in ids} <= {"done", "skipped"}, states
    assert {attempt for job, _, attempt in states if job in ids} == {1}
    numbers = town.state.fetch(
        "SELECT app, task, count(*), count(DISTINCT number), max(number) FROM version GROUP BY app, task"
    )
    assert all(n == n_distinct == highest for _, _, n, n_distinct, highest in numbers), numbers
    assert town.state.fetch("SELECT count(*) FROM lease WHERE substr(name, 1, 7) = 'worker:'") == [(2,)]


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/ui/tasks/helios/anomaly",
        "/ui/alarms",
        "/ui/schedules",
        "/ui/events",
        "/dashboard",
        "/metrics",
        "/v1/audit",
    ],
)
def test_pages_and_figures_are_read_from_both(town: Town, path: str) -> None:
    for host in town.hosts:
        answer = host.get(path)
        assert answer.status_code == 200, answer.text
        assert "being counted" not in answer.text or path == "/"


def test_a_report_is_made_and_an_entity_forgotten(town: Town) -> None:
    assert town.hosts[0].post(_EVENTS, json=_row(50, service="somebody-who-goes")).status_code == 200
    assert town.run("report", "--since", "1d", "--json").returncode == 0
    done = town.run("forget", "--entity", "somebody-who-goes", "--yes", "--json")
    assert done.returncode == 0, done.stderr
    assert town.events.fetch("SELECT count(*) FROM event WHERE entity = 'somebody-who-goes'") == [(0,)]
