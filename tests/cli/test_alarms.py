import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from telltale.cli import main
from telltale.cli.commands import command_line
from telltale.cli.serving import worker_of
from telltale.home import open_home
from telltale.monitor.alarm.delivery import deliver_messages
from telltale.monitor.alarm.sinks import webhook
from telltale.monitor.alarms import RUNBOOKS, raise_alarm, resolve_alarm
from telltale.storage.folder import open_folder

NOW = datetime(2024, 12, 1, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TELLTALE_HOME", str(tmp_path / "home"))
    folder = open_folder(tmp_path / "home")
    raise_alarm(folder.state, "database_unwritable", what="it is full", mend="Make room.", now=NOW)
    resolve_alarm(folder.state, "database_unwritable", now=NOW)
    raise_alarm(
        folder.state, "version_not_loaded", app="helios", task="anomaly", what="it is gone", mend="Restore it.", now=NOW
    )
    folder.close()


def test_alarms_that_last_are_listed_with_the_mend(capsys: Any) -> None:
    assert main(["alarms"]) == 0

    told = capsys.readouterr().out
    assert "version_not_loaded" in told
    assert "helios/anomaly" in told
    assert "Next: Restore it. (docs/runbooks.md#version_not_loaded)" in told
    assert "database_unwritable" not in told


def test_all_alarms_come_as_json(capsys: Any) -> None:
    assert main(["alarms", "--all", "--json"]) == 0

    told = json.loads(capsys.readouterr().out)["alarms"]
    assert [(alarm["name"], alarm["resolved_at"] is None) for alarm in told] == [
        ("version_not_loaded", True),
        ("database_unwritable", False),
    ]
    assert [(alarm["severity"], alarm["runbook"]) for alarm in told] == [
        ("critical", "docs/runbooks.md#version_not_loaded"),
        ("critical", "docs/runbooks.md#database_unwritable"),
    ]


def test_a_sink_that_could_not_be_told_is_named(tmp_path: Path, capsys: Any) -> None:
    folder = open_folder(tmp_path / "home")
    nobody = webhook("http://127.0.0.1:9/")
    deliver_messages(folder.state, [nobody], owner="me", now=datetime.now(UTC))
    folder.close()

    assert main(["alarms"]) == 0
    assert "webhook was not told of alarm 2 in 1 attempts: 127.0.0.1:9: there was no answer" in (
        " ".join(capsys.readouterr().out.split())
    )
    assert main(["alarms", "--json"]) == 0
    assert [message["alarm_id"] for message in json.loads(capsys.readouterr().out)["undelivered"]] == [2]


def test_runbooks_name_commands_that_there_are() -> None:
    page = (Path(__file__).parents[2] / RUNBOOKS).read_text(encoding="utf-8")
    named = set(re.findall(r"`telltale ([a-z]+)", page))

    assert named <= set(command_line("").commands)


def test_a_worker_tells_whom_the_settings_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALARM_WEBHOOK_URL", "https://hooks.example/alarms")
    monkeypatch.setenv("ALERTMANAGER_URL", "http://localhost:9093")

    with open_home() as home:
        desk = worker_of(home).desk

    assert desk is not None
    assert [sink.name for sink in desk.alarm_sinks] == ["log", "webhook", "alertmanager"]
