"""A disk that is full, and a database that may only be read."""

import json
import os
import shutil
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest
from tests.faults.clients import Connection, ask, load, send_events, send_predictions
from tests.faults.disk import Disk, small_disk
from tests.faults.homes import EVENTS, PREDICT, ROW
from tests.faults.kills import free_port, kept_events, read

from telltale.serve.server import start_background
from telltale.serve.settings import ServeSettings

pytestmark = [pytest.mark.server, pytest.mark.slow]


@pytest.fixture
def disk() -> Iterator[Disk]:
    try:
        with small_disk("12m") as made:
            yield made
    except OSError as error:
        pytest.skip(str(error))


def _moved_to(disk: Disk, settings: ServeSettings) -> ServeSettings:
    shutil.copytree(settings.home, disk.seen_from_here / "home")
    return msgspec.structs.replace(settings, home=str(disk.path / "home"))


def test_a_full_disk_is_told_predictions_go_on_and_all_heals_when_there_is_room(
    settings: ServeSettings, disk: Disk, tmp_path: Path
) -> None:
    there = _moved_to(disk, settings)
    senders = [send_events(keyed=True), send_events(keyed=False), send_predictions]
    with start_background(there, through=disk.through) as server:
        with Connection(server.url) as connection, load(server.url, senders) as seen:
            time.sleep(0.5)
            disk.fill()
            time.sleep(1.0)
            refused = connection.post(EVENTS, ROW | {"service": "refused"})
            answered = connection.post(PREDICT, ROW)
            waiting = connection.get("/health").body["predictions_waiting"]
            disk.make_room()
            time.sleep(1.0)
            taken = connection.post(EVENTS, ROW | {"service": "taken"})
        time.sleep(0.5)
        health = ask(server.url, "GET", "/health").body
    # SQLite opens no file through another process's root.
    database = shutil.copytree(disk.seen_from_here / "home", tmp_path / "brought") / "events.db"
    kept = kept_events(database, seen[:2])

    assert refused.status == 503
    assert int(refused.headers["retry-after"]) >= 1
    assert (refused.body["detail"], refused.body["where"]) == ("the disk is full", "events.db")
    assert str(disk.path) not in str(refused.body)
    assert answered.status == 200
    assert waiting > 0
    assert taken.status == 200
    assert (health["predictions_waiting"], health["predictions_dropped"]) == (0, 0)
    assert read(database, "PRAGMA integrity_check") == ["ok"]
    assert (kept.lost, kept.doubled) == (0, 0)
    # Refused and sent again: acknowledged in the end, each once.
    assert seen[0].refusals.keys() | seen[1].refusals.keys() == {503}
    assert seen[2].refusals == {}
    assert seen[2].predicted.keys() <= set(read(database, "SELECT id FROM prediction"))


def test_batches_on_a_full_disk_end_and_what_finds_no_room_is_counted(settings: ServeSettings, disk: Disk) -> None:
    there = _moved_to(disk, settings)
    lines = (json.dumps(ROW).encode() + b"\n") * 15_000
    with start_background(there, through=disk.through) as server, Connection(server.url) as connection:
        disk.fill()
        answers = [connection.post(f"{PREDICT}:batch", lines) for _ in range(8)]
        health = connection.get("/health").body

    assert {answer.status for answer in answers} == {200}
    assert {answer.body["text"].count("prediction_id") for answer in answers} == {15_000}
    assert health["predictions_dropped"] > 0
    assert sum(health[f"predictions_{what}"] for what in ("dropped", "waiting", "written")) == 120_000
    assert health["status"] == "degraded"


def test_a_database_that_may_only_be_read_refuses_events_and_answers_predictions(settings: ServeSettings) -> None:
    through: tuple[str, ...] = ()
    if os.geteuid() == 0:  # whom no permission stops, until it gives that up
        if shutil.which("setpriv") is None:
            pytest.skip("setpriv is not installed")
        through = ("setpriv", "--bounding-set=-dac_override", "--inh-caps=-dac_override")
    database = Path(settings.home) / "events.db"
    database.chmod(stat.S_IRUSR)
    with _serving(settings, through) as url:
        refused = ask(url, "POST", EVENTS, ROW)
        answered = ask(url, "POST", PREDICT, ROW)
        ready = ask(url, "GET", "/readyz")

    assert (refused.status, refused.body["detail"]) == (503, "the database cannot be written")
    assert int(refused.headers["retry-after"]) >= 1
    assert settings.home not in str(refused.body)
    assert answered.status == 200
    assert (ready.status, ready.body["states"]) == (503, ["database_unwritable"])


@contextmanager
def _serving(settings: ServeSettings, through: tuple[str, ...]) -> Iterator[str]:
    """`telltale serve`, alive but perhaps never ready."""
    url = f"http://127.0.0.1:{free_port()}"
    command = [*through, sys.executable, "-m", "telltale", "serve", "--port", url.rpartition(":")[2]]
    environment = os.environ | {"TELLTALE_HOME": settings.home}
    with subprocess.Popen(command, env=environment, cwd=settings.home, stderr=subprocess.DEVNULL) as process:
        try:
            give_up_at = time.monotonic() + 20
            while ask(url, "GET", "/healthz").status != 200:
                assert time.monotonic() < give_up_at
                assert process.poll() is None
                time.sleep(0.05)
            yield url
        finally:
            process.terminate()
