import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import polars as pl
import pytest
from tests.serve.shop import APP as SHOP

from telltale.contract.simulation import Simulation
from telltale.home import Home
from telltale.home.apps import installed_apps
from telltale.monitor.feedback import Feedback, check_feedback, write_feedback
from telltale.retrain.cron import Due
from telltale.retrain.job_turns import begin_job, claim_job, finish_job
from telltale.retrain.jobs import enqueue_job, read_job, read_jobs
from telltale.retrain.schedules import declare_schedules, read_schedules, set_schedule
from telltale.retrain.slots import open_slot
from telltale.retrain.worker import Worker
from telltale.storage.folder import open_folder
from telltale.train.sources import check_simulated

CREATED = datetime(2024, 1, 1, tzinfo=UTC)
DUE = CREATED + timedelta(days=31, minutes=1)  # helios retrains on the first of the month


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    with Home(open_folder(tmp_path / "home"), {"helios": installed_apps()["helios"]}) as opened:
        declare_schedules(opened.folder.state, opened.apps.values(), now=CREATED)
        yield opened


def worker(home: Home) -> Worker:
    return Worker(folder=home.folder, apps=home.apps)


def store(home: Home, *, days: float, seed: int = 0, spoiled: bool = False) -> None:
    app = home.apps["helios"]
    checked = check_simulated(app, "metrics", Simulation(days=days, seed=seed))
    frame = checked.frame
    if spoiled:  # labels that say nothing about the rows
        frame = frame.with_columns(pl.col("@label").shuffle(seed=1))
    home.events.add("helios", "metrics", frame, checked.columns, source="test", now=CREATED)


def test_too_few_stored_events_train_nothing(home: Home) -> None:
    store(home, days=1)

    done = worker(home).run_due(now=DUE)

    assert [(item.action, item.version) for item in done] == [("skip", None)]
    assert "288 events are stored; 500 are needed" in done[0].reason


@pytest.mark.slow
def test_the_first_version_that_passes_becomes_champion_and_the_history_says_who(home: Home) -> None:
    store(home, days=14)

    done = worker(home).run_due(now=DUE)

    assert [item.action for item in done] == ["promote"]
    assert home.registry.champion("helios", "anomaly") is not None
    moves = home.registry.history("helios", "anomaly")
    assert [(move.actor, move.role_to) for move in moves] == [("schedule", "none"), ("schedule", "champion")]


def test_a_slot_is_done_once_and_the_next_one_again(home: Home) -> None:
    store(home, days=1)
    assert len(worker(home).run_due(now=DUE)) == 1

    assert worker(home).run_due(now=DUE + timedelta(minutes=5)) == []
    assert len(worker(home).run_due(now=DUE + timedelta(days=31))) == 1


def test_a_slot_claimed_by_another_process_is_left_alone(home: Home) -> None:
    store(home, days=1)
    (schedule,) = read_schedules(home.folder.state, home.apps.values())
    assert open_slot(home.folder.state, schedule, Due(CREATED + timedelta(days=31), 0), owner="another", now=DUE)
    assert claim_job(home.folder.state, apps=home.apps, owner="another", now=datetime.now(UTC)) is not None

    assert worker(home).run_due(now=DUE) == []


def test_slots_missed_while_nobody_worked_are_made_up_for_once_and_the_job_says_so(home: Home) -> None:
    store(home, days=1)

    assert len(worker(home).run_due(now=DUE + timedelta(days=60))) == 1

    (job,) = read_jobs(home.folder.state)
    assert job.reason == "schedule anomaly, due 2024-04-01T00:00:00+00:00, in place of 2 missed before it too"
    assert worker(home).run_due(now=DUE + timedelta(days=60)) == []


def test_an_interval_is_kept_like_a_cron_expression(home: Home) -> None:
    store(home, days=1)
    set_schedule(home.folder.state, "helios", "anomaly", cron="every 6h")

    hours = [CREATED + timedelta(hours=hour, minutes=1) for hour in (5, 6, 7, 12)]

    assert [len(worker(home).run_due(now=hour)) for hour in hours] == [0, 1, 0, 1]


