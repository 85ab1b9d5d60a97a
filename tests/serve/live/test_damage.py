"""Whatever is wrong with a promoted version, the old one serves, an alarm says why, and a mended one is taken up."""

import gc
import threading
import weakref
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from telltale.contract.errors import BundleError
from telltale.models.bundle import hash_bundle
from telltale.monitor.alarms import Alarm, active_alarms, read_alarms
from telltale.registry.registry import Registry
from telltale.registry.versions import Version
from telltale.serve.live.live_versions import LiveVersions
from telltale.serve.settings import ServeSettings
from telltale.storage.folder import open_folder

NOW = datetime(2024, 12, 2, tzinfo=UTC)
PREDICT = "/v1/helios/anomaly/predict"


@pytest.fixture
def settings(settings: ServeSettings) -> ServeSettings:
    # Looks are made by the tests.
    return msgspec.structs.replace(settings, refresh_s=600.0, retry_s=0.0)


def _promote(home: Path, number: int) -> None:
    folder = open_folder(home)
    Registry(folder.state, folder.artifacts).promote("helios", "anomaly", number, actor="t", reason="r", now=NOW)
    folder.close()


def _bundle(home: Path, number: int = 2) -> Path:
    folder = home / "artifacts" / "helios" / "anomaly" / str(number)
    for path in (folder, *folder.iterdir()):
        path.chmod(0o700)
    return folder


def _active(client: Any) -> list[Alarm]:
    return active_alarms(client.edge.folder.state)


def _register_as_it_is(home: Path) -> None:
    """Takes what lies there for what was registered: a bundle that was made wrongly, not one that was changed."""
    files = hash_bundle(_bundle(home)).files
    folder = open_folder(home)
    with folder.state.write() as connection:
        connection.exec_driver_sql(
            "UPDATE version SET files = ? WHERE number = 2", (msgspec.json.encode(files).decode(),)
        )
    folder.close()


def _lose(home: Path) -> None:
    _bundle(home).rename(home / "elsewhere")


def _lose_a_file(home: Path) -> None:
    (_bundle(home) / "model.onnx").unlink()


def _cut(home: Path) -> None:
    file = _bundle(home) / "arrays.safetensors"
    file.write_bytes(file.read_bytes()[:-20])
    _register_as_it_is(home)


def _change_a_byte(home: Path) -> None:
    file = _bundle(home) / "model.onnx"
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)


def _change_manifest(home: Path, change: Callable[[dict[str, Any]], None]) -> None:
    file = _bundle(home) / "manifest.json"
    told = msgspec.json.decode(file.read_bytes())
    change(told)
    file.write_bytes(msgspec.json.encode(told))
    _register_as_it_is(home)


def _make_newer(home: Path) -> None:
    _change_manifest(home, lambda told: told.update(format=told["format"] + 1))


def _rename_a_column(home: Path) -> None:
    file = _bundle(home) / "manifest.json"
    file.write_bytes(file.read_bytes().replace(b"event_count", b"event_total"))
    _register_as_it_is(home)


def _make_of_another_task(home: Path) -> None:
    _change_manifest(home, lambda told: told.update(task="another"))


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (_lose, "there is no manifest.json"),
        (_lose_a_file, "model.onnx is missing"),
        (_cut, "arrays.safetensors cannot be read"),
        (_change_a_byte, "model.onnx is not what was registered"),
        (_make_newer, "format"),
        (_rename_a_column, "column 'event_total' is not declared any more"),
        (_make_of_another_task, "it was made for helios/another"),
    ],
)
def test_a_spoiled_version_leaves_the_old_one_serving_and_raises_an_alarm(
    client: Any, home: Path, row: dict[str, Any], spoil: Callable[[Path], None], why: str
) -> None:
    spoil(home)
    _promote(home, 2)
    client.edge.versions.refresh()
    client.edge.versions.refresh()

    assert client.post(PREDICT, row).json()["version"] == 1
    (alarm,) = _active(client)
    assert (alarm.name, alarm.app, alarm.task) == ("version_not_loaded", "helios", "anomaly")
    assert alarm.what.startswith("version 2 cannot be loaded: ")
    assert why in alarm.what
    assert "telltale rollback helios/anomaly" in alarm.mend
    health = client.get("/health").json()
    assert (health["status"], health["ready"], health["states"]) == ("degraded", True, ["version_not_loaded"])
    assert (
        'telltale_alarm_active{app="helios",name="version_not_loaded",task="anomaly"} 1.0'
        in client.get("/metrics").text
    )


def test_a_version_that_fails_its_self_test_raises_an_alarm(client: Any, home: Path, monkeypatch: Any) -> None:
    def fail(_self: object) -> None:
        raise BundleError("the self-test gave 0.5 for 0.7", where="helios/anomaly@2", mend="Train again.")

    runtime = type(client.edge.place("helios", "anomaly").live.runtime)
    with monkeypatch.context() as patched:
        patched.setattr(runtime, "self_test", fail)
        _promote(home, 2)
        client.edge.versions.refresh()

        assert "the self-test gave 0.5" in _active(client)[0].what

    _wait_for(lambda: client.edge.versions.refresh() or not _active(client))


