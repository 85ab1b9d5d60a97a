"""What stands around a pull: the alarm, training that goes on, forgetting, retention."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.telemetry.backend.server import Reply, backend_of, fault, in_turn, interactions, json_reply

from telltale.home import Home
from telltale.home.backend import source_of
from telltale.home.pulls import pull_before_training, pull_events
from telltale.home.settings import SETTINGS
from telltale.monitor.alarms import active_alarms
from telltale.registry.forget import forget
from telltale.retrain.worker import Worker
from telltale.telemetry.backend.pulling import Source
from telltale.telemetry.event_store import EventStore
from telltale.telemetry.retries import ONCE

NOW = datetime(2025, 3, 4, tzinfo=UTC)
SETTINGS_OF = {setting.variable: setting.default for setting in SETTINGS}


@pytest.fixture(autouse=True)
def _asked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("telltale.home.pulls.PATIENCE", ONCE)


def source_at(home: Home, url: str) -> Source:
    return source_of(home.apps["storefront"], "interaction", f"{url}/events", SETTINGS_OF)


def copies(home: Home) -> list[Path]:
    return list(home.folder.path.glob("sources/*/rows.ndjson"))


def test_before_training_a_backend_that_is_away_is_told_with_the_age_of_what_there_is(home: Home) -> None:
    with backend_of(in_turn([json_reply(interactions(4)), fault(500)])) as backend:
        source = source_at(home, backend.url)
        fresh = pull_before_training(home.folder, source, now=NOW)
        stale = pull_before_training(home.folder, source, now=NOW + timedelta(hours=5))

    assert fresh is not None
    assert (fresh.is_stale, fresh.told(NOW)) == (False, "")
    assert stale is not None
    assert stale.age_s == 5 * 3600
    assert "its rows are 5.0 hours old" in stale.told(NOW + timedelta(hours=5))
    (alarm,) = active_alarms(home.folder.state)
    assert (alarm.name, alarm.app, alarm.task) == ("source_stale", "storefront", "interaction")
    assert "What is there is 5.0 hours old" in alarm.what


@pytest.mark.parametrize("reply", [json_reply([{"timestamp": 5}]), Reply(body=b"<html>"), fault(401)])
def test_an_answer_that_waits_for_a_person_does_not_end_training_either(home: Home, reply: Reply) -> None:
    with backend_of(lambda _: reply) as backend:
        stale = pull_before_training(home.folder, source_at(home, backend.url), now=NOW)

    assert stale is not None
    assert (stale.is_stale, stale.taken_at) == (True, None)
    assert "of no good answer yet" in stale.told(NOW)
    assert [alarm.name for alarm in active_alarms(home.folder.state)] == ["source_stale"]


def test_a_backend_that_never_had_anything_of_an_event_is_no_fault(home: Home) -> None:
    with backend_of(lambda _: fault(404)) as backend:
        assert pull_before_training(home.folder, source_at(home, backend.url), now=NOW) is None
    assert active_alarms(home.folder.state) == []
    assert pull_before_training(home.folder, None, now=NOW) is None


def test_a_stale_answer_brings_back_what_the_store_has_lost_and_quarantines_nothing_twice(home: Home) -> None:
    rows = [*interactions(4), {"user_id": "x"}]
    with backend_of(in_turn([json_reply(rows), fault(500)])) as backend:
        source = source_at(home, backend.url)
        pull_events(home.folder, source, now=NOW)
        with home.folder.events.write() as connection:
            connection.exec_driver_sql("DELETE FROM event")
        _, stored, freshness = pull_events(home.folder, source, now=NOW)

    assert (stored.n_stored, freshness.is_stale) == (4, True)
    assert len(EventStore(home.folder.events).quarantined("storefront", "interaction")) == 1


def test_somebody_who_is_forgotten_is_in_no_copy_either(home: Home) -> None:
    with backend_of(lambda _: json_reply(interactions(20))) as backend:
        pull_events(home.folder, source_at(home, backend.url), now=NOW)
    assert len(copies(home)) == 1

    trial = forget(home.folder, "u3", actor="test", now=NOW, trial=True)
    assert len(copies(home)) == 1
    done = forget(home.folder, "u3", actor="test", now=NOW)

    assert "source copies" not in trial.removed
    assert done.removed["source copies"] == 1
    assert copies(home) == []


def test_copies_go_with_the_events_that_they_are_of(home: Home) -> None:
    with backend_of(lambda _: json_reply(interactions(20))) as backend:
        pull_events(home.folder, source_at(home, backend.url), now=NOW)
    worker = Worker(folder=home.folder, apps=home.apps, keep_event_days=30.0)

    worker.tidy(now=NOW + timedelta(days=29))
    assert len(copies(home)) == 1
    worker.tidy(now=NOW + timedelta(days=31))
    assert copies(home) == []
