from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.monitor.planted import plant_minute, plant_predictions

from telltale.apps.helios import ANOMALY, APP
from telltale.contract.app import App
from telltale.contract.errors import UsageError
from telltale.monitor.alarm.rules import RULES, SERVICE_RULES, check_rules, limits_of
from telltale.monitor.alarms import Alarm, active_alarms, read_alarms
from telltale.registry.registry import Registry
from telltale.storage.folder import Folder, open_folder
from telltale.storage.instants import to_us

NOW = datetime(2024, 12, 1, 12, tzinfo=UTC)


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Folder]:
    home = open_folder(tmp_path / "home")
    yield home
    home.close()


def _look(folder: Folder, after_s: float = 0, *, app: App = APP) -> list[Alarm]:
    now = NOW + timedelta(seconds=after_s)
    check_rules(folder, Registry(folder.state, folder.artifacts), {app.name: app}, now=now, rules=SERVICE_RULES)
    return active_alarms(folder.state)


def _limited(limits: Mapping[str, float]) -> App:
    return replace(APP, tasks=(replace(ANOMALY, alarm_limits=limits),))


def _job(folder: Folder, state: str, *, after_s: float, reason: str = "the rows ran out.") -> None:
    at_us = to_us(NOW + timedelta(seconds=after_s))
    with folder.state.write() as connection:
        connection.exec_driver_sql(
            "INSERT INTO job (id, kind, app, task, state, actor, reason, created_us, finished_us, result) "
            "VALUES (?, 'retrain', 'helios', 'anomaly', ?, 'me', '', ?, ?, ?)",
            (f"job-{after_s:g}", state, at_us, at_us, f'{{"reason": "{reason}"}}'),
        )


def test_a_home_in_which_nothing_happened_has_no_alarm(folder: Folder) -> None:
    assert _look(folder) == []
    assert read_alarms(folder.state) == []


def test_slow_answers_are_told_in_the_words_and_with_the_figure(folder: Folder) -> None:
    plant_predictions(folder.events, [5.0] * 900 + [182.0] * 100, now=NOW)

    (alarm,) = _look(folder)

    assert (alarm.name, alarm.app, alarm.task) == ("latency_high", "helios", "anomaly")
    assert alarm.what.startswith(
        "High prediction latency detected: the last 100 predictions took 182.0 ms on average; the limit is 100 ms"
    )


def test_a_slow_hundredth_is_enough(folder: Folder) -> None:
    plant_predictions(folder.events, ([5.0] * 48 + [400.0] * 2) * 20, now=NOW)

    (alarm,) = _look(folder)

    assert "400.0 ms or more (p99)" in alarm.what
    assert "on average" not in alarm.what


@pytest.mark.parametrize("latencies_ms", [[90.0] * 1_000, [500.0] * 10, [5.0] * 950 + [99.0] * 50])
def test_what_is_fast_enough_or_too_few_to_say_raises_nothing(folder: Folder, latencies_ms: list[float]) -> None:
    plant_predictions(folder.events, latencies_ms, now=NOW)

    assert _look(folder) == []


def test_slow_answers_that_are_over_end_the_alarm_after_a_minute_and_not_at_once(folder: Folder) -> None:
    plant_predictions(folder.events, [200.0] * 100, now=NOW)
    assert len(_look(folder)) == 1
    assert len(_look(folder, 9 * 60)) == 1

    assert len(_look(folder, 9 * 60 + 50)) == 1
    plant_predictions(folder.events, [5.0] * 100, now=NOW + timedelta(minutes=10))
    assert len(_look(folder, 10 * 60 + 10)) == 1

    assert _look(folder, 10 * 60 + 50) == []
    assert len(read_alarms(folder.state)) == 1


def test_a_task_has_limits_of_its_own(folder: Folder) -> None:
    plant_predictions(folder.events, [60.0] * 200, now=NOW)
    assert _look(folder) == []

    (alarm,) = _look(folder, app=_limited({"latency_mean_ms": 50.0}))

    assert "the limit is 50 ms" in alarm.what


def test_a_limit_that_no_rule_has_is_refused() -> None:
    with pytest.raises(
        UsageError, match=r"alarm_limits: 'latency' is not known. Known: drift_mean_psi, error_rate, latency_mean_ms"
    ):
        limits_of(RULES[0], _limited({"latency": 50.0}), "anomaly")


def test_failed_requests_are_told_with_their_share(folder: Folder) -> None:
    plant_minute(folder.events, at=NOW - timedelta(minutes=2), n_answered=90, n_failed=10)

    (alarm,) = _look(folder)

    assert (alarm.name, alarm.severity) == ("error_rate_high", "critical")
    assert "`telltale rollback helios/anomaly`" in alarm.mend
    assert "10 of 100 requests in five minutes failed (10.0%); the limit is 5.0%" in alarm.what
    assert len(_look(folder, 3 * 60)) == 1
    assert _look(folder, 6 * 60) == []


@pytest.mark.parametrize(("n_answered", "n_failed"), [(95, 5), (0, 19), (1_000, 0)])
def test_few_failures_raise_nothing(folder: Folder, n_answered: int, n_failed: int) -> None:
    plant_minute(folder.events, at=NOW - timedelta(minutes=2), n_answered=n_answered, n_failed=n_failed)

    assert _look(folder) == []


def test_requests_that_no_version_answered_count(folder: Folder) -> None:
    plant_minute(folder.events, at=NOW - timedelta(minutes=2), version=0, n_answered=0, n_failed=30)

    (alarm,) = _look(folder)

    assert alarm.name == "error_rate_high"
    assert "No version served them" in alarm.mend


def test_a_retraining_that_failed_is_told_until_one_is_done(folder: Folder) -> None:
    _job(folder, "done", after_s=-100)
    _job(folder, "failed", after_s=-10)
    (alarm,) = _look(folder)
    assert alarm.name == "retraining_failed"
    assert "(job job--10): the rows ran out" in alarm.what
    _job(folder, "skipped", after_s=10)
    _job(folder, "running", after_s=11)
    assert len(_look(folder, 20)) == 1

    _job(folder, "done", after_s=30)

    assert _look(folder, 40) == []


def test_a_rule_that_breaks_hides_no_other(folder: Folder) -> None:
    _job(folder, "failed", after_s=-10)
    plant_predictions(folder.events, [200.0] * 100, now=NOW)

    assert [alarm.name for alarm in _look(folder, app=_limited({"nonsense": 1.0}))] == []
    assert [alarm.name for alarm in _look(folder)] == ["latency_high", "retraining_failed"]
