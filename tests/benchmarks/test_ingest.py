import json
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from benchmarks.ingest import count_in_file
from benchmarks.ingest_load import Load, requests
from benchmarks.ingest_rows import ROWS_A_REQUEST, body, stored_row
from benchmarks.results import check

from telltale.apps.helios import APP
from telltale.storage.database import open_database
from telltale.telemetry.clean_rows import CleanReader
from telltale.telemetry.event_rows import origin_of, write_rows

NOW = datetime(2024, 1, 1, tzinfo=UTC)
Change = Callable[[sqlite3.Connection], object]


def _load(accepted: int, *, differing: int = 0) -> Load:
    return Load(seconds=1, n_requests=1, accepted=accepted, refused=0, differing=differing, p50_ms=1, p99_ms=1)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    events = open_database(tmp_path / "events.db", schema="events")
    with events.write() as connection:
        write_rows(connection, origin_of("helios", "metrics", source="t", now=NOW), [stored_row(n) for n in range(40)])
    events.close()
    return tmp_path / "events.db"


@pytest.mark.parametrize("as_list", [True, False])
def test_both_sides_store_the_same_rows(as_list: bool) -> None:
    rows = CleanReader(APP.events[0]).read(body(1_000, as_list=as_list))

    assert rows == sorted(stored_row(number) for number in range(1_000, 1_000 + ROWS_A_REQUEST))


def test_some_requests_are_sent_twice_with_a_key_and_without() -> None:
    sent = [request.text for request in requests(0, 64, 1)]
    twice = {text for text in sent if sent.count(text) == 2}

    assert len(set(sent)) == 64
    assert {b"idempotency-key" in text for text in twice} == {True, False}


@pytest.mark.parametrize(
    ("change", "told", "found"),
    [
        (lambda _: None, _load(40), (0, 0)),
        (lambda file: file.execute("DELETE FROM event WHERE id = 7"), _load(40), (1, 0)),
        (lambda file: file.execute("UPDATE event SET \"values\" = '{}' WHERE id = 7"), _load(40), (1, 0)),
        (lambda _: None, _load(39), (1, 0)),
        (lambda _: None, _load(41), (0, 1)),
        (lambda _: None, _load(40, differing=2), (0, 2)),
    ],
)
def test_rows_lost_or_told_of_twice_are_counted(file: Path, change: Change, told: Load, found: tuple[int, int]) -> None:
    connection = sqlite3.connect(file)
    change(connection)
    connection.commit()
    connection.close()

    assert count_in_file(file, 0, 40, [told]) == found


@pytest.mark.slow
@pytest.mark.server
def test_a_quick_run_loses_nothing_and_is_no_slower_than_half_of_bare_sqlite() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", "ingest", "--quick", "--json"], capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stderr
    ours, bare = check(json.loads(done.stdout)).rows
    assert (ours.name, ours.ours, bare.name) == ("telltale", True, "bare_sqlite")
    assert (ours.metrics["lost"], ours.metrics["duplicated"]) == (0, 0)
    assert (ours.metrics["vs_sqlite"] or 0) > 0.3  # one short round on a busy machine; the promise is 0.5
