from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from telltale.monitor.presence import EVERY_S, count_workers, note_presence
from telltale.storage.database import Database, open_database
from telltale.storage.leases import hold_lease

NOW = datetime(2024, 12, 1, tzinfo=UTC)


@pytest.fixture
def state(tmp_path: Path) -> Iterator[Database]:
    database = open_database(tmp_path / "state.db", schema="state")
    yield database
    database.close()


def test_workers_are_counted_while_they_give_signs_of_life(state: Database) -> None:
    assert count_workers(state, now=NOW) == 0
    for worker in ("a", "b", "a"):
        note_presence(state, worker, now=NOW)
    assert count_workers(state, now=NOW) == 2

    note_presence(state, "b", now=NOW + timedelta(seconds=2 * EVERY_S))

    assert count_workers(state, now=NOW + timedelta(seconds=2.9 * EVERY_S)) == 2
    assert count_workers(state, now=NOW + timedelta(seconds=3.1 * EVERY_S)) == 1


def test_signs_of_workers_that_are_gone_do_not_pile_up_and_other_leases_stay(state: Database) -> None:
    hold_lease(state, "job:1", owner="gone", ttl_s=1.0, now=NOW)
    for worker in range(5):
        note_presence(state, f"w{worker}", now=NOW + timedelta(hours=worker))

    assert sorted(state.fetch("SELECT name FROM lease")) == [("job:1",), ("worker:w4",)]