def test_a_paused_schedule_does_nothing_until_it_is_resumed(home: Home) -> None:
    store(home, days=1)
    set_schedule(home.folder.state, "helios", "anomaly", paused=True)
    assert worker(home).run_due(now=DUE) == []

    set_schedule(home.folder.state, "helios", "anomaly", paused=False)

    assert len(worker(home).run_due(now=DUE)) == 1


@pytest.mark.slow
def test_a_version_whose_gate_fails_leaves_the_champion(home: Home) -> None:
    store(home, days=14)
    worker(home).run_due(now=DUE)
    store_again = check_simulated(home.apps["helios"], "metrics", Simulation(days=14, seed=5), days_later=14)
    spoiled = store_again.frame.with_columns(pl.col("@label").shuffle(seed=1))
    home.events.add("helios", "metrics", spoiled, store_again.columns, source="test", now=CREATED)

    done = worker(home).run_due(now=DUE + timedelta(days=31))

    champion = home.registry.champion("helios", "anomaly")
    assert [item.action for item in done] == ["keep"]
    assert champion is not None
    assert champion.number == 1
    assert len(home.registry.versions("helios", "anomaly")) == 2


@pytest.mark.slow
def test_a_new_version_is_judged_beside_the_champion_on_the_same_rows(home: Home) -> None:
    store(home, days=14)
    worker(home).run_due(now=DUE)
    later = check_simulated(home.apps["helios"], "metrics", Simulation(days=14, seed=9), days_later=14)
    home.events.add("helios", "metrics", later.frame, later.columns, source="test", now=CREATED)

    done = worker(home).run_due(now=DUE + timedelta(days=31))

    comparison = done[0].comparison
    assert comparison is not None
    assert comparison.metric == "f1"
    assert comparison.challenger is not None
    assert comparison.champion is not None
    assert (done[0].action == "promote") == (comparison.challenger >= comparison.champion)


def test_what_went_wrong_is_kept_and_the_worker_goes_on(home: Home) -> None:
    store(home, days=2)
    version_folder = home.folder.path / "artifacts"
    version_folder.rename(version_folder.with_name("elsewhere"))
    version_folder.write_text("a file where a folder should be")

    done = worker(home).run_due(now=DUE)

    assert [item.action for item in done] == ["failed"]
    assert [item.last_state for item in read_schedules(home.folder.state, home.apps.values())] == ["failed"]


def test_what_is_due_is_listed_as_a_job(home: Home) -> None:
    store(home, days=1)

    worker(home).run_due(now=DUE)

    (job,) = read_jobs(home.folder.state)
    assert (job.app, job.task, job.state, job.actor) == ("helios", "anomaly", "skipped", "schedule")
    assert job.reason == "schedule anomaly, due 2024-02-01T00:00:00+00:00"
    assert job.result is not None
    assert "500 are needed" in job.result["reason"]


def shop_worker(home: Home, *, schedule: str) -> Worker:
    """A worker of the small app whose schedules are paused, but for one."""
    declare_schedules(home.folder.state, [SHOP], now=CREATED)
    for one in read_schedules(home.folder.state, [SHOP]):
        set_schedule(home.folder.state, "shop", one.name, paused=one.name != schedule)
    return Worker(folder=home.folder, apps={"shop": SHOP})


def store_shop(home: Home, event: str) -> None:
    checked = check_simulated(SHOP, event, Simulation())
    home.events.add("shop", event, checked.frame, checked.columns, source="test", now=CREATED)


