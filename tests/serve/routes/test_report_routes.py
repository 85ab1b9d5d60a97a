from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from telltale.serve.settings import ServeSettings

PREDICT = "/v1/helios/anomaly/predict"


def test_a_report_is_made_listed_read_and_shown_as_a_page(client: Any, row: dict[str, Any]) -> None:
    assert client.post(PREDICT, row).status_code == 200

    made = client.post("/v1/reports", {})

    assert made.status_code == 201
    report = made.json()
    assert report["summary"].keys() == {"avg_latency", "p95_latency", "avg_drift", "alert_count"}
    assert report["summary"]["avg_latency"] > 0
    assert [head["id"] for head in client.get("/v1/reports").json()] == [report["id"]]
    assert client.get(f"/v1/reports/{report['id']}").json() == report
    page = client.get(f"/v1/reports/{report['id']}.html")
    assert page.headers["content-type"].startswith("text/html")
    assert "helios/anomaly" in page.text
    assert "style-src 'unsafe-inline'" in page.headers["content-security-policy"]


def test_quality_of_each_version_that_answered_is_read(client: Any, row: dict[str, Any]) -> None:
    ids = [client.post(PREDICT, row).json()["prediction_id"] for _ in range(3)]
    for prediction_id in ids:
        assert client.post("/v1/feedback", {"prediction_id": prediction_id, "label": 0}).status_code == 200

    (found,) = client.get("/v1/quality/helios/anomaly").json()

    assert (found["version"], found["n"], found["n_labelled"]) == (1, 3, 3)
    assert found["realised"]["accuracy"]["n"] == 3
    assert found["unknown"]["recall"] == "no labelled row is positive"
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    assert client.get(f"/v1/quality/helios/anomaly?since={tomorrow:%Y-%m-%dT%H:%M:%SZ}").json() == []


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"tasks": ["helios/nothing"]}, 404),
        ({"tasks": ["nothing/anomaly"]}, 404),
        ({"since": "2026-03-02T00:00:00", "until": "2026-03-01T00:00:00Z"}, 400),
        ({"until": "0001-01-01T00:00:00Z"}, 400),
        ({"days": 7}, 400),
    ],
)
def test_a_report_that_cannot_be_made_is_refused(client: Any, body: dict[str, Any], status: int) -> None:
    assert client.post("/v1/reports", body).status_code == status
    assert client.get("/v1/reports").json() == []


@pytest.mark.parametrize(("name", "status"), [("7", 404), ("7.html", 404), ("last", 400), ("9" * 30, 400)])
def test_a_report_that_is_not_there_is_refused(client: Any, name: str, status: int) -> None:
    assert client.get(f"/v1/reports/{name}").status_code == status


def test_making_a_report_needs_a_key_that_operates(open_client: Callable[..., Any], settings: ServeSettings) -> None:
    client = open_client(msgspec.structs.replace(settings, operator_key="s3cret-key"))

    assert client.post("/v1/reports", {}).status_code == 401
    assert client.get("/v1/quality/helios/anomaly").status_code == 401
    assert client.post("/v1/reports", {}, **{"x-api-key": "s3cret-key"}).status_code == 201
