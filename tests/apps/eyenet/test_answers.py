"""What an answer about a device says beside its decision: which metric, when, what was expected; and that it is new."""

import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from tests.apps.eyenet.test_monitoring import trained_home
from tests.apps.eyenet.test_routes import COLUMNS, Client

from telltale.apps.eyenet import APP
from telltale.contract.simulation import Simulation
from telltale.telemetry.event_store import EventStore
from telltale.telemetry.frames import ENTITY, TIME
from telltale.train.sources import check_simulated

__all__ = ["trained_home"]

OPENAPI = "/docs/openapi.json"
# How long before the newest row the packets of web-1 rose for a moment, and that row's time.
BURST = timedelta(minutes=3)


@pytest.fixture(scope="module")
def told() -> pl.DataFrame:
    """Three hours of devices; the packets of web-1 are thousands of times what they were, three minutes before the end."""
    frame = check_simulated(APP, "sample", Simulation(days=1, seed=7)).frame
    frame = frame.filter(pl.col(TIME) < pl.col(TIME).min() + timedelta(hours=3))
    burst = (pl.col(ENTITY) == "web-1") & (pl.col(TIME) == pl.col(TIME).max() - BURST)
    moved = frame.with_columns(
        pl.when(burst).then(pl.col(name) * 5_000).otherwise(pl.col(name)).alias(name)
        for name in ("packets_in", "bytes_in")
    )
    newcomer = moved.filter(pl.col(ENTITY) == "db-1").with_columns(pl.lit("db-2").alias(ENTITY))
    return pl.concat([moved, newcomer])


@pytest.fixture(scope="module")
def client(
    trained_home: Path,
    told: pl.DataFrame,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Client]:
    own = tmp_path_factory.mktemp("answers") / "home"
    shutil.copytree(trained_home, own)
    opened = Client(own)
    store = EventStore(opened.edge.folder.events)
    store.add("eyenet", "sample", told, COLUMNS, source="test", now=datetime.now(UTC))
    yield opened
    opened.close()


def test_a_reason_tells_which_metric_when_and_what_was_expected_then(client: Client, told: pl.DataFrame) -> None:
    newest = told[TIME].max()
    assert isinstance(newest, datetime)
    burst = told.filter(pl.col(ENTITY) == "web-1", pl.col(TIME) == newest - BURST)

    answer = client.predict("web-1")

    assert answer["is_anomaly"]
    assert datetime.fromisoformat(answer["timestamp"]) == newest
    reasons = {reason["metric"]: reason for reason in answer["reasons"]}
    for metric in ("packets_in", "bytes_in"):
        assert datetime.fromisoformat(reasons[metric]["at"]) == newest - BURST
        assert reasons[metric]["value"] == burst[metric][0]
        assert reasons[metric]["expected_high"] < reasons[metric]["value"] / 10
    [listed] = [one for one in client.devices()["devices"] if one["device_id"] == "web-1"]
    assert [(one["metric"], one["at"]) for one in listed["reasons"]] == [
        (one["metric"], one["at"]) for one in answer["reasons"]
    ]


def test_rows_in_the_body_are_told_of_as_those_of_the_store_are(client: Client, told: pl.DataFrame) -> None:
    rows = told.filter(pl.col(ENTITY) == "web-1").sort(TIME)
    body = {
        "device_id": "web-1",
        "rows": [
            dict(zip(("timestamp", *COLUMNS), (at.isoformat(), *values), strict=True))
            for at, *values in rows.select(TIME, *COLUMNS).rows()
        ],
    }

    answer = client.ask("POST", "/v1/eyenet/anomaly/predict", body).json()

    assert answer["reasons"] == client.predict("web-1")["reasons"]


def test_a_new_device_is_decided_from_its_first_whole_window_and_the_answer_says_so(client: Client) -> None:
    known, new = client.predict("db-1"), client.predict("db-2")
    listed = {one["device_id"]: one for one in client.devices()["devices"]}

    assert (new["context"], new["entity_is_new"]) == ("window", True)
    assert "entity_is_new" not in known
    assert [name for name, one in listed.items() if one.get("entity_is_new")] == ["db-2"]
    assert "entity_is_new" not in listed["db-1"]


def test_both_are_in_the_document_of_the_interface(client: Client) -> None:
    schemas = client.ask("GET", OPENAPI).json()["components"]["schemas"]

    assert schemas["Reason"]["properties"]["at"] == {"type": "string"}
    assert "at" not in schemas["Reason"]["required"]
    for name in ("EyenetAnomalyPrediction", "DeviceScore", "Prediction"):
        assert schemas[name]["properties"]["entity_is_new"]["type"] == "boolean"
        assert "entity_is_new" not in schemas[name]["required"]
