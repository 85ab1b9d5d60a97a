"""`telltale consume` asked wrongly, and `telltale ingest - --follow`."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.faults.kills import free_port

from telltale.cli import main
from telltale.monitor.alarms import active_alarms
from telltale.storage.folder import open_folder

STREAM = "?stream=metrics"
ROW = '{"timestamp":"2025-01-01T00:00:00Z","service":"web","event_count":5,"error_rate":0.01'
LATENCIES = ',"p50_latency_ms":1,"p95_latency_ms":2,"p99_latency_ms":3}'


def lines(n: int) -> list[str]:
    return [ROW.replace("00:00:00", f"00:{number:02d}:00") + LATENCIES for number in range(n)]


@pytest.fixture
def in_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TELLTALE_HOME", str(tmp_path / "home"))
    return tmp_path


@pytest.mark.parametrize(
    ("arguments", "status", "told"),
    [
        (["kafka://db?stream=a", "helios/metrics"], 2, "As in redis://"),
        (["redis://db", "helios/metrics"], 2, "names no stream"),
        ([f"redis://db{STREAM}", "helios/nothing"], 2, "metrics"),
        ([f"redis://db{STREAM}", "helios/metrics", "--task", "nothing"], 2, "Known: anomaly"),
    ],
)
def test_what_is_wrong_with_it_is_told(
    in_folder: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], status: int, told: str
) -> None:
    assert main(["consume", *arguments]) == status
    assert told in " ".join(capsys.readouterr().err.split())


@pytest.mark.parametrize("arguments", [["rows.csv", "--follow"], ["-", "--score"], ["http://db", "--follow"]])
def test_only_standard_input_is_followed(
    in_folder: Path, capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    assert main(["ingest", "helios/metrics", *arguments]) == 2
    assert "- --follow --score" in " ".join(capsys.readouterr().err.split())


def follow(home: Path, *options: str) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-m", "telltale", "ingest", "helios/metrics", "-", "--follow", *options]
    environment = os.environ | {"TELLTALE_HOME": str(home)}
    return subprocess.Popen(
        command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )


@pytest.mark.slow
def test_lines_are_stored_as_they_come_and_what_comes_again_is_not(tmp_path: Path) -> None:
    text = "\n".join([*lines(30), "no json", lines(1)[0]]).encode()  # the last line has no end
    told = [json.loads(follow(tmp_path, "--json").communicate(text, timeout=60)[0]) for _ in range(2)]

    assert [(one["stored"], one["already_stored"], one["quarantined"]) for one in told] == [(30, 0, 1), (0, 30, 1)]


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["redis", "nats"])
def test_a_broker_that_is_not_there_is_waited_for_and_told_of(tmp_path: Path, scheme: str) -> None:
    command = [sys.executable, "-m", "telltale", "consume", f"{scheme}://127.0.0.1:{free_port()}{STREAM}"]
    environment = os.environ | {"TELLTALE_HOME": str(tmp_path)}
    process = subprocess.Popen([*command, "helios/metrics"], env=environment, stderr=subprocess.PIPE)
    assert process.stderr is not None
    told = b""
    while b"stream_waits" not in told:
        told = process.stderr.readline()
        assert told, "it ended"
    folder = open_folder(tmp_path)
    give_up_at = time.monotonic() + 30
    while not active_alarms(folder.state):
        assert time.monotonic() < give_up_at
        time.sleep(0.1)
    alarm = active_alarms(folder.state)[0]
    folder.close()
    process.terminate()

    assert process.wait(timeout=30) == 0
    assert "tried again by itself" in json.loads(told)["mend"]
    assert (alarm.name, alarm.app, alarm.task) == ("source_stale", "helios", "metrics")
    process.stderr.close()
