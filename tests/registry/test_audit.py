from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from telltale.contract.errors import ConflictError
from telltale.registry.audit import read_acts, record_act, recorded
from telltale.storage.database import Database, open_database

NOW = datetime(2024, 12, 1, tzinfo=UTC)


@pytest.fixture
def state(tmp_path: Path) -> Iterator[Database]:
    database = open_database(tmp_path / "state.db", schema="state")
    yield database
    database.close()


def test_what_worked_and_what_did_not_are_both_kept(state: Database) -> None:
    with recorded(state, "telltale promote", "a/t", actor="ada"):
        pass
    with pytest.raises(ConflictError), recorded(state, "telltale rollback", "a/t", actor="ada"):
        raise ConflictError("no")
    with pytest.raises(KeyboardInterrupt), recorded(state, "telltale retire", "a/t", actor="ada"):
        raise KeyboardInterrupt

    assert [(act.actor, act.action, act.subject, act.status) for act in read_acts(state)] == [
        ("ada", "telltale retire", "a/t", 500),
        ("ada", "telltale rollback", "a/t", 409),
        ("ada", "telltale promote", "a/t", 200),
    ]


def test_the_newest_rows_are_kept_and_long_texts_cut(state: Database) -> None:
    for n in range(7):
        record_act(
            state, f"POST /{n}" + "x" * 900, "", actor="ada", status=200, now=NOW, request_id=f"r{n}", kept_rows=3
        )

    acts = read_acts(state)
    assert [act.request_id for act in acts] == ["r6", "r5", "r4"]
    assert {len(act.action) for act in acts} == {300}
    assert [act.id for act in read_acts(state, limit=2)] == [7, 6]
