from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.monitor.planted import plant_events

from telltale.apps.helios import APP
from telltale.monitor.alarm.rules import SLOW_RULES, check_rules
from telltale.monitor.alarms import active_alarms, read_alarms
from telltale.registry.registry import Registry
from telltale.storage.folder import Folder, open_folder

NOW = datetime(2024, 12, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Folder]:
    home = open_folder(tmp_path / "home")
    yield home
    home.close()


def _look(folder: Folder, after: timedelta = timedelta()) -> list[str]:
    rules = [rule for rule in SLOW_RULES if rule.name == "collector_failed"]
    check_rules(folder, Registry(folder.state, folder.artifacts), {"helios": APP}, now=NOW + after, rules=rules)
    return [alarm.what for alarm in active_alarms(folder.state)]


def _every(gap: timedelta, *, days: float, until: datetime = NOW) -> list[datetime]:
    return [until - gap * n for n in range(int(timedelta(days=days) / gap))][::-1]


def test_a_stream_that_fell_silent_is_told_and_one_that_came_back_is_over(folder: Folder) -> None:
    plant_events(folder.events, _every(MINUTE, days=1))
    assert _look(folder, 14 * MINUTE) == []

    (what,) = _look(folder, 16 * MINUTE)
    assert what == (
        "Nothing came of helios/metrics since 2024-12-01 12:00:00 UTC, 16 minutes ago; "
        "before, something came every 60 s"
    )
    (alarm,) = active_alarms(folder.state)
    assert (alarm.name, alarm.app, alarm.task) == ("collector_failed", "helios", "metrics")
    plant_events(folder.events, [NOW + 30 * MINUTE])
    assert _look(folder, 31 * MINUTE) == []
    assert len(read_alarms(folder.state)) == 1


def test_a_slow_stream_may_be_silent_for_ten_of_its_gaps(folder: Folder) -> None:
    plant_events(folder.events, _every(30 * MINUTE, days=7))

    assert _look(folder, 290 * MINUTE) == []
    assert len(_look(folder, 310 * MINUTE)) == 1


def test_a_stream_that_sleeps_by_night_raises_nothing_by_night(folder: Folder) -> None:
    by_day = [at for at in _every(MINUTE, days=7, until=NOW + timedelta(hours=8)) if 8 <= at.hour < 20]
    plant_events(folder.events, by_day)

    assert _look(folder, timedelta(hours=12)) == []


def test_rows_of_a_week_that_were_sent_at_once_are_no_stream(folder: Folder) -> None:
    times = _every(5 * MINUTE, days=7)
    arrivals = [NOW + timedelta(milliseconds=n) for n in range(len(times))]
    plant_events(folder.events, arrivals, times=times)

    assert _look(folder, 30 * MINUTE) == []


def test_rows_of_a_file_are_no_stream(folder: Folder) -> None:
    times = _every(5 * MINUTE, days=7)
    plant_events(folder.events, [NOW] * len(times), times=times)

    assert _look(folder, 30 * MINUTE) == []


def test_a_stream_of_an_hour_has_no_rhythm_yet(folder: Folder) -> None:
    plant_events(folder.events, _every(MINUTE, days=1 / 24))

    assert _look(folder, 30 * MINUTE) == []


def test_an_outage_of_an_hour_does_not_make_a_stream_unsteady(folder: Folder) -> None:
    plant_events(folder.events, [at for at in _every(MINUTE, days=2) if at.hour != 3 or at.day != 30])

    assert len(_look(folder, 20 * MINUTE)) == 1


def test_a_stream_that_was_ended_is_forgotten_within_a_week(folder: Folder) -> None:
    plant_events(folder.events, _every(10 * MINUTE, days=7))
    assert len(_look(folder, timedelta(days=3))) == 1

    assert _look(folder, timedelta(days=7)) == []
