from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import msgspec

from telltale.monitor.drift.decide import Drift, FeatureDrift
from telltale.monitor.drift.findings import Finding, keep_finding
from telltale.serve.settings import ServeSettings


def keep(client: Any, *, hour: int, drifted: bool) -> None:
    moved = FeatureDrift(name="error_rate", drifted=drifted, p=0.001, shift=1.2, low=0.9, high=1.5, n=288, n_missing=0)
    drift = Drift(drifted=drifted, level=0.01, features=(moved,), n_rows=288, n_reference=2_016)
    at = datetime(2024, 12, 1, hour, tzinfo=UTC)
    keep_finding(
        client.edge.folder.events,
        Finding(app="helios", task="anomaly", version=1, at=at, drifted=drifted, drift=drift),
    )


def test_the_newest_findings_of_a_task_are_read_over_http(client: Any) -> None:
    keep(client, hour=1, drifted=False)
    keep(client, hour=2, drifted=True)

    newest, before = client.get("/v1/drift/helios/anomaly").json()

    assert (newest["at"], newest["drifted"], newest["version"]) == ("2024-12-01T02:00:00Z", True, 1)
    assert newest["drift"]["features"][0]["shift"] == 1.2
    assert before["drifted"] is False
    assert len(client.get("/v1/drift/helios/anomaly?limit=1").json()) == 1


def test_a_task_that_was_never_looked_at_has_none_and_an_unknown_one_is_refused(client: Any) -> None:
    assert client.get("/v1/drift/helios/anomaly").json() == []
    assert client.get("/v1/drift/helios/nothing").status_code == 404


def test_drift_needs_a_key_that_reads(open_client: Callable[..., Any], settings: ServeSettings) -> None:
    client = open_client(msgspec.structs.replace(settings, operator_key="s3cret-key"))

    assert client.get("/v1/drift/helios/anomaly").status_code == 401
    assert client.get("/v1/drift/helios/anomaly", **{"x-api-key": "s3cret-key"}).status_code == 200