def test_a_slot_at_which_nothing_new_is_stored_trains_nothing(home: Home) -> None:
    shop = shop_worker(home, schedule="alarm")
    store_shop(home, "sample")
    hours = [CREATED + timedelta(hours=hour) for hour in range(1, 5)]
    shop.run_due(now=hours[0])

    again = shop.run_due(now=hours[1])

    assert [(item.action, item.reason) for item in again] == [
        ("skip", "nothing new was stored since version 1 was trained")
    ]
    assert [job.state for job in read_jobs(home.folder.state)] == ["skipped", "done"]


@pytest.mark.parametrize("place", [0, -1])  # a row trained on, and one judged on
def test_one_new_row_or_one_new_label_is_reason_enough_to_train(home: Home, place: int) -> None:
    shop = shop_worker(home, schedule="alarm")
    store_shop(home, "sample")
    hours = [CREATED + timedelta(hours=hour) for hour in range(1, 5)]
    shop.run_due(now=hours[0])
    rows = home.events.frame("shop", SHOP.event("sample"))
    one = rows[[place]].with_columns(pl.col("@time") + timedelta(seconds=1))
    home.events.add("shop", "sample", one, ("load", "heat"), source="test", now=CREATED)

    shop.run_due(now=hours[1])

    assert len(home.registry.versions("shop", "alarm")) == 2
    normal = rows.filter(pl.col("@label") == 0).sort("@time")["@time"][place]
    wrong = Feedback(label=1, app="shop", task="alarm", since=normal, to=normal)
    with home.folder.events.write() as connection:
        write_feedback(connection, [check_feedback(home.folder.events, wrong, actor="test", now=CREATED)])

    shop.run_due(now=hours[2])

    assert len(home.registry.versions("shop", "alarm")) == 3
    assert [item.action for item in shop.run_due(now=hours[3])] == ["skip"]


def test_a_job_asked_for_by_hand_is_done_though_nothing_is_new(home: Home) -> None:
    shop = shop_worker(home, schedule="")
    store_shop(home, "taken")
    for actor in ("first", "second"):
        enqueue_job(home.folder.state, "shop", "next", actor=actor, reason="why not", now=datetime.now(UTC))
        (done,) = shop.run_jobs()

    (found, _) = read_jobs(home.folder.state)
    assert (found.state, found.actor, found.result) == ("done", "second", msgspec.to_builtins(done))
    assert done.version == 2
    assert {move.actor for move in home.registry.history("shop", "next") if move.number == 2} == {"second"}
    assert shop.run_jobs() == []


def test_a_job_that_breaks_is_failed_and_the_next_one_is_done(home: Home) -> None:
    now = datetime.now(UTC)
    shop = Worker(folder=home.folder, apps={"shop": SHOP})
    broken = enqueue_job(home.folder.state, "shop", "gone", actor="t", reason="r", now=now)
    good = enqueue_job(home.folder.state, "shop", "next", actor="t", reason="r", now=now + timedelta(seconds=1))

    shop.run_jobs()

    assert [read_job(home.folder.state, job.id).state for job in (broken, good)] == ["failed", "skipped"]


def test_a_running_worker_does_what_is_queued_and_tells_of_jobs_that_were_lost(home: Home) -> None:
    long_ago = datetime.now(UTC) - timedelta(hours=1)
    lost = begin_job(home.folder.state, "helios", "anomaly", actor="t", reason="r", owner="a dead one", now=long_ago)
    queued = enqueue_job(home.folder.state, "helios", "anomaly", actor="t", reason="r", now=datetime.now(UTC))
    stop = threading.Event()
    thread = threading.Thread(target=lambda: worker(home).run(stop, poll_s=0.05))
    thread.start()
    give_up_at = time.monotonic() + 20
    while read_job(home.folder.state, queued.id).finished_at is None and time.monotonic() < give_up_at:
        time.sleep(0.02)
    stop.set()
    thread.join()

    again = read_job(home.folder.state, lost.id)
    assert (again.state, again.attempt) == ("skipped", 2)
    assert read_job(home.folder.state, queued.id).state == "skipped"


