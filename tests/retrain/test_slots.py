import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from tests.serve.shop import APP

from telltale.retrain.cron import Due
from telltale.retrain.job_turns import HOLD_S, MOST_ATTEMPTS, claim_job, fail_abandoned_jobs, finish_job
from telltale.retrain.jobs import BY_HAND, Job, enqueue_job, read_jobs
from telltale.retrain.schedules import Schedule, declare_schedules, read_schedules
from telltale.retrain.slots import close_slots, open_slot
from telltale.storage.database import Database, open_database

NOW = datetime(2024, 12, 2, 5, 30, tzinfo=UTC)
SLOT = Due(NOW.replace(minute=0), 0)


@pytest.fixture
def state(tmp_path: Path) -> Iterator[Database]:
    database = open_database(tmp_path / "state.db", schema="state")
    declare_schedules(database, [APP], now=NOW)
    yield database
    database.close()


def schedule(state: Database, name: str = "everything") -> Schedule:
    return next(one for one in read_schedules(state, [APP]) if one.name == name)


def end(state: Database, *, ended: str = "done") -> Job:
    job = claim_job(state, apps=["shop"], owner="w", now=NOW)
    assert job is not None
    assert finish_job(
        state,
        job.id,
        ended="failed" if ended == "failed" else "done",
        result={"reason": ended},
        owner="w",
        now=NOW,
        attempt=job.attempt,
    )
    return job


def test_a_slot_is_claimed_once_and_asks_for_its_tasks_in_order(state: Database) -> None:
    assert open_slot(state, schedule(state), SLOT, owner="a", now=NOW)
    assert not open_slot(state, schedule(state), SLOT, owner="a", now=NOW)
    assert not open_slot(state, schedule(state), SLOT, owner="b", now=NOW)

    assert [end(state).task for _ in range(3)] == ["habits", "next", "trend"]
    assert {job.priority for job in read_jobs(state)} == {0}
    assert {job.reason for job in read_jobs(state)} == {"schedule everything, due 2024-12-02T05:00:00+00:00"}


def test_slots_missed_are_told_of_in_the_one_that_makes_up_for_them(state: Database) -> None:
    open_slot(state, schedule(state, "alarm"), Due(SLOT.at, 3), owner="a", now=NOW)

    (job,) = read_jobs(state)
    assert job.reason == "schedule alarm, due 2024-12-02T05:00:00+00:00, in place of 3 missed before it too"


@pytest.mark.parametrize(("ends", "last"), [(["done", "done", "done"], "done"), (["done", "failed", "done"], "failed")])
def test_a_slot_ends_with_the_last_of_its_jobs(state: Database, ends: list[str], last: str) -> None:
    open_slot(state, schedule(state), SLOT, owner="a", now=NOW)
    for ended in ends:
        assert close_slots(state) == 0
        assert schedule(state).last_state == "claimed"
        end(state, ended=ended)

    assert close_slots(state) == 1
    assert close_slots(state) == 0

    assert schedule(state).last_state == last
    told = msgspec.json.decode(state.fetch("SELECT result FROM slot")[0][0])
    assert [one["task"] for one in told["tasks"]] == ["shop/habits", "shop/next", "shop/trend"]
    assert [one["reason"] for one in told["tasks"]] == ends


def test_a_slot_whose_worker_died_is_done_by_another(state: Database) -> None:
    open_slot(state, schedule(state, "alarm"), SLOT, owner="a", now=NOW)
    assert claim_job(state, apps=["shop"], owner="a", now=NOW) is not None  # and then it is killed
    later = NOW + timedelta(seconds=HOLD_S + 1)

    (again,) = fail_abandoned_jobs(state, now=later)

    assert (again.state, again.attempt) == ("queued", 2)
    assert close_slots(state) == 0
    assert end(state).id == again.id
    assert close_slots(state) == 1
    assert schedule(state, "alarm").last_state == "done"


def test_a_slot_whose_every_worker_dies_has_failed(state: Database) -> None:
    open_slot(state, schedule(state, "alarm"), SLOT, owner="a", now=NOW)
    for attempt in range(MOST_ATTEMPTS):
        now = NOW + timedelta(hours=attempt)
        assert claim_job(state, apps=["shop"], owner=f"{attempt}", now=now) is not None
        fail_abandoned_jobs(state, now=now + timedelta(minutes=30))

    assert close_slots(state) == 1
    assert schedule(state, "alarm").last_state == "failed"


def test_what_a_person_asked_for_already_does_for_the_slot_too(state: Database) -> None:
    by_hand = enqueue_job(state, "shop", "alarm", actor="someone", reason="now", now=NOW)

    open_slot(state, schedule(state, "alarm"), SLOT, owner="a", now=NOW)

    assert read_jobs(state) == [by_hand]
    assert (by_hand.priority, by_hand.actor) == (BY_HAND, "someone")
    end(state)
    assert close_slots(state) == 1


CLAIMER = """
import sys
from datetime import UTC, datetime, timedelta
from telltale.retrain.cron import Due
from telltale.retrain.schedules import Schedule
from telltale.retrain.slots import open_slot
from telltale.storage.database import open_database
state = open_database(sys.argv[1], schema="state")
sys.stdin.readline()
start = datetime(2024, 12, 1, tzinfo=UTC)
schedule = Schedule(
    app="shop", name="alarm", tasks=("alarm",), cron="", paused=False, created_at=start, last_slot=None, last_state=None
)
hours = [Due(start + timedelta(hours=n), 0) for n in range(30)]
print(*[n for n, due in enumerate(hours) if open_slot(state, schedule, due, owner=sys.argv[2], now=start)])
"""


def test_slots_are_claimed_once_however_many_processes_there_are(state: Database) -> None:
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", CLAIMER, str(state.path), f"{n}"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for n in range(3)
    ]
    outputs = [process.communicate("\n", timeout=60)[0] for process in processes]

    assert all(process.returncode == 0 for process in processes)
    assert sorted(int(n) for output in outputs for n in output.split()) == list(range(30))
