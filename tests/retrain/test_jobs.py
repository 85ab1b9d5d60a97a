import multiprocessing
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from telltale.contract.errors import NotFoundError
from telltale.retrain.job_turns import (
    HOLD_S,
    MOST_ATTEMPTS,
    begin_job,
    claim_job,
    fail_abandoned_jobs,
    finish_job,
    hold_job,
    put_back_job,
    retry_job,
)
from telltale.retrain.jobs import BY_HAND, BY_SCHEDULE, BY_TRIGGER, Job, enqueue_job, read_job, read_jobs
from telltale.storage.database import Database, open_database

NOW = datetime(2024, 12, 1, 14, 30, tzinfo=UTC)
DEAD = NOW + timedelta(seconds=HOLD_S + 1)


@pytest.fixture
def state(tmp_path: Path) -> Iterator[Database]:
    database = open_database(tmp_path / "state.db", schema="state")
    yield database
    database.close()


def ask(state: Database, task: str = "next", *, at: datetime = NOW) -> Job:
    return enqueue_job(state, "shop", task, actor="someone", reason="new items", now=at)


def claim(state: Database, *, owner: str = "worker", at: datetime = NOW) -> Job | None:
    return claim_job(state, apps=["shop"], owner=owner, now=at)


def test_a_job_goes_from_queued_to_running_to_its_end(state: Database) -> None:
    asked = ask(state)
    assert (asked.state, asked.started_at, asked.actor, asked.reason) == ("queued", None, "someone", "new items")

    claimed = claim(state, at=NOW + timedelta(minutes=1))
    assert claimed is not None
    assert claimed == read_job(state, asked.id)
    assert (claimed.state, claimed.started_at) == ("running", NOW + timedelta(minutes=1))

    ended = NOW + timedelta(minutes=2)
    assert finish_job(state, asked.id, ended="done", result={"version": 3}, owner="worker", now=ended)
    done = read_job(state, asked.id)
    assert (done.state, done.finished_at, done.result) == ("done", ended, {"version": 3})


def test_a_task_waits_once_and_may_be_asked_for_again_while_it_runs(state: Database) -> None:
    first = ask(state)
    assert ask(state, at=NOW + timedelta(minutes=1)) == first
    assert ask(state, "trend", at=NOW + timedelta(minutes=2)).id != first.id
    claim(state)

    assert ask(state).id != first.id


def test_jobs_are_done_in_the_order_in_which_they_were_asked_for(state: Database) -> None:
    late, early = ask(state, "a", at=NOW), ask(state, "b", at=NOW - timedelta(minutes=1))

    assert [job.id for job in (claim(state), claim(state)) if job is not None] == [early.id, late.id]
    assert claim(state) is None


def test_of_one_task_two_jobs_never_run_at_once(state: Database) -> None:
    running = ask(state)
    claim(state)
    ask(state)
    other = ask(state, "trend")

    passed_over = claim(state)
    assert passed_over is not None
    assert passed_over.id == other.id
    assert claim(state) is None
    finish_job(state, running.id, ended="done", result={}, owner="worker", now=NOW)

    assert claim(state) is not None


def test_jobs_of_apps_that_are_not_installed_are_left(state: Database) -> None:
    ask(state)

    assert claim_job(state, apps=["other"], owner="worker", now=NOW) is None


def test_a_job_whose_worker_is_gone_waits_again_and_what_the_dead_one_says_counts_no_more(state: Database) -> None:
    job = ask(state)
    claim(state)
    assert fail_abandoned_jobs(state, now=NOW + timedelta(seconds=HOLD_S - 1)) == []

    (lost,) = fail_abandoned_jobs(state, now=DEAD)

    assert lost == read_job(state, job.id)
    assert (lost.state, lost.attempt, lost.started_at) == ("queued", 2, None)
    again = claim(state, owner="another", at=DEAD)
    assert again is not None
    assert hold_job(state, job.id, owner="another", now=DEAD)
    assert not finish_job(state, job.id, ended="done", result={}, owner="worker", now=DEAD)
    assert read_job(state, job.id).state == "running"
    assert finish_job(state, job.id, ended="done", result={}, owner="another", now=DEAD, attempt=2)


def test_a_job_that_every_worker_dies_of_fails_at_last(state: Database) -> None:
    job = ask(state)
    for attempt in range(1, MOST_ATTEMPTS + 1):
        assert claim(state, owner=f"{attempt}", at=NOW + timedelta(hours=attempt)) is not None
        (lost,) = fail_abandoned_jobs(state, now=NOW + timedelta(hours=attempt, minutes=30))

    assert lost == read_job(state, job.id)
    assert (lost.state, lost.attempt, lost.finished_at) == ("failed", MOST_ATTEMPTS, NOW + timedelta(hours=3.5))
    assert "ask for it again" in str(lost.result)
    assert claim(state) is None