def test_a_restored_file_is_taken_up_without_a_promotion(client: Any, home: Path, row: dict[str, Any]) -> None:
    _lose(home)
    _promote(home, 2)
    client.edge.versions.refresh()
    assert client.post(PREDICT, row).json()["version"] == 1

    (home / "elsewhere").rename(home / "artifacts" / "helios" / "anomaly" / "2")

    # A trial waits ten times as long as the one before took.
    _wait_for(lambda: client.edge.versions.refresh() or client.post(PREDICT, row).json()["version"] == 2)
    assert _active(client) == []
    assert client.get("/health").json()["states"] == []


def test_the_watching_thread_tries_again_by_itself(
    open_client: Callable[..., Any], settings: ServeSettings, home: Path, row: dict[str, Any]
) -> None:
    client = open_client(msgspec.structs.replace(settings, refresh_s=0.02, retry_s=0.05))
    _lose(home)
    _promote(home, 2)
    _wait_for(lambda: bool(_active(client)))

    (home / "elsewhere").rename(home / "artifacts" / "helios" / "anomaly" / "2")

    _wait_for(lambda: client.edge.place("helios", "anomaly").live.served.version == 2)
    _wait_for(lambda: not _active(client))


def _wait_for(is_so: Callable[[], object]) -> None:
    pause = threading.Event()
    for _ in range(500):
        if is_so():
            return
        pause.wait(0.02)
    pytest.fail("it did not come about in 10 s")


def test_a_version_that_failed_waits_its_time_before_the_next_trial(
    open_client: Callable[..., Any], settings: ServeSettings, home: Path, monkeypatch: Any
) -> None:
    client = open_client(msgspec.structs.replace(settings, retry_s=600.0))
    trials = []

    def fail(_self: object, version: Version) -> None:
        trials.append(version.number)
        raise BundleError("it is broken")

    monkeypatch.setattr(LiveVersions, "_load", fail)
    _promote(home, 2)

    for _ in range(3):
        client.edge.versions.refresh()

    assert trials == [2]


def test_promoting_another_version_ends_the_alarm(client: Any, home: Path) -> None:
    _lose(home)
    _promote(home, 2)
    client.edge.versions.refresh()
    assert _active(client)

    _promote(home, 1)
    client.edge.versions.refresh()

    assert _active(client) == []
    (alarm,) = read_alarms(client.edge.folder.state)
    assert alarm.resolved_at is not None


def test_an_alarm_of_a_process_that_is_gone_ends_when_the_next_one_loads_the_version(
    open_client: Callable[..., Any], home: Path
) -> None:
    before = open_client()
    _lose(home)
    _promote(home, 2)
    before.edge.versions.refresh()
    assert _active(before)
    before.close()
    (home / "elsewhere").rename(home / "artifacts" / "helios" / "anomaly" / "2")

    after = open_client()

    assert _active(after) == []


def test_the_old_version_answers_while_the_new_one_is_loaded(
    client: Any, home: Path, row: dict[str, Any], monkeypatch: Any
) -> None:
    place = client.edge.place("helios", "anomaly")
    runtime = type(place.live.runtime)
    told = []

    def answer_meanwhile(_self: object) -> None:
        told.append((place.live.served.version, client.post(PREDICT, row).json()["version"]))

    monkeypatch.setattr(runtime, "self_test", answer_meanwhile)
    _promote(home, 2)
    client.edge.versions.refresh()

    assert told == [(1, 1)]
    assert client.post(PREDICT, row).json()["version"] == 2


def test_the_old_versions_memory_is_let_go(client: Any, home: Path, row: dict[str, Any]) -> None:
    place = client.edge.place("helios", "anomaly")
    old = [weakref.ref(place.live.runtime), weakref.ref(place.live.reader), weakref.ref(place.live.windows)]
    client.post(PREDICT, row)
    client.edge.log.flush()
    _promote(home, 2)
    gc.disable()  # a server hardly ever looks for cycles: it must go without
    try:
        client.edge.versions.refresh()

        assert [one() for one in old] == [None] * 3
    finally:
        gc.enable()


@pytest.mark.sqlite
@pytest.mark.parametrize("is_emptied", [False, True])
def test_a_registry_that_is_gone_leaves_everything_serving(
    client: Any, home: Path, row: dict[str, Any], is_emptied: bool
) -> None:
    if is_emptied:
        with client.edge.folder.state.write() as connection:
            # As a copy of an empty registry over the file would.
            triggers = (
                connection.exec_driver_sql("SELECT name FROM sqlite_master WHERE type = 'trigger'").scalars().all()
            )
            for name in triggers:
                connection.exec_driver_sql(f"DROP TRIGGER {name}")
            for table in ("role", "ledger", "version"):
                connection.exec_driver_sql(f"DELETE FROM {table}")  # noqa: S608 - names are ours
    else:
        for file in home.glob("state.db*"):
            file.unlink()
    client.edge.versions.refresh()
    client.edge.watch.look()

    assert client.post(PREDICT, row).json()["version"] == 1
    ready = client.get("/readyz")
    assert ready.status_code == 200
    assert ready.json()["states"] == (["version_not_loaded"] if is_emptied else ["registry_unreadable"])
    assert ("registry" in ready.json()["faults"]) is not is_emptied
    assert client.get("/metrics").status_code == 200
    assert not (home / "state.db").exists() or is_emptied
