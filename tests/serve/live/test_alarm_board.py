import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from telltale.monitor.alarms import active_alarms
from telltale.serve.live.alarm_board import AlarmBoard
from telltale.serve.logs import configure_logs
from telltale.storage.database import Database, open_database


@pytest.fixture
def state(tmp_path: Path) -> Iterator[Database]:
    database = open_database(tmp_path / "state.db", schema="state")
    yield database
    database.close()


def _lines(capsys: Any) -> list[str]:
    return [json.loads(line)["event"] for line in capsys.readouterr().err.splitlines()]


def test_an_alarm_that_lasts_has_one_line_and_is_not_written_each_time(state: Database, capsys: Any) -> None:
    configure_logs()
    board = AlarmBoard(state)
    for _ in range(3):
        board.raise_("database_unwritable", what="it is full", mend="Make room.")

    (alarm,) = active_alarms(state)
    assert alarm.seen_at == alarm.raised_at
    assert _lines(capsys) == ["alarm_raised"]


def test_an_alarm_that_cannot_be_written_is_in_the_log_and_written_once_it_can(
    state: Database, tmp_path: Path, capsys: Any
) -> None:
    configure_logs()
    board = AlarmBoard(state)
    (tmp_path / "state.db").rename(tmp_path / "away.db")
    board.raise_("database_unwritable", what="it is full", mend="Make room.")
    assert _lines(capsys) == ["alarm_raised", "alarm_not_written"]

    (tmp_path / "away.db").rename(tmp_path / "state.db")
    board.raise_("database_unwritable", what="it is full", mend="Make room.")

    assert [alarm.name for alarm in active_alarms(state)] == ["database_unwritable"]


def test_an_alarm_whose_end_could_not_be_written_ends_later(state: Database, tmp_path: Path) -> None:
    configure_logs(level="error")
    board = AlarmBoard(state)
    board.raise_("database_unwritable", what="it is full", mend="Make room.")
    (tmp_path / "state.db").rename(tmp_path / "away.db")
    board.resolve("database_unwritable")
    (tmp_path / "away.db").rename(tmp_path / "state.db")
    assert active_alarms(state)

    board.catch_up()

    assert active_alarms(state) == []
