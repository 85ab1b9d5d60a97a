import json
from typing import Any

import pytest

EVENTS = "/v1/helios/events/metrics"
Row = dict[str, Any]


def _count(client: Any) -> int:
    return int(client.edge.folder.events.fetch("SELECT count(*) FROM event")[0][0])


@pytest.mark.parametrize("path", [EVENTS, "/v1/helios/events"])
def test_an_acknowledged_event_is_on_disk(client: Any, row: Row, path: str) -> None:
    answer = client.post(path, row)

    assert answer.status_code == 200
    assert answer.json() == {"accepted": 1, "already_stored": 0, "quarantined": []}
    assert _count(client) == 1


def test_a_row_sent_twice_is_stored_once_and_said_so(client: Any, row: Row) -> None:
    client.post(EVENTS, row)

    assert client.post(EVENTS, row).json() == {"accepted": 0, "already_stored": 1, "quarantined": []}
    assert _count(client) == 1


@pytest.mark.parametrize("separator", ["list", "lines"])
def test_bad_rows_are_named_and_kept_apart_and_good_ones_go_on(client: Any, row: Row, separator: str) -> None:
    rows = [row, row | {"error_rate": 2, "service": "b"}, row | {"service": "c"}]
    body = json.dumps(rows) if separator == "list" else "\n".join(map(json.dumps, rows))

    told = client.post(EVENTS, body.encode()).json()

    assert told["accepted"] == 2
    assert [one["line"] for one in told["quarantined"]] == [2]
    assert "error_rate" in told["quarantined"][0]["reason"]
    assert client.edge.folder.events.fetch("SELECT line FROM quarantine") == [(2,)]


def test_a_body_of_bad_rows_alone_is_refused_with_the_reasons(client: Any, row: Row) -> None:
    answer = client.post(EVENTS, row | {"error_rate": 2})

    assert answer.status_code == 422
    assert "error_rate" in answer.json()["detail"]
    assert client.edge.folder.events.fetch("SELECT count(*) FROM quarantine") == [(1,)]


def test_scored_events_read_their_window_from_the_store(client: Any, row: Row, strange: Row) -> None:
    before = [row | {"timestamp": f"2024-01-03T{hour:02d}:00:00Z"} for hour in range(14)]
    client.post(EVENTS, before)

    told = client.post(f"{EVENTS}?score=true", strange).json()
    alone = client.post("/v1/helios/anomaly/predict", {"rows": [*before, strange]}).json()

    assert told["accepted"] == 1
    assert told["predictions"][0]["context"] == "window"
    assert told["predictions"][0]["score"] == alone["score"]
    assert client.get(f"/v1/predictions/{told['predictions'][0]['prediction_id']}").status_code == 200


def test_another_entity_is_no_part_of_the_window(client: Any, row: Row) -> None:
    client.post(EVENTS, [row | {"timestamp": f"2024-01-03T{hour:02d}:00:00Z", "service": "b"} for hour in range(14)])

    told = client.post(f"{EVENTS}?score=true", row).json()

    assert told["predictions"][0]["context"] == "row"


def test_rows_that_the_version_cannot_read_say_which_columns_it_wants(client: Any) -> None:
    answer = client.post(f"{EVENTS}?score=true", {"timestamp": 1, "cpu": 0.5})

    assert answer.status_code == 422
    assert "error_rate" in answer.json()["detail"]
    assert _count(client) == 1


def test_feedback_on_a_fresh_answer_is_stored(client: Any, row: Row) -> None:
    told = client.post("/v1/helios/anomaly/predict", row).json()

    answer = client.post("/v1/feedback", {"prediction_id": told["prediction_id"], "label": 1})

    assert answer.json() == {"accepted": 1}
    assert client.edge.folder.events.fetch("SELECT prediction_id, label, actor FROM feedback") == [
        (told["prediction_id"], 1, "local")
    ]


def test_feedback_on_a_span_is_stored(client: Any) -> None:
    span = {
        "app": "helios",
        "task": "anomaly",
        "entity": "a",
        "from": "2024-01-01T00:00:00",
        "to": "2024-01-02T00:00:00Z",
    }

    assert client.post("/v1/feedback", [span | {"label": 0}, span | {"label": 1}]).json() == {"accepted": 2}


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        ({"prediction_id": "ghost", "label": 1}, 404, "ghost"),
        ({"label": 1}, 400, "neither a prediction nor a whole span"),
        ({"prediction_id": "x", "label": 2}, 422, "label"),
        ({"prediction_id": "x", "label": 1, "lable": 1}, 422, "lable"),
        ({"app": "helios", "task": "none", "from": "2024-01-01", "to": "2024-01-02", "label": 1}, 422, "from"),
        (
            {"app": "a", "task": "b", "from": "2024-01-01T00:00:00Z", "to": "2024-01-02T00:00:00Z", "label": 1},
            404,
            "a/b",
        ),
    ],
)
def test_feedback_that_cannot_be_placed_is_refused(client: Any, body: Row, status: int, words: str) -> None:
    answer = client.post("/v1/feedback", body)

    assert answer.status_code == status
    assert words in answer.text
