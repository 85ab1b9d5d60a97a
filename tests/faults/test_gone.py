"""Files of the home removed or replaced while it is served."""

import shutil
import time
from pathlib import Path

import pytest
from tests.faults.clients import Connection, ask
from tests.faults.homes import EVENTS, PREDICT, ROW
from tests.faults.kills import read

from telltale.serve.server import start_background
from telltale.serve.settings import ServeSettings

pytestmark = [pytest.mark.server, pytest.mark.slow]
_MOVED = "the database file was removed or replaced while it was in use"


def _event(number: int) -> dict[str, object]:
    return ROW | {"service": f"s{number}"}


def test_events_for_a_database_that_is_gone_are_refused_until_it_is_back(settings: ServeSettings) -> None:
    database = Path(settings.home) / "events.db"
    with start_background(settings) as server, Connection(server.url) as connection:
        before = connection.post(EVENTS, _event(0))
        database.rename(database.with_name("away.db"))
        refused = connection.post(EVENTS, _event(1))
        answered = connection.post(PREDICT, ROW)
        came_back = database.exists()
        time.sleep(1.5)  # it is looked at once a second
        health = connection.get("/readyz")
        database.with_name("away.db").rename(database)
        after = connection.post(EVENTS, _event(2))

    assert [before.status, refused.status, after.status] == [200, 503, 200]
    assert (refused.body["detail"], refused.body["where"]) == (_MOVED, "events.db")
    assert answered.status == 200
    assert (health.status, health.body["states"]) == (503, ["database_unwritable"])
    assert not came_back  # an empty one in its place would take events that nobody finds beside the others
    assert read(database, "SELECT entity FROM event ORDER BY entity") == ["s0", "s2"]
    assert answered.body["prediction_id"] in read(database, "SELECT id FROM prediction")


def test_a_database_replaced_under_the_server_takes_nothing_that_is_acknowledged(settings: ServeSettings) -> None:
    database = Path(settings.home) / "events.db"
    shutil.copy(database, database.with_name("backup.db"))
    with start_background(settings) as server, Connection(server.url) as connection:
        connection.post(EVENTS, _event(0))
        database.with_name("backup.db").replace(database)
        refused = connection.post(EVENTS, _event(1))
        asked = connection.get("/v1/predictions/helios/anomaly")

    assert (refused.status, refused.body["detail"]) == (503, _MOVED)
    assert asked.status == 503


def test_a_home_whose_events_were_removed_starts_again_with_none(settings: ServeSettings) -> None:
    database = Path(settings.home) / "events.db"
    with start_background(settings) as server:
        assert ask(server.url, "POST", EVENTS, _event(0)).status == 200
        database.unlink()  # its -wal stays
    with start_background(settings) as server:
        assert ask(server.url, "POST", EVENTS, _event(1)).status == 200

    assert read(database, "SELECT entity FROM event") == ["s1"]
    assert read(database, "PRAGMA integrity_check") == ["ok"]


def test_without_its_registry_a_server_goes_on_with_what_is_loaded(settings: ServeSettings) -> None:
    with start_background(settings) as server, Connection(server.url) as connection:
        (Path(settings.home) / "state.db").unlink()
        time.sleep(3 * settings.refresh_s)
        answered = connection.post(PREDICT, ROW)
        taken = connection.post(EVENTS, ROW)
        ready = connection.get("/readyz")
        versions = connection.get("/v1/versions/helios/anomaly")
        promoted = connection.post("/v1/versions/helios/anomaly/promote", {"version": 2})

    assert (answered.status, answered.body["version"]) == (200, 1)
    assert taken.status == 200
    assert (ready.status, ready.body["states"]) == (200, ["registry_unreadable"])
    assert (versions.status, versions.body["detail"], versions.body["where"]) == (503, _MOVED, "state.db")
    assert promoted.status == 503
    assert settings.home not in str(versions.body)


def test_without_the_files_of_versions_the_loaded_one_goes_on_and_no_other_takes_its_place(
    settings: ServeSettings,
) -> None:
    with start_background(settings) as server, Connection(server.url) as connection:
        shutil.rmtree(Path(settings.home) / "artifacts")
        promoted = connection.post("/v1/versions/helios/anomaly/promote", {"version": 2})
        time.sleep(3 * settings.refresh_s)
        answered = connection.post(PREDICT, ROW)
        ready = connection.get("/readyz")

    assert settings.home not in str(promoted.body)
    assert (answered.status, answered.body["version"]) == (200, 1)
    assert (ready.status, ready.body["states"]) == (200, ["version_not_loaded"])
