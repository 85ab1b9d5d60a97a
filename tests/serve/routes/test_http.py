"""The whole application without a socket. Fixtures' types live in conftest, which cannot be imported: hence Any."""

import json
import re
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

PREDICT = "/v1/helios/anomaly/predict"
Row = dict[str, Any]


def _told(answer: Any) -> dict[str, Any]:
    told: dict[str, Any] = answer.json()
    return told


def test_an_answer_says_who_decided_what(client: Any, row: Row) -> None:
    answer = client.post(PREDICT, row)

    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    told = _told(answer)
    assert (told["app"], told["task"], told["version"], told["role"]) == ("helios", "anomaly", 1, "champion")
    assert (told["entity"], told["context"], told["decision"]) == ("checkout", "row", False)
    assert told["score"] < told["threshold"]
    assert "reasons" not in told


def test_a_positive_decision_comes_with_reasons(client: Any, strange: Row) -> None:
    told = _told(client.post(PREDICT, strange))

    assert told["decision"] is True
    assert {reason["metric"] for reason in told["reasons"]} & {"error_rate", "p99_latency_ms"}
    assert set(told["reasons"][0]) == {"metric", "value", "expected_low", "expected_high", "distance", "against"}


def test_explain_brings_reasons_to_a_negative_decision(client: Any, row: Row) -> None:
    told = _told(client.post(PREDICT, row | {"explain": True}))

    assert told["decision"] is False
    assert told["reasons"]


def test_an_answer_is_found_again_by_its_id(client: Any, row: Row) -> None:
    told = _told(client.post(PREDICT, row))

    found = _told(client.get(f"/v1/predictions/{told['prediction_id']}"))

    assert found["score"] == told["score"]
    assert found["time"] == "2024-01-03T14:30:00Z"
    assert found["values"] == {key: row[key] for key in row if key not in {"timestamp", "service"}}


def test_recent_answers_come_newest_first(client: Any, row: Row) -> None:
    ids = [_told(client.post(PREDICT, row))["prediction_id"] for _ in range(3)]

    found = client.get("/v1/predictions/helios/anomaly?limit=2").json()

    assert [one["prediction_id"] for one in found] == [ids[2], ids[1]]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", PREDICT, 405),
        ("POST", "/v1/helios/nothing/predict", 404),
        ("GET", "/nowhere", 404),
        ("GET", "/v1/versions/helios/nothing", 404),
        ("GET", "/v1/predictions/ghost", 404),
        ("GET", "/v1/predictions/helios/anomaly?limit=many", 400),
        ("POST", "/v1/feedback", 400),
        ("POST", "/v1/helios/events/metrics", 400),
        ("POST", "/v1/versions/helios/anomaly/promote", 400),
    ],
)
def test_every_refusal_is_a_problem_document(client: Any, method: str, path: str, status: int) -> None:
    answer = client.request(method, path, b"" if method == "POST" else None)

    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    told = _told(answer)
    assert set(told) == {"type", "title", "status", "detail", "where", "mend", "instance"}
    assert told["status"] == status
    assert told["mend"]


