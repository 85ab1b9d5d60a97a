from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from telltale.monitor.alarms import raise_alarm, resolve_alarm
from telltale.monitor.presence import note_presence
from telltale.monitor.state_metrics import StateMetrics
from telltale.retrain.job_turns import begin_job, finish_job
from telltale.retrain.jobs import forget_jobs
from telltale.storage.database import Database, open_database

NOW = datetime(2024, 12, 1, tzinfo=UTC)
LABELS = '{app="helios",role="",task="anomaly",version=""}'


@pytest.fixture
def state(tmp_path: Path) -> Iterator[Database]:
    database = open_database(tmp_path / "state.db", schema="state")
    yield database
    database.close()


def _page(state: Database) -> str:
    registry = CollectorRegistry()
    registry.register(StateMetrics(state))
    return generate_latest(registry).decode()


def _work(state: Database, *, now: datetime) -> None:
    job = begin_job(state, "helios", "anomaly", actor="t", reason="r", owner="w", now=now)
    finish_job(state, job.id, ended="failed", result={}, owner="w", now=now)


def test_jobs_that_ended_are_counted_and_forgotten_ones_stay_counted(state: Database) -> None:
    for days in (0, 1, 40):
        _work(state, now=NOW + timedelta(days=days))
    begin_job(state, "helios", "anomaly", actor="t", reason="r", owner="w", now=NOW)
    assert f"telltale_job_total{LABELS} 3.0" in _page(state)

    assert forget_jobs(state, before=NOW + timedelta(hours=1)) == 1
    assert forget_jobs(state, before=NOW + timedelta(days=30)) == 1

    assert f"telltale_job_total{LABELS} 3.0" in _page(state)


def test_versions_trained_are_counted(state: Database) -> None:
    with state.write() as connection:
        for number in (1, 2):
            connection.exec_driver_sql(
                "INSERT INTO version VALUES ('helios', 'anomaly', ?, ?, '', '{}', '', 0, '', '', 'fail', '{}', '{}', 0, 0, 0)",
                (number, f"v{number}"),
            )

    assert f"telltale_training_total{LABELS} 2.0" in _page(state)


def test_jobs_are_shown_by_how_they_stand(state: Database) -> None:
    _work(state, now=NOW)
    begin_job(state, "helios", "anomaly", actor="t", reason="r", owner="w", now=NOW)

    page = _page(state)

    for standing in ("failed", "running"):
        assert f'telltale_jobs{{app="helios",state="{standing}",task="anomaly"}} 1.0' in page


def test_the_figures_of_what_is_in_production_are_shown_and_those_it_has_not_are_left_out(state: Database) -> None:
    with state.write() as connection:
        for number, metrics in ((1, '{"f1": 0.5}'), (2, '{"f1": 0.75, "auroc": null}')):
            connection.exec_driver_sql(
                "INSERT INTO version VALUES ('helios', 'anomaly', ?, ?, '', '{}', '', 0, '', '', 'pass', ?, '{}', 0, NULL, NULL)",
                (number, f"v{number}", metrics),
            )
        connection.exec_driver_sql("INSERT INTO role VALUES ('helios', 'anomaly', 'champion', 2)")

    shown = [line for line in _page(state).splitlines() if line.startswith("telltale_champion_figure{")]

    assert shown == ['telltale_champion_figure{app="helios",metric="f1",task="anomaly",version="2"} 0.75']


def test_who_has_which_role_is_shown(state: Database) -> None:
    with state.write() as connection:
        for role, number in (("champion", 2), ("shadow", 3)):
            connection.exec_driver_sql(
                "INSERT INTO version VALUES ('helios', 'anomaly', ?, ?, '', '{}', '', 0, '', '', 'pass', '{}', '{}', 0, NULL, NULL)",
                (number, f"v{number}"),
            )
            connection.exec_driver_sql("INSERT INTO role VALUES ('helios', 'anomaly', ?, ?)", (role, number))

    shown = {line for line in _page(state).splitlines() if line.startswith("telltale_version_role{")}

    assert shown == {
        'telltale_version_role{app="helios",role="champion",task="anomaly",version="2"} 1.0',
        'telltale_version_role{app="helios",role="shadow",task="anomaly",version="3"} 1.0',
    }


def test_living_workers_are_counted_and_none_is_told_too(state: Database) -> None:
    assert "telltale_workers 0.0" in _page(state)

    note_presence(state, "host:1", now=datetime.now(UTC))

    assert "telltale_workers 1.0" in _page(state)


def test_an_alarm_is_shown_while_it_lasts(state: Database) -> None:
    shown = 'telltale_alarm_active{app="helios",name="version_not_loaded",task="anomaly"} 1.0'
    raise_alarm(state, "version_not_loaded", app="helios", task="anomaly", what="gone", mend="Restore it.", now=NOW)
    assert shown in _page(state)

    resolve_alarm(state, "version_not_loaded", app="helios", task="anomaly", now=NOW)

    assert "telltale_alarm_active{" not in _page(state)


def test_the_promised_names_are_there_before_anything_happened(state: Database) -> None:
    page = _page(state)

    assert "# TYPE telltale_training_total counter" in page
    assert "# TYPE telltale_job_total counter" in page
    assert "# TYPE telltale_alarm_active gauge" in page


def test_a_database_that_is_gone_leaves_the_page_without_its_figures(state: Database, tmp_path: Path) -> None:
    (tmp_path / "state.db").rename(tmp_path / "away.db")

    assert _page(state) == ""