def test_a_job_whose_process_died_waits_again_until_it_died_too_often(state: Database) -> None:
    ask(state)
    states = []
    while (job := claim(state)) is not None:
        states.append(retry_job(state, job, why="killed", owner="worker", now=NOW).state)

    assert states == ["queued"] * (MOST_ATTEMPTS - 1) + ["failed"]


def test_a_job_that_is_put_back_is_as_it_was(state: Database) -> None:
    asked = ask(state)
    job = claim(state)
    assert job is not None

    assert put_back_job(state, job, owner="worker")

    assert read_job(state, asked.id) == asked
    assert not put_back_job(state, job, owner="worker")
    assert claim(state, owner="another") is not None
    assert hold_job(state, asked.id, owner="another", now=NOW)


def test_the_most_urgent_is_done_first_and_of_several_the_oldest(state: Database) -> None:
    order = [("due", BY_SCHEDULE, 0), ("drifts", BY_TRIGGER, 1), ("late", BY_HAND, 3), ("wanted", BY_HAND, 2)]
    for task, priority, minute in order:
        at = NOW + timedelta(minutes=minute)
        enqueue_job(state, "shop", task, actor="a", reason="r", now=at, priority=priority)

    done = [claim(state) for _ in order]

    assert [job.task for job in done if job is not None] == ["wanted", "late", "drifts", "due"]


def test_what_waits_becomes_as_urgent_as_the_most_urgent_who_asks(state: Database) -> None:
    due = enqueue_job(state, "shop", "next", actor="schedule", reason="due", now=NOW, priority=BY_SCHEDULE)

    by_hand = ask(state)
    by_rule = enqueue_job(state, "shop", "next", actor="trigger", reason="drift", now=NOW, priority=BY_TRIGGER)

    assert by_hand.id == by_rule.id == due.id
    assert by_rule == by_hand == read_job(state, due.id)
    assert (by_hand.priority, by_hand.actor, by_hand.reason) == (BY_HAND, "someone", "new items")


def test_a_job_that_is_held_on_to_is_left_alone_however_long_it_takes(state: Database) -> None:
    job = ask(state)
    claim(state)
    for minute in range(1, 30):
        now = NOW + timedelta(minutes=minute)
        assert hold_job(state, job.id, owner="worker", now=now)
        assert fail_abandoned_jobs(state, now=now) == []


def test_nobody_else_can_hold_on_to_a_job(state: Database) -> None:
    job = ask(state)
    claim(state)

    assert not hold_job(state, job.id, owner="another", now=NOW)


def test_a_job_done_at_once_is_listed_like_any_other(state: Database) -> None:
    job = begin_job(state, "shop", "next", actor="schedule", reason="due", owner="worker", now=NOW)

    assert (job.state, job.started_at) == ("running", NOW)
    assert read_jobs(state) == [job]
    assert claim(state) is None


def test_jobs_are_listed_newest_first_by_task_and_state(state: Database) -> None:
    jobs = [ask(state, task, at=NOW + timedelta(minutes=at)) for at, task in enumerate(("a", "b", "c"))]
    claim(state)

    assert [job.id for job in read_jobs(state)] == [job.id for job in reversed(jobs)]
    assert [job.task for job in read_jobs(state, job_state="queued", limit=1)] == ["c"]
    assert [job.task for job in read_jobs(state, app="shop", task="a")] == ["a"]
    assert read_jobs(state, app="other") == []


def test_an_unknown_job_is_named(state: Database) -> None:
    with pytest.raises(NotFoundError, match=r"'ghost'.*telltale jobs"):
        read_job(state, "ghost")


def _claim_all(path: str, name: str, claimed: "multiprocessing.Queue[list[str]]") -> None:
    state = open_database(path, schema="state")
    found = []
    while (job := claim(state, owner=name)) is not None:
        found.append(job.id)
    claimed.put(found)


@pytest.mark.slow
def test_each_job_is_claimed_once_by_however_many_processes(state: Database) -> None:
    ids = {ask(state, f"task-{number}").id for number in range(40)}
    context = multiprocessing.get_context("spawn")
    queue: multiprocessing.Queue[list[str]] = context.Queue()
    workers = [context.Process(target=_claim_all, args=(str(state.path), f"w{n}", queue)) for n in range(3)]
    for worker in workers:
        worker.start()

    claimed = [job_id for _ in workers for job_id in queue.get(timeout=60)]
    for worker in workers:
        worker.join()

    assert sorted(claimed) == sorted(ids)
