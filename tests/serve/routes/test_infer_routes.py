"""The open inference protocol over the whole application."""

import json
from typing import Any

import pytest

MODEL = "/v2/models/helios.anomaly"
INFER = f"{MODEL}/infer"
PREDICT = "/v1/helios/anomaly/predict"
COLUMNS = ("event_count", "error_rate", "p50_latency_ms", "p95_latency_ms", "p99_latency_ms")
Row = dict[str, Any]


def tensor(name: str, data: list[Any], datatype: str = "FP64", shape: list[int] | None = None) -> Row:
    return {"name": name, "shape": shape or [len(data)], "datatype": datatype, "data": data}


def by_columns(rows: list[Row]) -> list[Row]:
    return [
        *(tensor(name, [row[name] for row in rows]) for name in COLUMNS),
        tensor("service", [row["service"] for row in rows], "BYTES"),
        tensor("timestamp", [row["timestamp"] for row in rows], "BYTES"),
    ]


def outputs(answer: Any) -> dict[str, list[Any]]:
    assert answer.status_code == 200, answer.text
    return {one["name"]: one["data"] for one in answer.json()["outputs"]}


def test_a_tensor_a_column_is_decided_as_predict_decides_each_row(client: Any, row: Row, strange: Row) -> None:
    rows = [row, strange, row | {"service": "search"}]

    answer = client.post(INFER, {"id": "r-1", "inputs": by_columns(rows)})

    told = answer.json()
    assert (told["id"], told["model_name"], told["model_version"]) == ("r-1", "helios.anomaly", "1")
    assert [(one["name"], one["datatype"], one["shape"]) for one in told["outputs"]] == [
        ("score", "FP64", [3]),
        ("decision", "BOOL", [3]),
        ("threshold", "FP64", [3]),
        ("prediction_id", "BYTES", [3]),
    ]
    lines = [client.post(PREDICT, one).json() for one in rows]
    for name in ("decision", "threshold"):
        assert outputs(answer)[name] == [line[name] for line in lines]
    assert outputs(answer)["score"] == pytest.approx([line["score"] for line in lines], rel=1e-6)
    assert outputs(answer)["decision"] == [False, True, False]


def test_answers_are_logged_like_those_of_predict(client: Any, row: Row) -> None:
    ids = outputs(client.post(INFER, {"inputs": by_columns([row, row])}))["prediction_id"]

    logged = client.get(f"/v1/predictions/{ids[1]}").json()

    assert logged["entity"] == "checkout"
    assert logged["values"] == {name: row[name] for name in COLUMNS}
    assert logged["time"] == "2024-01-03T14:30:00Z"


def test_one_tensor_holds_the_columns_in_the_order_of_the_metadata(client: Any, row: Row) -> None:
    described = client.get(MODEL).json()
    names = [one["name"] for one in described["inputs"] if not one.get("parameters", {}).get("optional")]
    values = [row[name] for name in names]
    flat = tensor("input-0", values * 2, "FP64", [2, len(names)])
    nested = tensor("input-0", [values, values], "FP64", [2, len(names)])

    told = [outputs(client.post(INFER, {"inputs": [one]}))["score"] for one in (flat, nested)]

    by_name = outputs(client.post(INFER, {"inputs": [tensor(name, [row[name]]) for name in names]}))["score"]
    assert names == list(COLUMNS)
    assert told[0] == told[1] == pytest.approx(by_name * 2, abs=1e-3)  # of another moment: no time was sent


def test_columns_may_stand_upright_and_be_of_any_number(client: Any, row: Row) -> None:
    plain = outputs(client.post(INFER, {"inputs": by_columns([row, row])}))["score"]
    inputs = by_columns([row, row])
    inputs[0] = tensor("event_count", [[1000], [1000]], "INT32", [2, 1])
    inputs[6] = tensor("timestamp", [1704292200, 1704292200], "INT64")

    assert outputs(client.post(INFER, {"inputs": inputs}))["score"] == plain


