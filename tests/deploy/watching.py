"""A real Prometheus and a real Alertmanager beside a server, started from the files of deploy/."""

import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

import httpx
import pytest
from tests.deploy.containers import REPOSITORY
from tests.deploy.yaml_files import read_yaml, write_yaml

FOLDER = REPOSITORY / "deploy"
# What is asked, and a row as it usually is.
PREDICT = "/v1/helios/anomaly/predict"
ROW = {
    "timestamp": "2024-01-03T14:30:00Z",
    "event_count": 1000,
    "error_rate": 0.01,
    "p50_latency_ms": 42.5,
    "p95_latency_ms": 100.25,
    "p99_latency_ms": 130.75,
}
# A minute of a team's Prometheus is a moment here.
SCRAPE = "500ms"
WINDOW = "1m"


def free_port() -> int:
    """A port of loopback that nobody has."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


def wait_for(is_so: Callable[[], bool], *, what: str, for_s: float = 30.0) -> None:
    """Until something is so. Raises AssertionError."""
    give_up_at = time.monotonic() + for_s
    while not is_so():
        assert time.monotonic() < give_up_at, f"{what}: it did not come to be"
        time.sleep(0.05)


def is_up(url: str) -> bool:
    """Whether it answers with success."""
    try:
        return httpx.get(url, timeout=1).is_success
    except httpx.TransportError:
        return False


def await_ready(url: str, process: "subprocess.Popen[bytes]", log: Path) -> None:
    """Until a server is ready, or has ended: then its log is told."""
    wait_for(lambda: process.poll() is not None or is_up(f"{url}/readyz"), what=f"{url} ({log})", for_s=60)
    assert process.poll() is None, log.read_text(encoding="utf-8")


@contextmanager
def program(names: Sequence[str], options: Sequence[str], *, ready: str) -> Iterator[None]:
    """A program of the distribution under one of its names, until the block ends."""
    found = next(filter(None, map(shutil.which, names)), None)
    if found is None:
        pytest.skip(f"{names[0]} is not installed: `make system`")
    with TemporaryFile("w+") as log:
        process = subprocess.Popen([found, *options], stdout=log, stderr=log)
        try:
            wait_for(lambda: is_up(ready) or process.poll() is not None, what=names[0])
            log.seek(0)
            assert process.poll() is None, log.read()
            yield
        finally:
            process.terminate()
            process.wait(timeout=20)


@contextmanager
def alertmanager(folder: Path, *, people: str) -> Iterator[str]:
    """deploy/alertmanager/alertmanager.yml with a webhook in it, as its comment says, and no wait."""
    config = read_yaml(FOLDER / "alertmanager/alertmanager.yml")
    config["receivers"][0]["webhook_configs"] = [{"url": people, "send_resolved": True}]
    config["route"] |= {"group_wait": "0s", "group_interval": "1s"}
    write_yaml(folder / "alertmanager.yml", config)
    url = f"http://127.0.0.1:{free_port()}"
    options = [
        f"--config.file={folder / 'alertmanager.yml'}",
        f"--storage.path={folder / 'alerts'}",
        f"--web.listen-address={url.removeprefix('http://')}",
        "--cluster.listen-address=",
    ]
    with program(("prometheus-alertmanager", "alertmanager"), options, ready=f"{url}/-/ready"):
        yield url


@contextmanager
def prometheus(folder: Path, *, server: str, alerts_to: str, rules: str) -> Iterator["Prometheus"]:
    """deploy/prometheus/compose.yml with addresses and times of this test."""
    config = read_yaml(FOLDER / "prometheus/compose.yml")
    config["global"] = {"scrape_interval": SCRAPE, "evaluation_interval": SCRAPE}
    (job,) = config["scrape_configs"]
    del job["dns_sd_configs"]
    job["static_configs"] = [{"targets": [server.removeprefix("http://")]}]
    config["alerting"]["alertmanagers"] = [{"static_configs": [{"targets": [alerts_to.removeprefix("http://")]}]}]
    write_yaml(folder / "prometheus.yml", config)
    (folder / "telltale.rules.yml").write_text(rules, encoding="utf-8")
    url = f"http://127.0.0.1:{free_port()}"
    options = [
        f"--config.file={folder / 'prometheus.yml'}",
        f"--storage.tsdb.path={folder / 'series'}",
        f"--web.listen-address={url.removeprefix('http://')}",
    ]
    with program(("prometheus",), options, ready=f"{url}/-/ready"):
        yield Prometheus(url)


class Prometheus:
    """What is asked of it.

    Args:
        url: where it listens.
    """

    def __init__(self, url: str) -> None:
        self.url = url

    def ask(self, expression: str) -> list[dict[str, Any]]:
        """The samples of an expression now."""
        answer = httpx.get(f"{self.url}/api/v1/query", params={"query": expression}, timeout=10)
        told = answer.json()
        assert told["status"] == "success", f"{expression}: {told}"
        found: list[dict[str, Any]] = told["data"]["result"]
        return found

    def label_values(self, series: str, label: str) -> list[str]:
        """Values of a label, as Grafana's `label_values` asks for them."""
        answer = httpx.get(f"{self.url}/api/v1/label/{label}/values", params={"match[]": series}, timeout=10)
        found: list[str] = answer.json()["data"]
        return found

    def scrapes(self) -> int:
        """Of the server, that went well so far."""
        found = self.ask('sum(sum_over_time(up{job="telltale"}[1h]))')
        return int(found[0]["value"][1]) if found else 0
