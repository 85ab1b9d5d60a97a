"""The version of a release beside the champion: loaded, taken up step by step, and gone when the release is over."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.serve.live.moves import advance, begin, promote, roll_back, stop

from telltale.serve.live.live_versions import LiveVersions
from telltale.serve.settings import ServeSettings
from telltale.train.version import Trained

Register = Callable[[Path, Trained], None]

PREDICT = "/v1/helios/anomaly/predict"


def _decided_by(client: Any, row: dict[str, Any], n: int = 400) -> dict[str, int]:
    """Who decides for each of some entities, as the answers say."""
    names = [f"service-{number}" for number in range(n)]
    return {name: client.post(PREDICT, row | {"service": name}).json()["version"] for name in names}


def _taken(decided_by: dict[str, int], version: int = 2) -> set[str]:
    return {name for name, number in decided_by.items() if number == version}


def _beside(client: Any) -> dict[str, Any] | None:
    told: dict[str, Any] = client.get("/health").json()["beside"]
    return told.get("helios/anomaly")


def test_a_shadow_stands_beside_and_decides_nothing(client: Any, home: Path, row: dict[str, Any]) -> None:
    begin(home, 2, (0,))
    client.edge.versions.refresh()

    assert _beside(client) == {"version": 2, "role": "shadow", "percent": 0}
    assert _taken(_decided_by(client, row, n=50)) == set()


def test_a_challenger_decides_for_its_share_of_entities_and_always_the_same(
    client: Any, home: Path, row: dict[str, Any]
) -> None:
    begin(home, 2, (25, 50, 100))
    client.edge.versions.refresh()

    first = _decided_by(client, row)
    assert 65 < len(_taken(first)) < 140
    assert _decided_by(client, row | {"event_count": 5}) == first
    assert client.post(PREDICT, row | {"service": min(_taken(first))}).json()["role"] == "challenger"


def test_each_step_adds_entities_and_takes_none(client: Any, home: Path, row: dict[str, Any]) -> None:
    begin(home, 2, (5, 25, 50, 100))
    before: set[str] = set()
    for percent in (5, 25, 50):
        client.edge.versions.refresh()
        told = _beside(client)
        assert told is not None
        assert told["percent"] == percent
        taken = _taken(_decided_by(client, row, n=200))
        assert taken > before
        before = taken
        advance(home)

    client.edge.versions.refresh()
    assert _taken(_decided_by(client, row, n=50), version=1) == set()
    assert _beside(client) == {"version": 1, "role": "shadow", "percent": 0}


def test_a_release_that_ends_leaves_the_champion_alone(client: Any, home: Path, row: dict[str, Any]) -> None:
    begin(home, 2, (50,))
    client.edge.versions.refresh()
    stop(home)
    client.edge.versions.refresh()

    assert _beside(client) is None
    assert _taken(_decided_by(client, row, n=50)) == set()


def test_steps_are_taken_up_within_the_time_between_two_looks(
    open_client: Callable[..., Any], settings: ServeSettings, home: Path
) -> None:
    client = open_client(msgspec.structs.replace(settings, refresh_s=0.1))
    for move, is_beside in ((lambda: begin(home, 2, (50,)), True), (lambda: stop(home), False)):
        move()
        moved_s = time.monotonic()
        while (_beside(client) is not None) is not is_beside:
            assert time.monotonic() - moved_s < 5
            time.sleep(0.01)


def test_a_version_that_becomes_champion_or_goes_back_is_not_loaded_again(
    client: Any, home: Path, row: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    begin(home, 2, (50, 100))
    client.edge.versions.refresh()
    monkeypatch.setattr(LiveVersions, "_load", lambda *_: 1 / 0)

    advance(home)
    client.edge.versions.refresh()
    told = client.post(PREDICT, row).json()
    assert (told["version"], told["role"]) == (2, "champion")

    roll_back(home)
    client.edge.versions.refresh()
    told = client.post(PREDICT, row).json()
    assert (told["version"], told["role"]) == (1, "champion")


@pytest.mark.slow
def test_a_rival_that_cannot_be_loaded_leaves_the_champion_alone_and_says_so(
    client: Any, home: Path, row: dict[str, Any]
) -> None:
    files = home / "artifacts/helios/anomaly/2"
    files.rename(home / "elsewhere")
    begin(home, 2, (50,))
    client.edge.versions.refresh()

    told = client.get("/health").json()
    assert (told["ready"], told["states"]) == (True, ["version_not_loaded"])
    assert "version 2 cannot be loaded" in told["faults"]["helios/anomaly"]
    assert "telltale release helios/anomaly --stop" in str(client.get("/v1/alarms").json())
    assert _taken(_decided_by(client, row, n=50)) == set()

    (home / "elsewhere").rename(files)
    give_up_s = time.monotonic() + 20
    while _beside(client) is None:  # a trial waits ten times as long as the one before took
        assert time.monotonic() < give_up_s
        client.edge.versions.refresh()
        time.sleep(0.05)
    assert client.get("/health").json()["status"] == "ok"


def test_a_champion_that_cannot_be_loaded_leaves_the_old_one_alone(
    client: Any, home: Path, damage: Callable[[int], None], register: Register, narrow: Trained
) -> None:
    register(home, narrow)
    begin(home, 2, (50,))
    client.edge.versions.refresh()
    damage(3)
    promote(home, 3)  # overtakes the release
    client.edge.versions.refresh()

    assert _beside(client) is None
    assert "version 3 cannot be loaded" in client.get("/health").json()["faults"]["helios/anomaly"]
    assert client.edge.place("helios", "anomaly").required().served.version == 1


def test_a_rival_that_needs_what_requests_need_not_carry_is_refused(
    client: Any, home: Path, register: Register, narrow: Trained
) -> None:
    register(home, narrow)
    promote(home, 3)
    begin(home, 1, (50,))
    client.edge.versions.refresh()

    told = client.get("/health").json()["faults"]["helios/anomaly"]
    assert "version 1 cannot stand beside version 3" in told
    assert "p50_latency_ms" in told
    assert _beside(client) is None


def test_a_predecessor_that_needs_more_than_the_new_champion_is_simply_not_its_shadow(
    client: Any, home: Path, register: Register, narrow: Trained
) -> None:
    register(home, narrow)
    begin(home, 3, (50, 100))
    advance(home)
    client.edge.versions.refresh()

    told = client.get("/health").json()
    assert (told["status"], told["versions"]["helios/anomaly"]["version"], told["beside"]) == ("ok", 3, {})
