import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from telltale.cli import main
from telltale.monitor.alarms import raise_alarm, resolve_alarm
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
    assert "Next: Restore it." in told
    assert "database_unwritable" not in told


def test_all_alarms_come_as_json(capsys: Any) -> None:
    assert main(["alarms", "--all", "--json"]) == 0

    told = json.loads(capsys.readouterr().out)["alarms"]
    assert [(alarm["name"], alarm["resolved_at"] is None) for alarm in told] == [
        ("version_not_loaded", True),
        ("database_unwritable", False),
    ]
