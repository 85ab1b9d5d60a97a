import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from tests.monitor.alarm.receiver import Receiver, receiving

from telltale.monitor.alarm.delivery import deliver_messages
from telltale.monitor.alarm.sinks import alertmanager
from telltale.monitor.alarms import raise_alarm, resolve_alarm
from telltale.storage.database import open_database

PROGRAM = shutil.which("prometheus-alertmanager") or shutil.which("alertmanager")
CONFIG = """
route: {{receiver: people, group_by: [alertname, app, task], group_wait: 0s, group_interval: 1s, repeat_interval: 1h}}
receivers: [{{name: people, webhook_configs: [{{url: "{url}/people", send_resolved: true}}]}}]
"""

pytestmark = pytest.mark.server


@pytest.fixture
def people() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


@pytest.fixture
def address(tmp_path: Path, people: Receiver) -> Iterator[str]:
    if PROGRAM is None:
        pytest.skip("Alertmanager is not installed: `make system`, or the package prometheus-alertmanager")
    config = tmp_path / "alertmanager.yml"
    config.write_text(CONFIG.format(url=people.url), encoding="utf-8")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    options = [
        f"--config.file={config}",
        f"--storage.path={tmp_path / 'kept'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--cluster.listen-address=",
    ]
    process = subprocess.Popen([PROGRAM, *options], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    url = f"http://127.0.0.1:{port}"
    try:
        _wait_for(lambda: _is_up(url))
        yield url
    finally:
        process.terminate()
        process.wait(timeout=20)


def _is_up(url: str) -> bool:
    try:
        return httpx.get(f"{url}/-/ready", timeout=1).is_success
    except httpx.TransportError:
        return False


def _wait_for(is_so: Callable[[], bool], *, for_s: float = 20.0) -> None:
    give_up_at = time.monotonic() + for_s
    while not is_so():
        assert time.monotonic() < give_up_at, "it did not come to be"
        time.sleep(0.05)


def _alerts(url: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = httpx.get(f"{url}/api/v2/alerts", timeout=5).json()
    return found


def test_an_alertmanager_tells_people_that_an_alarm_was_raised_and_that_it_is_over(
    tmp_path: Path, address: str, people: Receiver
) -> None:
    state, sink = open_database(tmp_path / "state.db", schema="state"), alertmanager(address)
    now = datetime.now(UTC)
    key = {"app": "helios", "task": "anomaly"}
    raise_alarm(
        state, "error_rate_high", **key, what="10 of 100 failed", mend="Roll back.", now=now - timedelta(minutes=2)
    )
    assert deliver_messages(state, [sink], owner="me", now=now) == 1
    _wait_for(lambda: len(people.came) == 1)

    (alert,) = _alerts(address)
    assert alert["labels"] == {"alertname": "error_rate_high", "severity": "critical", **key}
    assert alert["annotations"]["runbook"] == "docs/runbooks.md#error_rate_high"
    told = msgspec.json.decode(people.bodies[0])
    assert (told["status"], told["alerts"][0]["annotations"]["summary"]) == ("firing", "10 of 100 failed")

    resolve_alarm(state, "error_rate_high", **key, now=now)
    assert deliver_messages(state, [sink], owner="me", now=now) == 1
    _wait_for(lambda: len(people.came) == 2)

    assert msgspec.json.decode(people.bodies[1])["status"] == "resolved"
    _wait_for(lambda: _alerts(address) == [])
    state.close()
