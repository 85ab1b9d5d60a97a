import math
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.event import listen

from telltale.contract.errors import NotFoundError
from telltale.monitor.prediction_log import PredictionLog, Record, write_predictions
from telltale.monitor.predictions import prediction, recent_predictions
from telltale.storage.database import Database, open_database

Make = Callable[..., Record]


def _ids(events: Database) -> list[str]:
    return [row[0] for row in events.fetch("SELECT id FROM prediction ORDER BY id")]


def test_a_logged_prediction_reads_back_as_it_was_answered(events: Database, record: Make) -> None:
    with PredictionLog(events) as log:
        log.append(record("one"))
    stored = prediction(events, "one")

    assert stored.values == {"a": 1.0, "b": None}
    assert stored.time == datetime(2024, 12, 1, 14, 30, 22, 500_000, tzinfo=UTC)
    assert (stored.app, stored.task, stored.version, stored.role) == ("helios", "anomaly", 3, "champion")
    assert (stored.entity, stored.score, stored.decision, stored.threshold) == ("checkout", 0.75, True, 0.5)
    assert (stored.context, stored.latency_us) == ("row", 40)


def test_closing_writes_every_record_once_in_any_number(events: Database, record: Make) -> None:
    ids = [f"{number:05d}" for number in range(5_777)]

    with PredictionLog(events, interval_s=60.0) as log:
        for one in ids:
            log.append(record(one))

    assert _ids(events) == ids


def test_no_record_is_lost_while_flushes_and_appends_interleave(events: Database, record: Make) -> None:
    with PredictionLog(events, interval_s=0.001) as log:

        def append(thread: int) -> None:
            for number in range(2_000):
                log.append(record(f"{thread}-{number:05d}"))

        threads = [threading.Thread(target=append, args=(thread,)) for thread in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    assert len(_ids(events)) == 6_000
    assert log.n_dropped == 0


def test_memory_is_bounded_and_what_is_dropped_is_counted(events: Database, record: Make) -> None:
    with PredictionLog(events, interval_s=60.0, capacity=10) as log:
        for number in range(25):
            log.append(record(f"{number:02d}"))

        assert log.n_dropped == 15
        assert log.n_waiting == 10

    assert _ids(events) == [f"{number:02d}" for number in range(10)]


def test_flushes_of_any_size_share_a_few_statements(events: Database, record: Make) -> None:
    # The driver keeps what it has prepared: a statement for every size of a flush would fill memory.
    seen: set[str] = set()
    names = count()
    with events.write() as connection:
        listen(connection, "before_cursor_execute", lambda _connection, _cursor, sql, *_: seen.add(sql))
        for n_rows in range(200):
            write_predictions(connection, [record(f"{next(names):06d}") for _ in range(n_rows)])

    assert _ids(events) == [f"{number:06d}" for number in range(next(names))]
    assert len(seen) < 10


def test_a_locked_database_delays_rows_and_loses_none(
    events: Database, record: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("telltale.storage.sqlite_database.BUSY_TIMEOUT_S", 0.05)
    with PredictionLog(events, interval_s=60.0) as log:
        log.append(record("first"))
        with events.write():
            thread = threading.Thread(target=log.flush)
            thread.start()
            thread.join()
            log.append(record("second"))

            assert log.n_waiting == 2

        log.flush()

        assert _ids(events) == ["first", "second"]
        assert log.n_waiting == 0


def test_a_row_that_cannot_be_stored_is_counted_and_costs_no_other_row(events: Database, record: Make) -> None:
    with PredictionLog(events, interval_s=60.0) as log:
        for number in range(9):
            whole = record(f"{number}")
            log.append((*whole[:6], math.nan, whole[7]) if number == 4 else whole)
        log.flush()
        log.append(record("later"))

    assert log.n_dropped == 1
    assert _ids(events) == [*"01235678", "later"]


def test_an_unknown_id_is_named(events: Database) -> None:
    with pytest.raises(NotFoundError, match=r"'nope'.*Give the prediction_id of an answer"):
        prediction(events, "nope")


def test_recent_predictions_come_newest_first(events: Database, record: Make) -> None:
    with PredictionLog(events) as log:
        for number in range(5):
            log.append(record(str(number), time_s=1e9 + number))

    found = recent_predictions(events, "helios", "anomaly", limit=2)

    assert [one.prediction_id for one in found] == ["4", "3"]


_VICTIM = """
import os, sys, time
from pathlib import Path
from telltale.contract.answer import ScoreAnswer
from telltale.monitor.prediction_log import PredictionLog, ServedVersion
from telltale.storage.database import open_database

served = ServedVersion(app="a", task="t", version=1, role="champion", columns=("x",))
answer = ScoreAnswer(score=0.1, decision=False, threshold=0.5, context="row")
log = PredictionLog(open_database(Path(sys.argv[1]), schema="events"), interval_s=0.25)
number = 0
while True:
    log.append((served, f"{number:08d}", (1.0,), 1.0, None, answer, 0.0, time.time()))
    os.write(int(sys.argv[2]), f"{number} {time.time()}\\n".encode())
    number += 1
    time.sleep(0.002)
"""


@pytest.mark.slow
def test_a_killed_process_loses_at_most_the_stated_span(tmp_path: Path) -> None:
    file = tmp_path / "events.db"
    # A pipe of their own: the log's lines, written by another thread, would stand between the numbers.
    reading, writing = os.pipe()
    process = subprocess.Popen(
        [sys.executable, "-c", _VICTIM, str(file), str(writing)], pass_fds=(writing,), stdout=subprocess.DEVNULL
    )
    os.close(writing)
    with os.fdopen(reading) as lines:
        # By count, not by time: it appends for a second or more, however busy the machine is.
        first = [lines.readline() for _ in range(500)]
        os.kill(process.pid, signal.SIGKILL)
        rest = lines.readlines()
    process.wait()
    appended = [line.split() for line in [*first, *rest]]
    killed_at = float(appended[-1][1])

    events = open_database(file, schema="events")
    with events.read() as connection:
        stored = {int(row[0]) for row in connection.execute(text("SELECT id FROM prediction"))}
    events.close()

    # The bound: one interval, and the transaction in progress (generously 0.5 s on a busy machine).
    due = {int(number) for number, at in appended if float(at) < killed_at - 0.25 - 0.5}
    assert len(due) > 50
    assert due <= stored
