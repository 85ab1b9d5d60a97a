from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from tests.monitor.quality_home import START, Scored, answer, label, register, trained_helios

from telltale.apps.helios import APP
from telltale.monitor.alarm.rules import SLOW_RULES, check_rules
from telltale.monitor.alarms import Alarm, active_alarms
from telltale.registry.registry import Registry
from telltale.storage.folder import Folder, open_folder

NOW = START + timedelta(days=5)


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Folder]:
    opened = open_folder(tmp_path / "home")
    register(opened, trained_helios())
    registry = Registry(opened.state, opened.artifacts)
    registry.promote("helios", "anomaly", 1, actor="me", reason="first", now=START)
    yield opened
    opened.close()


def _look(folder: Folder, now: datetime) -> list[Alarm]:
    rules = [rule for rule in SLOW_RULES if rule.name == "quality_low"]
    check_rules(folder, Registry(folder.state, folder.artifacts), {"helios": APP}, now=now, rules=rules)
    return active_alarms(folder.state)


def _answered(folder: Folder, *, n_right: int, n_wrong: int) -> None:
    """So many flagged rightly and wrongly, and twice as many not flagged, all rightly; every one labelled."""
    n = n_right + n_wrong
    labels = np.array([1] * n_right + [0] * n_wrong + [0] * 2 * n, dtype=np.int8)
    rows = Scored(scores=np.array([0.9] * n + [0.1] * 2 * n), labels=labels)
    label(folder, answer(folder, rows), labels, at=NOW)


def test_a_champion_that_labels_show_to_be_below_its_target_is_told(folder: Folder) -> None:
    assert _look(folder, NOW) == []
    _answered(folder, n_right=200, n_wrong=200)

    (alarm,) = _look(folder, NOW)

    assert (alarm.name, alarm.task) == ("quality_low", "anomaly")
    assert (
        "Version 1 is below its target on what it answered in 7 days: precision is 50.0% (95 % interval 4" in alarm.what
    )
    assert "400 labelled), asked is >= 9" in alarm.what
    assert len(_look(folder, START + timedelta(days=7, minutes=1))) == 1
    assert _look(folder, START + timedelta(days=13)) == []


def test_an_interval_that_reaches_the_target_raises_nothing(folder: Folder) -> None:
    _answered(folder, n_right=9, n_wrong=1)

    assert _look(folder, NOW) == []