def test_a_fault_of_ours_tells_nothing_internal(
    client: Any, row: Row, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    live = client.edge.place("helios", "anomaly").live
    monkeypatch.setattr(type(live.runtime), "answer_row", lambda *_args, **_options: 1 / 0)

    answer = client.post(PREDICT, row)

    assert answer.status_code == 500
    assert not re.search("division|Traceback|telltale/", answer.text)
    assert "division by zero" in "".join(capsys.readouterr())


def test_a_body_over_the_limit_is_refused(open_client: Callable[..., Any], settings: Any, row: Row) -> None:
    client = open_client(msgspec.structs.replace(settings, max_body_bytes=1_000))

    answer = client.post(PREDICT, row | {"note": "x" * 1_000})

    assert answer.status_code == 413
    assert "longer than 1000 bytes" in _told(answer)["detail"]


def test_a_task_without_a_version_says_how_to_get_one(client: Any, row: Row) -> None:
    client.edge.place("helios", "anomaly").live = None

    answer = client.post(PREDICT, row)

    assert answer.status_code == 503
    assert "telltale train helios/anomaly" in _told(answer)["mend"]


def test_an_operators_threshold_takes_the_place_of_the_bundles(
    open_client: Callable[..., Any], settings: Any, row: Row
) -> None:
    client = open_client(msgspec.structs.replace(settings, thresholds={"helios/anomaly": -1e9}))

    told = _told(client.post(PREDICT, row))

    assert (told["decision"], told["threshold"]) == (True, -1e9)


def test_a_batch_answers_each_line_as_predict_does_and_goes_on_after_a_bad_one(
    client: Any, row: Row, strange: Row
) -> None:
    lines = [json.dumps(row), "{", "", json.dumps(strange), json.dumps(row | {"error_rate": 2})]
    alone = [_told(client.post(PREDICT, one))["score"] for one in (row, strange)]

    answer = client.post(f"{PREDICT}:batch", "\n".join(lines).encode())
    told = [json.loads(line) for line in answer.text.splitlines()]

    assert answer.headers["content-type"] == "application/x-ndjson"
    assert [told[0]["score"], told[2]["score"]] == alone
    assert (told[1]["line"], told[1]["error"]["status"]) == (2, 400)
    assert (told[3]["line"], told[3]["error"]["detail"]) == (5, "error_rate is 2")


def test_a_batch_of_any_length_keeps_its_order_and_is_logged(client: Any, row: Row) -> None:
    counts = [100 + number for number in range(300)]
    body = "\n".join(json.dumps(row | {"event_count": count}) for count in counts).encode()

    told = [json.loads(line) for line in client.post(f"{PREDICT}:batch", body).text.splitlines()]
    client.edge.log.flush()

    logged = client.edge.folder.events.fetch('SELECT id, "values" FROM prediction ORDER BY id')
    assert [json.loads(values)["event_count"] for _, values in logged] == counts
    assert [one["prediction_id"] for one in told] == [prediction_id for prediction_id, _ in logged]


def test_a_window_of_rows_is_decided_by_its_last(client: Any, row: Row, strange: Row) -> None:
    rows = [row | {"timestamp": f"2024-01-03T{hour:02d}:00:00Z"} for hour in range(14)]

    told = _told(client.post(PREDICT, {"rows": [*rows, strange], "entity": "checkout"}))

    assert told["context"] == "window"
    assert told["decision"] is True


def test_health_names_what_serves(client: Any) -> None:
    told = _told(client.get("/health"))

    assert told["status"] == "ok"
    assert told["versions"] == {"helios/anomaly": {"version": 1, "role": "champion"}}
    assert client.get("/healthz").status_code == client.get("/readyz").status_code == 200


def test_metrics_count_what_was_answered(client: Any, row: Row) -> None:
    for _ in range(3):
        client.post(PREDICT, row)

    page = client.get("/metrics").text

    assert 'telltale_predictions_total{app="helios",role="champion",task="anomaly",version="1"} 3.0' in page


def test_the_document_covers_hot_and_managed_routes_and_the_page_needs_no_network(client: Any) -> None:
    document = _told(client.get("/docs/openapi.json"))
    page = client.get("/docs").text

    for path in (PREDICT, f"{PREDICT}:batch", "/v1/helios/events/metrics", "/v1/feedback", "/health", "/v1/versions"):
        assert path in document["paths"]
        assert path in page
    references = set(re.findall(r'"#/components/schemas/([^"]+)"', json.dumps(document)))
    assert references <= document["components"]["schemas"].keys()
    assert not re.search(r"(src|href)=\"(https?:)?//", page)


def test_promotion_and_rollback_change_who_answers(client: Any, row: Row) -> None:
    promoted = _told(client.post("/v1/versions/helios/anomaly/promote", {"version": 2, "reason": "better"}))
    assert (promoted["number"], promoted["role"]) == (2, "champion")
    assert _told(client.post(PREDICT, row))["version"] == 2

    client.post("/v1/versions/helios/anomaly/rollback", {"reason": "worse"})
    assert _told(client.post(PREDICT, row))["version"] == 1

    moves = client.get("/v1/versions/helios/anomaly/history").json()
    assert [(move["number"], move["reason"]) for move in moves if move["role_to"] == "champion"] == [
        (1, "first"),
        (2, "better"),
        (1, "worse"),
    ]


def test_versions_do_not_tell_where_the_server_keeps_its_files(client: Any, home: Any) -> None:
    assert str(home) not in client.get("/v1/versions").text
    assert "/" not in client.get("/v1/versions/helios/anomaly").json()[0]["path"][:1]
