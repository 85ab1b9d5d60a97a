"""Backups of a home that a server writes in; and of one on a disk that is full, or that is a place of its own."""

import os
import shutil
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from tests.faults.clients import Seen, ask, load, send_events, send_feedback, send_predictions
from tests.faults.disk import Disk, small_disk
from tests.faults.homes import PREDICT, ROW, make_home, train_two
from tests.faults.kills import kept_events, kept_feedback
from tests.home.backup_homes import contents, put_back, save
from tests.home.backup_homes import make_home as make_small_home

from telltale.contract.errors import ConflictError
from telltale.registry.registry import Registry
from telltale.serve.server import start_background
from telltale.serve.settings import ServeSettings
from telltale.storage.folder import open_folder
from telltale.train.version import Trained

pytestmark = [pytest.mark.server, pytest.mark.slow]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> list[Trained]:
    return train_two(tmp_path_factory.mktemp("trained"))


@pytest.fixture
def settings(tmp_path: Path, trained: list[Trained]) -> ServeSettings:
    return make_home(tmp_path / "home", trained)


@contextmanager
def champions_moving(home: Path) -> Iterator[None]:
    """Version 1 and version 2 are made champion in turn, until the block ends."""
    stop = threading.Event()

    def move() -> None:
        folder = open_folder(home)
        registry = Registry(folder.state, folder.artifacts)
        number = 2
        while not stop.is_set():
            now = datetime.now(UTC)
            registry.promote("helios", "anomaly", number, actor="test", reason="to and fro", now=now)
            number = 3 - number
            time.sleep(0.01)
        folder.close()

    mover = threading.Thread(target=move)
    mover.start()
    try:
        yield
    finally:
        stop.set()
        mover.join()


def test_a_backup_under_load_has_all_that_was_acknowledged_and_is_one_state(
    settings: ServeSettings, tmp_path: Path
) -> None:
    home = Path(settings.home)
    senders = [send_events(keyed=True), send_events(keyed=False), send_feedback(), send_predictions]
    known: list[list[Seen]] = []
    with start_background(settings) as server, load(server.url, senders) as seen, champions_moving(home):
        for number in range(2):
            time.sleep(0.5)
            known.append([Seen(acknowledged=[*one.acknowledged]) for one in seen])
            command = [sys.executable, "-m", "telltale", "backup", str(tmp_path / f"{number}.tar"), "--json"]
            subprocess.run(command, check=True, env={**os.environ, "TELLTALE_HOME": str(home)}, capture_output=True)
        with pytest.raises(ConflictError, match="Stop `telltale serve`"):
            put_back(tmp_path / "0.tar", home, replace=True)
        assert not any(one.refusals for one in seen)

    for number, then in enumerate(known):
        restored = put_back(tmp_path / f"{number}.tar", tmp_path / f"restored{number}").home
        events = kept_events(restored / "events.db", then[:2])
        labels = kept_feedback(restored / "events.db", then[2:3])
        assert events.acknowledged > 0
        assert (events.lost, events.doubled, labels.lost, labels.doubled) == (0, 0, 0, 0)
        assert _versions_that_answered(restored) <= _versions(restored)
        folder = open_folder(restored)
        registry = Registry(folder.state, folder.artifacts)
        last = registry.history("helios", "anomaly")[-1]
        assert registry.champion("helios", "anomaly") is not None
        assert last.role_to in {"champion", "none"}
        for version in registry.versions("helios", "anomaly"):
            registry.verify(version)
        folder.close()


def test_a_restored_home_serves_the_same_prediction(settings: ServeSettings, tmp_path: Path) -> None:
    with start_background(settings) as server:
        before = ask(server.url, "POST", PREDICT, ROW).body
        made = save(Path(settings.home), tmp_path / "backup.tar")
    shutil.rmtree(settings.home)
    put_back(made.file, Path(settings.home))
    with start_background(settings) as server:
        after = ask(server.url, "POST", PREDICT, ROW).body

    of_the_answer = before.keys() - {"prediction_id"}
    assert {name: after[name] for name in of_the_answer} == {name: before[name] for name in of_the_answer}


@pytest.fixture
def disk() -> Iterator[Disk]:
    try:
        with small_disk("3m") as made:
            yield made
    except OSError as error:
        pytest.skip(str(error))


def test_a_disk_of_its_own_is_restored_into_and_what_was_there_is_set_aside_on_it(disk: Disk, tmp_path: Path) -> None:
    home = make_small_home(tmp_path / "home")
    made = save(home, tmp_path / "backup.tar")
    expected = contents(home)

    assert _telltale(disk, "restore", str(made.file)) == (0, "")
    assert _brought(disk.seen_from_here, tmp_path) == expected
    status, said = _telltale(disk, "restore", str(made.file))
    assert (status, "--replace" in said) == (2, True)
    assert _telltale(disk, "restore", str(made.file), "--replace") == (0, "")
    (aside,) = disk.seen_from_here.glob(".before-*")
    assert _brought(aside, tmp_path) == expected
    shutil.rmtree(aside)
    assert _brought(disk.seen_from_here, tmp_path) == expected


def test_a_full_disk_is_told_and_nothing_is_left_on_it(disk: Disk, tmp_path: Path) -> None:
    home = make_small_home(tmp_path / "home")
    with closing(sqlite3.connect(home / "events.db")) as connection:
        connection.execute("INSERT INTO quarantine SELECT 1, 'a', 'e', 's', 1, 'r', hex(randomblob(1500000)), 0")
        connection.commit()
    made = save(home, tmp_path / "backup.tar")

    status, said = _telltale(disk, "backup", str(disk.path / "backup.tar"), home=home)
    assert (status, said.split(". ")[0]) == (3, f"Not available right now: {disk.path}: the disk is full")
    status, said = _telltale(disk, "restore", str(made.file), home=disk.path / "home")
    assert (status, "the disk is full" in said) == (3, True)
    assert [*disk.seen_from_here.iterdir()] == []


def _brought(folder: Path, to: Path) -> dict[str, Any]:
    """The contents of a home on the disk; SQLite opens no file through another process's root."""
    shutil.rmtree(to / "brought", ignore_errors=True)
    return contents(shutil.copytree(folder, to / "brought"))


def _telltale(disk: Disk, *arguments: str, home: Path | None = None) -> tuple[int, str]:
    """Run a command where the disk is seen; its exit status and what it complains of, on one line."""
    environment = {**os.environ, "TELLTALE_HOME": str(home or disk.path)}
    command = [*disk.through, sys.executable, "-m", "telltale", *arguments]
    done = subprocess.run(command, env=environment, check=False, capture_output=True, text=True)
    return done.returncode, " ".join(done.stderr.split())


def _versions_that_answered(home: Path) -> set[int]:
    with closing(sqlite3.connect(home / "events.db")) as connection:
        return {number for (number,) in connection.execute("SELECT DISTINCT version FROM prediction")}


def _versions(home: Path) -> set[int]:
    with closing(sqlite3.connect(home / "state.db")) as connection:
        return {number for (number,) in connection.execute("SELECT number FROM version")}
