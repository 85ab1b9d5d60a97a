import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from telltale.monitor.alarms import active_alarms
from telltale.serve.edge import Edge, open_edge
from telltale.serve.routes.health_routes import health_of
from telltale.serve.settings import ServeSettings

PREDICT = "/v1/helios/anomaly/predict"


def _names(edge: Edge) -> list[str]:
    return [alarm.name for alarm in active_alarms(edge.folder.state)]


def test_a_server_that_is_well_has_no_state(client: Any) -> None:
    told = client.get("/readyz")

    assert (told.status_code, told.json()["ready"], told.json()["states"]) == (200, True, [])


def test_a_server_is_not_ready_before_its_versions_were_loaded(settings: ServeSettings) -> None:
    edge = open_edge(settings)

    told = health_of(edge)
    edge.start()

    assert (told.ready, told.states) == (False, ["starting"])
    assert health_of(edge).ready
    edge.close()


def test_a_server_that_was_asked_to_stop_is_alive_and_not_ready(client: Any, row: dict[str, Any]) -> None:
    client.edge.stopping.ask()

    assert client.get("/readyz").status_code == 503
    assert client.get("/readyz").json()["states"] == ["stopping"]
    assert client.get("/healthz").status_code == 200
    assert client.post(PREDICT, row).status_code == 200


def test_a_task_that_was_never_promoted_does_not_keep_a_server_from_being_ready(
    open_client: Callable[..., Any], shop_settings: ServeSettings
) -> None:
    with sqlite3.connect(Path(shop_settings.home) / "state.db") as state:
        state.execute("DELETE FROM role WHERE task = 'next'")
    state.close()

    told = open_client(shop_settings).get("/readyz")

    assert told.status_code == 200
    assert told.json()["versions"]["shop/next"] is None


def test_a_database_that_cannot_be_written_is_told_and_raises_an_alarm(
    client: Any, home: Path, monkeypatch: Any
) -> None:
    monkeypatch.setattr("telltale.storage.sqlite_database.BUSY_TIMEOUT_S", 0.05)
    client.edge.folder.events.close()  # opened anew with the shorter wait
    other = sqlite3.connect(home / "events.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")

    client.edge.watch.look()

    told = client.get("/readyz")
    assert (told.status_code, told.json()["states"]) == (503, ["database_unwritable"])
    assert "locked" in told.json()["faults"]["events"]
    assert _names(client.edge) == ["database_unwritable"]
    assert client.get("/healthz").status_code == 200
    other.execute("ROLLBACK")
    other.close()
    client.edge.watch.look()
    assert client.get("/readyz").status_code == 200
    assert _names(client.edge) == []


def test_dropped_predictions_raise_an_alarm_that_ends_a_minute_later(client: Any, monkeypatch: Any) -> None:
    client.edge.log.n_dropped += 3
    client.edge.watch.look()

    told = client.get("/health").json()
    assert (told["ready"], told["states"], told["predictions_dropped"]) == (True, ["predictions_dropped"], 3)
    assert _names(client.edge) == ["predictions_dropped"]

    with client.edge.folder.state.write() as connection:
        connection.exec_driver_sql("UPDATE alarm SET seen_us = seen_us - 71000000")
    monkeypatch.setattr(client.edge.watch, "_dropped_at_s", float("-inf"))
    client.edge.watch.look()
    assert _names(client.edge) == []
    assert client.get("/health").json()["status"] == "ok"


def test_the_probe_commits_every_ten_seconds_and_while_it_fails(client: Any) -> None:
    watch = client.edge.watch

    def mark() -> object:
        return client.edge.folder.events.fetch("PRAGMA data_version")[0][0]

    before = mark()
    watch.look()
    assert mark() == before  # lately committed: this look took the lock alone

    watch.events_fault = "the disk is full"
    watch.look()
    assert mark() != before
    assert watch.events_fault == ""


def test_alarms_are_read_over_http(client: Any) -> None:
    client.edge.alarms.raise_("database_unwritable", what="it is full", mend="Make room.")
    client.edge.alarms.raise_("version_not_loaded", app="helios", task="anomaly", what="it is gone", mend="Restore it.")
    client.edge.alarms.resolve("database_unwritable")

    assert [alarm["name"] for alarm in client.get("/v1/alarms").json()] == ["version_not_loaded"]
    told = client.get("/v1/alarms?all=true").json()
    assert [(alarm["name"], alarm["mend"]) for alarm in told] == [
        ("version_not_loaded", "Restore it."),
        ("database_unwritable", "Make room."),
    ]
    assert told[1]["resolved_at"] is not None


def test_alarms_need_a_key_that_reads(open_client: Callable[..., Any], settings: ServeSettings) -> None:
    client = open_client(msgspec.structs.replace(settings, operator_key="s3cret-key"))

    assert client.get("/v1/alarms").status_code == 401
    assert client.get("/v1/alarms", **{"x-api-key": "s3cret-key"}).status_code == 200
