from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.serve.shop import APP, CHANNEL

from telltale.contract.errors import NotFoundError, UsageError
from telltale.retrain.cron import Due
from telltale.retrain.job_turns import claim_job, finish_job
from telltale.retrain.schedules import declare_schedules, find_schedule, read_schedules, set_schedule
from telltale.retrain.slots import close_slots, open_slot
from telltale.storage.database import Database, open_database

NOW = datetime(2024, 12, 1, 14, 30, tzinfo=UTC)


@pytest.fixture
def state(tmp_path: Path) -> Iterator[Database]:
    database = open_database(tmp_path / "state.db", schema="state")
    declare_schedules(database, [APP], now=NOW)
    yield database
    database.close()


def test_tasks_and_the_app_have_schedules(state: Database) -> None:
    assert {one.name: (one.cron, one.tasks) for one in read_schedules(state, [APP])} == {
        "alarm": ("0 * * * *", ("alarm",)),
        "everything": ("0 5 * * 1", ("habits", "next", "trend")),
        "habits": ("0 2 * * *", ("habits",)),
        "next": ("0 3 * * 0", ("next",)),
        "trend": ("0 4 1 * *", ("trend",)),
    }


def test_a_task_without_an_expression_has_none(state: Database) -> None:
    assert CHANNEL in APP.tasks
    assert "channel" not in {one.name for one in read_schedules(state, [APP])}


def test_what_was_set_stays_when_apps_declare_again(state: Database) -> None:
    set_schedule(state, "shop", "everything", paused=True, cron="0 6 * * *")
    declare_schedules(state, [APP], now=NOW + timedelta(days=1))

    found = next(one for one in read_schedules(state, [APP]) if one.name == "everything")
    assert (found.cron, found.paused, found.created_at, found.next_at(NOW)) == ("0 6 * * *", True, NOW, None)


def test_a_schedule_tells_its_next_and_its_latest_slot(state: Database) -> None:
    for hour in (15, 16):
        alarm = read_schedules(state, [APP])[0]
        open_slot(state, alarm, Due(NOW.replace(hour=hour, minute=0), 0), owner="w", now=NOW)
        job = claim_job(state, apps=["shop"], owner="w", now=NOW)
        assert job is not None
        finish_job(state, job.id, ended="done" if hour == 15 else "failed", result={}, owner="w", now=NOW)
        close_slots(state)

    found = read_schedules(state, [APP])[0]

    assert (found.name, found.last_slot, found.last_state) == ("alarm", NOW.replace(hour=16, minute=0), "failed")
    assert found.next_at(NOW) == NOW.replace(hour=15, minute=0)


def test_schedules_of_apps_that_are_gone_are_left_out(state: Database) -> None:
    assert read_schedules(state, []) == []


def test_an_unknown_schedule_or_expression_is_refused(state: Database) -> None:
    with pytest.raises(NotFoundError, match="There are: shop/alarm, shop/everything"):
        find_schedule({"shop": APP}, "shop", "nothing")
    with pytest.raises(NotFoundError, match="has no schedule"):
        set_schedule(state, "shop", "nothing", paused=True)
    with pytest.raises(UsageError, match="five"):
        set_schedule(state, "shop", "alarm", cron="often")


def test_an_interval_is_an_expression_too(state: Database) -> None:
    set_schedule(state, "shop", "alarm", cron="every 6h")

    assert read_schedules(state, [APP])[0].next_at(NOW) == NOW.replace(hour=18, minute=0)
