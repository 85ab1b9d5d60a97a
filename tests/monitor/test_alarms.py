from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from multiprocessing import get_context
from multiprocessing.queues import Queue
from pathlib import Path

import pytest

from telltale.monitor.alarms import (
    active_alarms,
    raise_alarm,
    read_alarms,
    resolve_alarm,
    resolve_unseen,
)
from telltale.storage.database import Database, open_database

NOW = datetime(2024, 12, 1, tzinfo=UTC)
LATER = NOW + timedelta(minutes=5)


@pytest.fixture
def state(tmp_path: Path) -> Iterator[Database]:
    database = open_database(tmp_path / "state.db", schema="state")
    yield database
    database.close()


def _raise(state: Database, what: str = "it broke", *, task: str = "anomaly", now: datetime = NOW) -> bool:
    return raise_alarm(state, "version_not_loaded", app="helios", task=task, what=what, mend="Mend it.", now=now)


def test_an_alarm_is_raised_once_and_keeps_up_with_what_is_seen(state: Database) -> None:
    assert _raise(state)
    assert not _raise(state, "it broke otherwise", now=LATER)

    (alarm,) = active_alarms(state)
    assert (alarm.what, alarm.raised_at, alarm.seen_at) == ("it broke otherwise", NOW, LATER)


def test_an_alarm_that_is_over_stays_on_record_and_can_be_raised_anew(state: Database) -> None:
    _raise(state)
    assert resolve_alarm(state, "version_not_loaded", app="helios", task="anomaly", now=LATER)
    assert active_alarms(state) == []
    assert not resolve_alarm(state, "version_not_loaded", app="helios", task="anomaly", now=LATER)

    assert _raise(state, now=LATER)

    assert [alarm.resolved_at for alarm in read_alarms(state)] == [None, LATER]


def test_alarms_of_two_tasks_are_two(state: Database) -> None:
    _raise(state)
    _raise(state, task="other")
    resolve_alarm(state, "version_not_loaded", app="helios", task="anomaly", now=LATER)

    assert [alarm.task for alarm in active_alarms(state)] == ["other"]


def test_an_alarm_that_nobody_sees_any_more_ends(state: Database) -> None:
    _raise(state)
    _raise(state, task="other", now=LATER)

    assert resolve_unseen(state, "version_not_loaded", before=NOW + timedelta(minutes=1), now=LATER)

    assert [alarm.task for alarm in active_alarms(state)] == ["other"]
    assert not resolve_unseen(state, "version_not_loaded", before=NOW + timedelta(minutes=1), now=LATER)


def test_many_threads_that_see_the_same_raise_one(state: Database) -> None:
    with ThreadPoolExecutor(8) as threads:
        new = list(threads.map(lambda n: _raise(state, now=NOW + timedelta(microseconds=n)), range(40)))

    assert sum(new) == 1
    assert len(read_alarms(state)) == 1


def _raise_in_process(path: str, told: "Queue[bool]") -> None:
    database = open_database(path, schema="state")
    told.put([_raise(database, now=datetime.now(UTC)) for _ in range(10)].count(True) == 1)
    database.close()


@pytest.mark.slow
def test_several_processes_that_see_the_same_raise_one(tmp_path: Path) -> None:
    path = str(tmp_path / "state.db")
    open_database(path, schema="state").close()
    context = get_context("spawn")
    told: Queue[bool] = context.Queue()
    processes = [context.Process(target=_raise_in_process, args=(path, told)) for _ in range(3)]
    for process in processes:
        process.start()
    new = [told.get(timeout=30) for _ in processes]
    for process in processes:
        process.join(timeout=30)

    database = open_database(path, schema="state")
    assert len(read_alarms(database)) == 1
    database.close()
    assert sum(new) == 1