def test_outputs_are_those_asked_for(client: Any, row: Row) -> None:
    asked = {"inputs": by_columns([row]), "outputs": [{"name": "decision"}, {"name": "score"}]}

    assert list(outputs(client.post(INFER, asked))) == ["decision", "score"]
    answer = client.post(INFER, asked | {"outputs": [{"name": "probability"}]})
    assert (answer.status_code, "'probability' is not known" in answer.json()["error"]) == (400, True)


WRONG: list[tuple[list[Row], int, str]] = [
    ([], 422, "numbers of rows"),
    ([tensor("event_count", [])], 422, "numbers of rows"),
    ([tensor("event_count", [1.0]), tensor("error_rate", [0.1, 0.2])], 422, "numbers of rows"),
    ([tensor("event_count", [1.0])], 422, "are missing"),
    ([tensor("event_count", [1.0]), tensor("event_count", [1.0])], 400, "given twice"),
    ([tensor("nothing", [1.0])], 400, "neither a column nor numbers of the shape [n, 5]"),
    ([tensor("input", [1.0] * 4, "FP64", [1, 4])], 400, "neither a column"),
    ([tensor("event_count", [1.0], "FP64", [2])], 400, "1 values and the shape [2]"),
    ([tensor("event_count", [1.0], "FP64", [1, 1, 1])], 400, "shape"),
    ([tensor("event_count", [1.0], "FP64", [-1])], 400, "shape"),
    ([tensor("event_count", [[1.0, 2.0]], "FP64", [1, 2])], 400, "Send the shape [n] or [n, 1]"),
    ([tensor("event_count", [[1.0], [2.0, 3.0]], "FP64", [2, 1])], 400, "one list per row"),
    ([tensor("event_count", [1.0], "FLOAT")], 400, "'FLOAT' is not known"),
    ([tensor("event_count", ["1"], "BYTES")], 400, "'BYTES' is not known. Known: BOOL"),
    ([tensor("event_count", ["1"])], 400, "not FP64"),
    ([tensor("event_count", [1.5], "INT32")], 400, "not INT32"),
    ([tensor("event_count", [300], "INT8")], 400, "not INT8"),
]


def test_inputs_that_do_not_fit_are_refused_in_the_protocols_words(client: Any) -> None:
    for inputs, status, told in WRONG:
        answer = client.post(INFER, {"inputs": inputs})
        assert (answer.status_code, told in answer.json()["error"]) == (status, True), (inputs, answer.text)


def test_a_row_out_of_range_is_named_and_nothing_is_decided_or_logged(client: Any, row: Row) -> None:
    answer = client.post(INFER, {"inputs": by_columns([row, row | {"error_rate": 1.5}])})

    told = answer.json()
    assert answer.status_code == 422
    assert (
        told["error"] == "inputs, row 1, error_rate: error_rate is 1.5. Send a number from 0 to 1 in share of events."
    )
    assert (told["status"], told["type"]) == (422, "urn:telltale:schema")
    assert client.get("/v1/predictions/helios/anomaly").json() == []


def test_what_goes_wrong_before_a_row_is_read_has_the_protocols_field_too(client: Any, row: Row) -> None:
    asked = {"inputs": by_columns([row])}
    found = {
        "not JSON": client.post(INFER, b"{"),
        "nested": client.post(INFER, b'{"inputs":' + b"[" * 5_000),
        "no inputs": client.post(INFER, {}),
        "not POST": client.get(INFER),
        "no such model": client.post("/v2/models/helios.nothing/versions/1/infer", asked),
        "nowhere": client.get("/v2/nowhere"),
        "too long": client.post(INFER, b"x" * 1_100_000),
        "binary": client.post(INFER, asked, **{"Inference-Header-Content-Length": "10"}),
    }

    assert {name: one.status_code for name, one in found.items()} == {
        "not JSON": 400,
        "nested": 422,
        "no inputs": 422,
        "not POST": 405,
        "no such model": 404,
        "nowhere": 404,
        "too long": 413,
        "binary": 415,
    }
    for name, one in found.items():
        assert one.json()["error"], name
    assert "binary_data=False" in found["binary"].json()["error"]


