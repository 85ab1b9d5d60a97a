from datetime import timedelta
from pathlib import Path

import pytest
from tests.monitor.drift.watched import LIVE, answer_stream, make_champion, stream, train_alarm

from telltale.monitor.alarms import active_alarms, read_alarms
from telltale.monitor.drift.findings import Finding, latest_finding, newest_findings
from telltale.monitor.drift.rule import mean_psi
from telltale.monitor.drift.watch import look_at_drift
from telltale.registry.registry import Registry
from telltale.storage.folder import Folder
from telltale.train.version import Trained

DAY = timedelta(days=1)


def look(folder: Folder, days: float, *, limit: float | None = None, window: timedelta = DAY) -> Finding | None:
    registry = Registry(folder.state, folder.artifacts)
    return look_at_drift(folder, registry, "shop", "alarm", now=LIVE + days * DAY, window=window, limit=limit)


def found(finding: Finding | None) -> Finding:
    assert finding is not None
    return finding


def test_an_unchanged_stream_raises_no_alarm(folder: Folder, alarm: Trained) -> None:
    answer_stream(folder.events, alarm, stream(LIVE, hours=72))

    looks = [found(look(folder, days)).drifted for days in (1, 1.5, 2, 2.5, 3)]

    assert looks == [False] * 5
    assert active_alarms(folder.state) == []


def test_a_shift_raises_one_alarm_that_says_what_moved_by_how_much(folder: Folder, alarm: Trained) -> None:
    answer_stream(folder.events, alarm, stream(LIVE, hours=24))
    answer_stream(folder.events, alarm, stream(LIVE + DAY, hours=24, load_shift=1.0))

    assert found(look(folder, 1)).drifted is False
    for days in (1.75, 2):
        finding = found(look(folder, days))

    assert finding.drift.moved[0] == "load"
    alarms = active_alarms(folder.state)
    assert [(one.name, one.app, one.task) for one in alarms] == [("drift", "shop", "alarm")]
    psi = mean_psi(finding.drift)
    assert psi is not None
    assert psi > 0.3
    assert alarms[0].what.startswith(
        f"Significant feature drift detected: mean PSI {psi:.2f}, the limit is 0.3; version 1, 576 rows: load by +"
    )
    load = finding.drift.features[0]
    assert load.low is not None
    assert load.high is not None
    assert load.low < 1.0 < load.high
    assert f"({load.low:+.2f} to {load.high:+.2f})" in alarms[0].what
    assert "telltale drift shop/alarm" in alarms[0].mend
    assert newest_findings(folder.events, "shop", "alarm", limit=1) == [finding]


def test_the_alarm_ends_when_the_stream_is_as_before(folder: Folder, alarm: Trained) -> None:
    answer_stream(folder.events, alarm, stream(LIVE, hours=24, load_shift=1.0))
    answer_stream(folder.events, alarm, stream(LIVE + DAY, hours=24))
    look(folder, 1)
    assert len(active_alarms(folder.state)) == 1

    look(folder, 2)

    assert active_alarms(folder.state) == []
    assert [one.name for one in read_alarms(folder.state)] == ["drift"]


def test_the_alarm_ends_when_another_version_is_champion(folder: Folder, alarm: Trained, tmp_path: Path) -> None:
    answer_stream(folder.events, alarm, stream(LIVE, hours=24, load_shift=1.0))
    look(folder, 1)
    assert len(active_alarms(folder.state)) == 1

    make_champion(folder, train_alarm(tmp_path / "other", seed=2))

    assert look(folder, 1) is None  # it has answered nothing yet
    assert active_alarms(folder.state) == []


def test_a_few_rows_say_nothing(folder: Folder, alarm: Trained) -> None:
    answer_stream(folder.events, alarm, stream(LIVE, hours=1, load_shift=5.0))

    assert look(folder, 1) is None
    assert latest_finding(folder.events, "shop", "alarm") is None


def test_a_task_without_a_champion_has_no_drift(folder: Folder) -> None:
    registry = Registry(folder.state, folder.artifacts)

    assert look_at_drift(folder, registry, "shop", "next", now=LIVE) is None


@pytest.mark.parametrize(("limit", "drifted"), [(0.1, True), (0.9, False)])
def test_the_classic_limit_decides_in_its_place(folder: Folder, alarm: Trained, *, limit: float, drifted: bool) -> None:
    answer_stream(folder.events, alarm, stream(LIVE, hours=24, load_shift=0.8))

    finding = found(look(folder, 1, limit=limit))

    assert finding.drifted is drifted
    assert bool(active_alarms(folder.state)) is drifted


def test_shorter_windows_may_be_asked_for(folder: Folder, alarm: Trained) -> None:
    answer_stream(folder.events, alarm, stream(LIVE, hours=3, load_shift=3.0))

    finding = found(look(folder, 0.125, window=timedelta(hours=3)))

    assert finding.drifted is True
    assert "load" in finding.drift.moved
