from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import structlog
from structlog.testing import capture_logs

from telltale.registry.registry import Registry
from telltale.serve.edge import open_edge
from telltale.serve.live.live_versions import LiveVersions
from telltale.serve.settings import ServeSettings
from telltale.storage.folder import open_folder

NOW = datetime(2024, 12, 2, tzinfo=UTC)


def _promote(home: Path, number: int) -> None:
    # As another process would: through connections of its own.
    folder = open_folder(home)
    Registry(folder.state, folder.artifacts).promote("helios", "anomaly", number, actor="t", reason="r", now=NOW)
    folder.close()


def _serving(client: Any) -> int:
    version: int = client.edge.place("helios", "anomaly").required().served.version
    return version


def test_a_promotion_by_another_process_is_taken_up(client: Any, home: Path) -> None:
    _promote(home, 2)
    client.edge.versions.refresh()

    assert _serving(client) == 2


def test_a_damaged_version_leaves_the_old_one_serving_and_says_why(
    client: Any, home: Path, damage: Callable[[int], None], row: dict[str, Any]
) -> None:
    damage(2)
    _promote(home, 2)
    client.edge.versions.refresh()

    told = client.get("/health").json()
    assert client.post("/v1/helios/anomaly/predict", row).json()["version"] == 1
    assert told["status"] == "degraded"
    assert "version 2 cannot be loaded" in told["faults"]["helios/anomaly"]
    assert client.get("/readyz").status_code == 200


def test_a_damaged_version_with_nothing_before_it_is_not_ready(
    open_client: Callable[..., Any], damage: Callable[[int], None], row: dict[str, Any]
) -> None:
    damage(1)
    client = open_client()

    assert client.get("/readyz").status_code == 503
    assert client.post("/v1/helios/anomaly/predict", row).status_code == 503


def test_nothing_is_loaded_again_while_nothing_moves(client: Any, monkeypatch: Any) -> None:
    before = client.edge.place("helios", "anomaly").live
    monkeypatch.setattr(LiveVersions, "_load", lambda *_: 1 / 0)

    client.edge.versions.refresh()

    assert client.edge.place("helios", "anomaly").live is before


def test_a_version_that_fails_its_self_test_is_not_put_in_place(client: Any, home: Path, monkeypatch: Any) -> None:
    live = client.edge.place("helios", "anomaly").live
    monkeypatch.setattr(type(live.runtime), "self_test", lambda _self: 1 / 0)
    _promote(home, 2)

    client.edge.versions.refresh()

    assert _serving(client) == 1


def test_what_serves_is_logged_with_its_path_and_parameters(home: Path, settings: ServeSettings) -> None:
    _promote(home, 2)
    structlog.reset_defaults()  # a command run before may have chosen to log less
    with capture_logs() as told:
        edge = open_edge(settings)
        edge.versions.refresh()
        edge.close()

    serving = next(one for one in told if one["event"] == "serving")
    assert (serving["version"], serving["estimator"]) == ("helios/anomaly@2", "isolation_forest")
    assert serving["path"] == str(home / "artifacts/helios/anomaly/2")
    assert (serving["parameters"]["n_estimators"], serving["parameters"]["contamination"]) == (100, 0.05)