def test_a_version_is_there_while_it_serves(client: Any, row: Row) -> None:
    asked = {"inputs": by_columns([row])}

    assert outputs(client.post(f"{MODEL}/versions/1/infer", asked))["decision"] == [False]
    for path in ("", "/ready"):
        assert client.get(f"{MODEL}/versions/1{path}").status_code == 200
        assert client.get(f"{MODEL}/versions/2{path}").status_code == 404
    refused = client.post(f"{MODEL}/versions/2/infer", asked)
    assert refused.status_code == 404
    assert refused.json()["error"].startswith("path: version 2 of helios.anomaly does not serve. Version 1 does")
    client.post("/v1/versions/helios/anomaly/promote", {"version": 2, "reason": "test"})
    assert client.post(f"{MODEL}/versions/2/infer", asked).json()["model_version"] == "2"
    assert client.post(f"{MODEL}/versions/1/infer", asked).status_code == 404


def test_server_and_models_say_who_and_how_they_are(client: Any) -> None:
    assert client.get("/v2").json()["name"] == "telltale"
    assert client.get("/v2").json()["extensions"] == []
    assert client.get("/v2/health/live").json() == {"live": True}
    assert client.get("/v2/health/ready").json() == {"ready": True}
    assert client.get(f"{MODEL}/ready").json() == {"name": "helios.anomaly", "ready": True}
    told = client.get(MODEL).json()
    assert (told["name"], told["versions"], told["platform"]) == ("helios.anomaly", ["1"], "telltale")
    assert told["inputs"][0] == {"name": "event_count", "datatype": "FP64", "shape": [-1]}
    assert told["inputs"][5] == {
        "name": "service",
        "datatype": "BYTES",
        "shape": [-1],
        "parameters": {"optional": True},
    }
    assert {one["name"]: one["datatype"] for one in told["outputs"]}["decision"] == "BOOL"


def test_a_model_without_a_version_is_not_ready(open_client: Any, settings: Any, home: Any) -> None:
    import msgspec

    bare = open_client(msgspec.structs.replace(settings, home=str(home.parent / "empty")))

    assert bare.get(f"{MODEL}/ready").status_code == 503
    assert bare.get(MODEL).status_code == 503
    assert bare.post(INFER, {"inputs": []}).status_code == 503
    assert bare.get("/v2/health/ready").status_code == 200  # nothing was promoted: nothing is missing


def test_tasks_that_choose_and_segment_are_models_and_those_that_answer_questions_are_not(shop: Any) -> None:
    inputs = [tensor("logins", [1.0, 30.0]), tensor("orders", [0.0, 9.0]), tensor("user_id", [1, 2], "INT64")]
    lines = [{"logins": 1, "orders": 0}, {"logins": 30, "orders": 9}]

    for task, names in (("habits", ("segment", "name", "distance")), ("channel", ("choice",))):
        found = outputs(shop.post(f"/v2/models/shop.{task}/infer", {"inputs": inputs}))
        told = [shop.post(f"/v1/shop/{task}/predict", line).json() for line in lines]
        for name in names:
            assert found[name] == [one[name] for one in told]
    missing = [tensor("load", [100.0, None]), tensor("heat", [None, 40.0])]
    assert len(outputs(shop.post("/v2/models/shop.alarm/infer", {"inputs": missing}))["score"]) == 2
    assert shop.get("/v2/models/shop.next").status_code == 404
    assert shop.post("/v2/models/shop.trend/infer", {"inputs": inputs}).status_code == 404


def test_a_request_of_many_rows_keeps_their_order(client: Any, row: Row) -> None:
    rows = [row | {"error_rate": 0.4 if at % 7 == 0 else 0.01} for at in range(1_000)]

    found = outputs(client.post(INFER, json.dumps({"inputs": by_columns(rows)}).encode()))

    assert found["decision"] == [at % 7 == 0 for at in range(1_000)]
    assert len(set(found["prediction_id"])) == 1_000
