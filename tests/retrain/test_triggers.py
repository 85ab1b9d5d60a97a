"""Rules that ask for a retraining: when they hold, how often, and what for."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.retrain.homes import CREATED, SHOP, store

from telltale.contract.app import App, RetrainingRules
from telltale.monitor.alarms import AlarmName, active_alarms, raise_alarm, resolve_alarm
from telltale.monitor.feedback import Feedback, check_feedback, write_feedback
from telltale.retrain.duties import Desk
from telltale.retrain.job_turns import finish_job
from telltale.retrain.jobs import BY_TRIGGER, Job, enqueue_job, read_jobs
from telltale.retrain.triggers import ask_for_retraining, due_for_retraining
from telltale.retrain.worker import Worker
from telltale.storage.folder import Folder

NOW = datetime(2024, 12, 1, tzinfo=UTC)
FACTS: dict[str, Any] = {
    "alarms": (),
    "n_rows": 1_000,
    "minimum_rows": 500,
    "n_new_rows": 200,
    "trained_at": NOW - timedelta(days=1),
    "retrained_at": None,
    "now": NOW,
}


def due(rules: RetrainingRules, **facts: Any) -> str | None:
    return due_for_retraining(rules, **(FACTS | facts))


def ruled(rules: RetrainingRules) -> App:
    return replace(SHOP, tasks=tuple(replace(task, retraining=rules) for task in SHOP.tasks))


def look(folder: Folder, *, now: datetime, rules: RetrainingRules | None = None) -> list[Job]:
    ask_for_retraining(Desk(folder=folder, apps={"shop": ruled(rules or RetrainingRules())}), now)
    return read_jobs(folder.state, job_state="queued")


def alarm(folder: Folder, name: AlarmName, *, now: datetime) -> None:
    raise_alarm(folder.state, name, app="shop", task="alarm", what="w", mend="m", now=now)


def work(folder: Folder) -> list[str]:
    return [done.action for done in Worker(folder=folder, apps={"shop": SHOP}).run_jobs()]


@pytest.mark.parametrize(
    ("rules", "facts", "word"),
    [
        (RetrainingRules(), {"alarms": ["drift"]}, "drift"),
        (RetrainingRules(), {"alarms": ["latency_high", "quality_low"]}, "quality"),
        (RetrainingRules(new_rows=200), {}, "new rows"),
        (RetrainingRules(new_rows=200), {"trained_at": None}, "new rows"),
        (RetrainingRules(at_least_every_s=86_400), {}, "age"),
    ],
)
def test_a_rule_that_holds_says_why(rules: RetrainingRules, facts: dict[str, Any], word: str) -> None:
    reason = due(rules, **facts)

    assert reason is not None
    assert reason.startswith(word)
    assert "200" in reason


@pytest.mark.parametrize(
    ("rules", "facts"),
    [
        (RetrainingRules(), {}),
        (RetrainingRules(), {"alarms": ["latency_high"]}),
        (RetrainingRules(on_drift=False), {"alarms": ["drift"]}),
        (RetrainingRules(on_quality=False), {"alarms": ["quality_low"]}),
        (RetrainingRules(new_rows=201), {}),
        (RetrainingRules(at_least_every_s=86_401), {}),
        (RetrainingRules(at_least_every_s=1), {"trained_at": None}),
    ],
)
def test_a_rule_that_does_not_hold_asks_for_nothing(rules: RetrainingRules, facts: dict[str, Any]) -> None:
    assert due(rules, **facts) is None


@given(n_new=st.integers(0, 3), hours=st.floats(0, 12), n_rows=st.integers(490, 510))
def test_whatever_holds_it_is_not_too_often_nor_on_too_few_rows_nor_on_the_same(
    n_new: int, hours: float, n_rows: int
) -> None:
    rules = RetrainingRules(new_rows=1, at_least_every_s=1.0)
    facts = {"alarms": ["drift", "quality_low"], "n_new_rows": n_new, "n_rows": n_rows}

    reason = due(rules, **facts, retrained_at=NOW - timedelta(hours=hours))

    assert (reason is not None) == (n_new > 0 and n_rows >= 500 and hours >= 6)


@pytest.mark.parametrize("name", ["drift", "quality_low"])
def test_an_alarm_leads_to_one_retraining_and_to_no_other_before_its_time(folder: Folder, name: AlarmName) -> None:
    store(folder, "sample")
    assert work(folder) == []
    now = datetime.now(UTC)
    alarm(folder, name, now=now)

    (job,) = look(folder, now=now)
    assert (job.app, job.task, job.actor, job.priority) == ("shop", "alarm", "trigger", BY_TRIGGER)
    assert job.reason.startswith(name.split("_")[0])
    assert look(folder, now=now) == [job]
    assert work(folder) == ["promote"]

    assert look(folder, now=now + timedelta(hours=7)) == []  # the version knows all that is stored
    store(folder, "sample", days_later=7, now=now + timedelta(hours=6, minutes=30))
    assert look(folder, now=now + timedelta(hours=5)) == []
    (second,) = look(folder, now=now + timedelta(hours=7))
    assert second.id != job.id


def test_a_label_that_came_is_something_new(folder: Folder) -> None:
    store(folder, "sample")
    now = datetime.now(UTC)
    enqueue_job(folder.state, "shop", "alarm", actor="t", reason="r", now=now - timedelta(days=1))
    assert work(folder) == ["promote"]
    later = now + timedelta(hours=1)
    alarm(folder, "quality_low", now=later)
    assert look(folder, now=later) == []

    wrong = Feedback(label=1, app="shop", task="alarm", since=CREATED, to=CREATED)
    with folder.events.write() as connection:
        write_feedback(connection, [check_feedback(folder.events, wrong, actor="test", now=later)])

    (job,) = look(folder, now=later)
    assert "1 rows or labels are new" in job.reason


def test_an_alarm_that_is_over_leads_to_nothing(folder: Folder) -> None:
    store(folder, "sample")
    alarm(folder, "drift", now=NOW)
    resolve_alarm(folder.state, "drift", app="shop", task="alarm", now=NOW)

    assert look(folder, now=NOW) == []


def test_a_task_with_too_few_rows_is_left_alone_whatever_its_alarms(folder: Folder) -> None:
    alarm(folder, "drift", now=NOW)

    assert look(folder, now=NOW) == []
    assert look(folder, now=NOW) == []

    (told,) = active_alarms(folder.state)
    assert told.mend == "m It is retrained by itself once 200 rows are stored."


def test_rows_are_counted_from_when_the_latest_version_was_trained(folder: Folder) -> None:
    rules = RetrainingRules(new_rows=100)
    store(folder, "sample")
    (job,) = look(folder, now=datetime.now(UTC), rules=rules)
    assert job.reason.startswith("new rows: 800 rows or labels are new")
    work(folder)
    later = datetime.now(UTC) + timedelta(days=1)
    assert look(folder, now=later, rules=rules) == []

    store(folder, "taken", now=later)  # of another event

    assert [one.task for one in look(folder, now=later, rules=rules)] == ["next"]


def test_a_retraining_that_failed_is_not_asked_for_again_at_once(folder: Folder) -> None:
    store(folder, "sample")
    now = datetime.now(UTC)
    alarm(folder, "drift", now=now)
    (job,) = look(folder, now=now)
    with folder.state.write() as connection:
        connection.exec_driver_sql("UPDATE job SET state = 'running'")
    finish_job(folder.state, job.id, ended="failed", result={}, owner="w", now=now)

    assert look(folder, now=now + timedelta(hours=5)) == []
    assert len(look(folder, now=now + timedelta(hours=7))) == 1
