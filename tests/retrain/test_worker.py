import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from telltale.contract.errors import NotFoundError, UsageError
from telltale.home import Home, open_home
from telltale.retrain.schedules import declare_schedules, read_schedules, set_schedule
from telltale.retrain.worker import Worker
from telltale.storage.leases import claim_slot
from telltale.train.sources import Simulation, check_simulated

CREATED = datetime(2024, 1, 1, tzinfo=UTC)
DUE = CREATED + timedelta(days=31, minutes=1)  # helios retrains on the first of the month


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    with open_home(tmp_path / "home") as opened:
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
    claim_slot(home.folder.state, "helios", "anomaly", at=CREATED + timedelta(days=31), owner="another")

    assert worker(home).run_due(now=DUE) == []


def test_a_paused_schedule_does_nothing_until_it_is_resumed(home: Home) -> None:
    store(home, days=1)
    set_schedule(home.folder.state, "helios", "anomaly", paused=True)
    assert worker(home).run_due(now=DUE) == []

    set_schedule(home.folder.state, "helios", "anomaly", paused=False)

    assert len(worker(home).run_due(now=DUE)) == 1


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


def test_a_new_version_is_judged_beside_the_champion_on_the_same_rows(home: Home) -> None:
    store(home, days=14)
    worker(home).run_due(now=DUE)
    later = check_simulated(home.apps["helios"], "metrics", Simulation(days=14, seed=9), days_later=14)
    home.events.add("helios", "metrics", later.frame, later.columns, source="test", now=CREATED)

    done = worker(home).run_due(now=DUE + timedelta(days=31))

    comparison = done[0].comparison
    assert comparison is not None
    assert comparison.challenger_f1 is not None
    assert comparison.champion_f1 is not None
    assert (done[0].action == "promote") == (comparison.challenger_f1 >= comparison.champion_f1)


def test_what_went_wrong_is_kept_and_the_worker_goes_on(home: Home) -> None:
    store(home, days=2)
    version_folder = home.folder.path / "artifacts"
    version_folder.rename(version_folder.with_name("elsewhere"))
    version_folder.write_text("a file where a folder should be")

    done = worker(home).run_due(now=DUE)

    assert [item.action for item in done] == ["failed"]
    assert [item.last_state for item in read_schedules(home.folder.state)] == ["failed"]


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


@pytest.mark.slow
def test_two_worker_processes_retrain_once(home: Home, tmp_path: Path) -> None:
    store(home, days=14)
    program = f"""
from datetime import datetime, UTC
from telltale.home import open_home
from telltale.retrain.worker import Worker
if __name__ == "__main__":
    with open_home({str(home.folder.path)!r}) as home:
        print(len(Worker(folder=home.folder, apps=home.apps).run_due(now=datetime.fromisoformat({DUE.isoformat()!r}))))
"""
    runs = [
        subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        for _ in range(2)
    ]
    counts = sorted(run.communicate(timeout=120)[0].strip() for run in runs)

    assert counts == ["0", "1"]
    assert len(home.registry.versions("helios", "anomaly")) == 1


def test_an_unknown_task_or_expression_is_refused(home: Home) -> None:
    with pytest.raises(NotFoundError, match="has no schedule"):
        set_schedule(home.folder.state, "helios", "nothing", paused=True)
    with pytest.raises(UsageError, match="five"):
        set_schedule(home.folder.state, "helios", "anomaly", cron="often")