def test_a_schedule_over_several_tasks_retrains_each_and_goes_on_after_one_that_fails(home: Home) -> None:
    shop = shop_worker(home, schedule="everything")
    store_shop(home, "taken")
    store_shop(home, "sales")
    monday = CREATED + timedelta(days=7, hours=6)

    done = shop.run_due(now=monday)

    assert [(item.task, item.version) for item in done] == [("shop/habits", None), ("shop/next", 1), ("shop/trend", 1)]
    assert done[0].reason == "0 events are stored; 50 are needed"
    assert shop.run_due(now=monday) == []
    found = {one.name: one.last_state for one in read_schedules(home.folder.state, [SHOP])}
    assert found["everything"] == "done"
    again = shop.run_due(now=monday + timedelta(days=7))
    assert [item.action for item in again] == ["skip", "skip", "skip"]
    assert "nothing new" in again[2].reason


def test_tidying_removes_old_events_but_no_labelled_one(home: Home) -> None:
    app = home.apps["helios"]
    checked = check_simulated(app, "metrics", Simulation(days=1))
    some = checked.frame.with_columns(pl.when(pl.col("@label") == 1).then(pl.col("@label")).alias("@label"))
    home.events.add("helios", "metrics", some, checked.columns, source="test", now=CREATED)
    n_labelled = some["@label"].count()

    worker(home).tidy(now=CREATED + timedelta(days=29))
    assert home.events.count("helios", "metrics") == 288
    worker(home).tidy(now=CREATED + timedelta(days=31))

    assert home.events.count("helios", "metrics") == n_labelled > 0


def test_tidying_forgets_jobs_that_ended_long_ago(home: Home) -> None:
    state = home.folder.state
    for task in ("a", "b"):
        begin_job(state, "helios", task, actor="t", reason="r", owner="w", now=CREATED)
    enqueue_job(state, "helios", "c", actor="t", reason="r", now=CREATED)
    finish_job(state, read_jobs(state, task="a")[0].id, ended="skipped", result={}, owner="w", now=CREATED)

    worker(home).tidy(now=CREATED + timedelta(days=29))
    assert len(read_jobs(state)) == 3
    worker(home).tidy(now=CREATED + timedelta(days=31))

    assert {job.task for job in read_jobs(state)} == {"b", "c"}


@pytest.mark.sqlite
def test_a_worker_outlives_a_database_that_is_away_for_a_while(home: Home) -> None:
    state = home.folder.state
    away = state.path.with_name("away.db")
    stop = threading.Event()
    running = threading.Thread(target=worker(home).run, args=(stop,), kwargs={"poll_s": 0.01})

    def job_done() -> bool:
        job = enqueue_job(state, "helios", "anomaly", actor="test", reason="r", now=datetime.now(UTC))
        give_up_at = time.monotonic() + 20
        while read_job(state, job.id).finished_at is None and time.monotonic() < give_up_at and running.is_alive():
            time.sleep(0.02)
        return read_job(state, job.id).state == "skipped"

    running.start()
    before = job_done()
    state.path.rename(away)
    time.sleep(0.3)
    away.rename(state.path)
    after = job_done()
    stop.set()
    running.join()

    assert (before, after) == (True, True)


@pytest.mark.slow
def test_two_worker_processes_retrain_once(home: Home, tmp_path: Path) -> None:
    store(home, days=14)
    program = f"""
from datetime import datetime, UTC
from telltale.home import open_home
from telltale.retrain.worker import Worker
if __name__ == "__main__":
    with open_home({str(home.folder.path)!r}) as home:
        apps = {{"helios": home.apps["helios"]}}
        print(len(Worker(folder=home.folder, apps=apps).run_due(now=datetime.fromisoformat({DUE.isoformat()!r}))))
"""
    runs = [
        subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        for _ in range(2)
    ]
    counts = sorted(run.communicate(timeout=120)[0].strip() for run in runs)

    assert counts == ["0", "1"]
    assert len(home.registry.versions("helios", "anomaly")) == 1
