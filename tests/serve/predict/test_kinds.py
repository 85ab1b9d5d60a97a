"""Every kind of task over HTTP, without a socket. Fixtures' types live in conftest, which cannot be imported: hence Any."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.serve.shop import ALARM, CHANNEL, HABITS, NEXT, TREND

from telltale.contract.answer import (
    ChoiceAnswer,
    ForecastAnswer,
    RankAnswer,
    ScoreAnswer,
    SegmentAnswer,
)
from telltale.contract.app import Task
from telltale.contract.errors import UsageError
from telltale.serve.predict.answers import Prediction, sent_type, shape_of

WHO = {"prediction_id", "app", "task", "entity", "version", "role"}
VISIT = {"user_id": 7, "logins": 3, "orders": 1}
UNASKED: dict[str, Any] = {
    "entity": None, "top_k": 10, "seen": [], "include_seen": False, "without": [], "filters": {}, "diversity": 0.0,
    "segment": None, "had": [],
}  # fmt: skip
SAMPLE = {"device": "sw-1", "load": 100.0, "heat": 40.0, "timestamp": "2024-01-09T00:00:00Z"}


def _told(answer: Any) -> dict[str, Any]:
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()
    return told


def _window(n: int, **changes: Any) -> list[dict[str, Any]]:
    start = datetime(2024, 1, 9, tzinfo=UTC)
    stamps = [(start + timedelta(minutes=5 * at)).isoformat() for at in range(n)]
    return [SAMPLE | {"timestamp": stamp, "load": 100.0 + at} | changes for at, stamp in enumerate(stamps)]


@pytest.mark.parametrize(
    ("task", "body", "fields", "entity"),
    [
        ("alarm", SAMPLE, {"score", "decision", "threshold", "context", "is_anomaly", "anomaly_score", "timestamp"}, "sw-1"),
        ("habits", VISIT, {"segment", "name", "distance", "share", "context", "rule"}, "7"),
        ("channel", VISIT, {"choice", "costs", "unit", "context"}, "7"),
        ("next", {"user_id": 7, "top_k": 3}, {"items", "source"}, "7"),
        ("trend", {"series": "north"}, {"method", "origin", "level", "steps"}, "north"),
    ],
)  # fmt: skip
def test_an_answer_is_who_answered_and_the_fields_of_the_answer(
    shop: Any, task: str, body: dict[str, Any], fields: set[str], entity: str
) -> None:
    told = _told(shop.post(f"/v1/shop/{task}/predict", body))

    assert set(told) == WHO | fields
    assert (told["app"], told["task"], told["version"], told["role"]) == ("shop", task, 1, "champion")
    assert told["entity"] == entity


def test_a_task_sends_its_answer_under_its_own_names_too(shop: Any) -> None:
    told = _told(shop.post("/v1/shop/alarm/predict", SAMPLE))

    assert told["timestamp"] == "2024-01-09T00:00:00Z"
    assert (told["is_anomaly"], told["anomaly_score"]) == (told["decision"], told["score"])


@pytest.mark.parametrize("entity", [{"user_id": 7}, {"user_id": "7"}, {"entity": 7}, {"user_id": 7, "entity": "7"}])
def test_an_entity_is_asked_for_by_its_events_name_as_number_or_text(shop: Any, entity: dict[str, Any]) -> None:
    told = _told(shop.post("/v1/shop/next/predict", entity | {"top_k": 2}))

    assert told["entity"] == "7"
    assert len(told["items"]) == 2


@pytest.mark.parametrize(
    ("task", "body", "status", "words"),
    [
        ("next", b'{"user_id": 1, "top": 5}', 422, "user_id, entity, top_k, seen, include_seen"),
        ("next", b'{"user_id": 1.5}', 422, "got float"),
        ("next", b'{"user_id": 1, "top_k": "five"}', 422, "request body, top_k"),
        ("next", b'{"user_id": 1, "entity": 2}', 422, "Send user_id alone"),
        ("next", b"[1]", 422, "expected object, got array"),
        ("next", b"{", 400, "not JSON"),
        ("next", b'{"user_id": 1, "top_k": 0}', 400, "top_k"),
        ("trend", b'{"series": "west"}', 404, "west"),
        ("trend", b'{"series": "north", "horizon": 99}', 400, "1 to 7"),
        ("trend", b'{"series": "north", "device": 1}', 422, "unknown field"),
    ],
)
def test_a_question_that_does_not_fit_is_told_what_where_and_the_mend(
    shop: Any, task: str, body: bytes, status: int, words: str
) -> None:
    answer = shop.post(f"/v1/shop/{task}/predict", body)

    assert answer.status_code == status
    assert words in answer.text
    assert answer.json()["mend"]


def test_a_batch_of_questions_goes_on_after_one_that_cannot_be_answered(shop: Any) -> None:
    lines = [{"series": "north", "horizon": 2}, {"series": "west"}, {"series": 3, "x": 1}, {"series": "south"}]
    body = "\n".join(map(json.dumps, lines)).encode()

    told = [json.loads(line) for line in shop.post("/v1/shop/trend/predict:batch", body).text.splitlines()]

    assert [one.get("entity") for one in told] == ["north", None, None, "south"]
    assert [one["error"]["status"] for one in told[1:3]] == [404, 422]
    assert len(told[0]["steps"]) == 2


def test_a_batch_of_rows_answers_each_line_as_predict_does(shop: Any) -> None:
    lines = [VISIT | {"logins": n} for n in (1, 2, 33)]
    alone = [_told(shop.post("/v1/shop/habits/predict", line))["segment"] for line in lines]

    answer = shop.post("/v1/shop/habits/predict:batch", "\n".join(map(json.dumps, lines)).encode())

    assert [json.loads(line)["segment"] for line in answer.text.splitlines()] == alone
    assert len(set(alone)) == 2


def test_a_choice_is_the_cheapest_by_what_the_version_reads_and_asks_for_nothing_else(shop: Any) -> None:
    rarely = _told(shop.post("/v1/shop/channel/predict", {"logins": 2, "orders": 1, "note": "any text"}))
    often = _told(shop.post("/v1/shop/channel/predict", {"logins": 33, "orders": 10}))

    assert (rarely["choice"], often["choice"], rarely["unit"]) == ("mail", "post", "cents")
    assert set(rarely["costs"]) == {"mail", "post"}


@pytest.mark.parametrize(
    ("task", "body", "values"),
    [
        ("habits", VISIT, {"logins": 3.0, "orders": 1.0}),
        ("next", {"user_id": 7, "top_k": 3}, UNASKED | {"entity": "7", "top_k": 3}),
        ("next", {"seen": [1, "i2"], "without": [3]}, UNASKED | {"seen": ["1", "i2"], "without": ["3"]}),
    ],
)
def test_answers_without_a_score_are_logged_whole(
    shop: Any, task: str, body: dict[str, Any], values: dict[str, Any]
) -> None:
    told = _told(shop.post(f"/v1/shop/{task}/predict", body))

    found = _told(shop.get(f"/v1/predictions/{told['prediction_id']}"))

    assert (found["score"], found["decision"], found["threshold"]) == (None, None, None)
    assert found["values"] == values
    assert found["answer"] == {name: value for name, value in told.items() if name not in WHO}
    assert found["context"] == told.get("context")


def test_scored_events_are_decided_by_the_tasks_that_decide_rows(shop: Any) -> None:
    stamp = {"timestamp": "2024-02-01T00:00:00Z"}

    visits = _told(shop.post("/v1/shop/events/visits?score=true", VISIT | stamp))
    taken = _told(shop.post("/v1/shop/events/taken?score=true", {"user_id": 7, "item": "i1", "n": 1} | stamp))

    assert [one["task"] for one in visits["predictions"]] == ["habits", "channel"]
    assert taken == {"accepted": 1, "already_stored": 0, "quarantined": []}


def test_a_task_without_a_version_costs_the_others_of_its_event_nothing(shop: Any) -> None:
    shop.edge.place("shop", "channel").live = None

    one = _told(shop.post("/v1/shop/events/visits?score=true", VISIT | {"timestamp": 1}))
    shop.edge.place("shop", "habits").live = None
    none = shop.post("/v1/shop/events/visits?score=true", VISIT | {"timestamp": 2})

    assert [answer["task"] for answer in one["predictions"]] == ["habits"]
    assert (none.status_code, "telltale train shop/" in none.text) == (503, True)


@pytest.mark.parametrize("gone", [{"load": None}, {"heat": None}])
def test_what_the_plan_fills_may_be_missing_from_a_row(shop: Any, gone: dict[str, None]) -> None:
    left_out = {name: value for name, value in SAMPLE.items() if name not in gone}

    null, absent = (_told(shop.post("/v1/shop/alarm/predict", body)) for body in (SAMPLE | gone, left_out))

    assert null["score"] == absent["score"]


def test_an_entity_alone_is_decided_by_its_newest_stored_window(shop: Any) -> None:
    rows = _window(9)
    rows[-2] |= {"load": None}
    shop.post("/v1/shop/events/sample", rows + _window(9, device="sw-2", load=900.0))

    alone = _told(shop.post("/v1/shop/alarm/predict", {"device": "sw-1", "explain": True}))
    window = _told(shop.post("/v1/shop/alarm/predict", {"rows": rows, "explain": True}))

    assert (alone["entity"], alone["context"]) == ("sw-1", "window")
    assert {**alone, "prediction_id": ""} == {**window, "prediction_id": ""}
    assert _told(shop.get(f"/v1/predictions/{alone['prediction_id']}"))["values"] == {"load": 108.0, "heat": 40.0}


@pytest.mark.parametrize("n", [0, 2])
def test_an_entity_with_too_few_stored_rows_is_told_how_many_are_needed(shop: Any, n: int) -> None:
    for row in _window(n):
        shop.post("/v1/shop/events/sample", row)

    answer = shop.post("/v1/shop/alarm/predict", {"device": "sw-1"})

    needed = shop.edge.place("shop", "alarm").required().runtime.history + 1
    assert answer.status_code == 422
    assert answer.json()["type"] == "urn:telltale:not-enough-data"
    assert f"{n} rows of 'sw-1' are stored; the window needs {needed}" in answer.text
    assert "/v1/shop/events/sample" in answer.json()["mend"]


def test_a_batch_may_mix_rows_windows_and_entities_alone(shop: Any) -> None:
    shop.post("/v1/shop/events/sample", _window(9))
    lines = [SAMPLE, {"device": "sw-1"}, {"device": "sw-9"}, {"rows": _window(9)}]

    answer = shop.post("/v1/shop/alarm/predict:batch", "\n".join(map(json.dumps, lines)).encode())

    told = [json.loads(line) for line in answer.text.splitlines()]
    assert [one.get("context") for one in told] == ["row", "window", None, "window"]
    assert told[2]["error"]["status"] == 422


def test_health_lists_what_is_loaded(shop: Any) -> None:
    assert _told(shop.get("/health"))["models_loaded"] == [
        "shop/alarm", "shop/habits", "shop/channel", "shop/next", "shop/trend",
    ]  # fmt: skip

    shop.edge.place("shop", "next").live = None

    assert "shop/next" not in _told(shop.get("/health"))["models_loaded"]


def test_metrics_count_every_kind(shop: Any) -> None:
    shop.post("/v1/shop/next/predict", {"user_id": 7})

    page = shop.get("/metrics").text

    assert 'telltale_predictions_total{app="shop",role="champion",task="next",version="1"} 1.0' in page


@pytest.mark.parametrize("task", [ALARM, CHANNEL, HABITS, NEXT, TREND])
def test_what_is_sent_holds_every_field_of_the_answer(task: Task) -> None:
    answers = {
        "score": ScoreAnswer,
        "choose": ChoiceAnswer,
        "segment": SegmentAnswer,
        "rank": RankAnswer,
        "forecast": ForecastAnswer,
    }

    sent = sent_type("shop", task).__struct_fields__

    assert [*sent[:6]] == ["prediction_id", "app", "task", "entity", "version", "role"]
    assert sent[6:] == (*answers[task.kind].__struct_fields__, *task.answer_names.values())


def test_the_struct_of_scores_is_written_out_as_the_others_are_made() -> None:
    assert Prediction.__struct_fields__[6:] == ScoreAnswer.__struct_fields__


@pytest.mark.parametrize(("names", "words"), [({"verdict": "x"}, "decision"), ({"score": "entity"}, "sent already")])
def test_names_that_mean_nothing_or_are_taken_are_refused(names: dict[str, str], words: str) -> None:
    from dataclasses import replace

    with pytest.raises(UsageError, match=words):
        shape_of("shop", replace(ALARM, name="other", answer_names=names))


def test_the_document_shows_every_kind_and_refers_to_nothing_that_is_not_there(shop: Any) -> None:
    document = _told(shop.get("/docs/openapi.json"))

    schemas = document["components"]["schemas"]
    text = json.dumps(document)
    for part in text.split('"#/components/schemas/')[1:]:
        assert part.partition('"')[0] in schemas
    for name in (
        "ShopAlarmPrediction",
        "SegmentPrediction",
        "ChoicePrediction",
        "RankPrediction",
        "ForecastPrediction",
    ):
        assert name in schemas
    asked = document["paths"]["/v1/shop/next/predict"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    assert set(schemas[asked["$ref"].rpartition("/")[2]]["properties"]) == {
        "user_id", "entity", "top_k", "seen", "include_seen", "without", "filters", "diversity", "segment", "had",
    }  # fmt: skip


def test_questions_of_one_turn_are_asked_at_once(shop: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    live = shop.edge.place("shop", "trend").required()
    asked: list[int] = []
    ask: Callable[..., Any] = type(live.runtime).ask

    def count(runtime: Any, queries: Any) -> Any:
        asked.append(len(queries))
        return ask(runtime, queries)

    monkeypatch.setattr(type(live.runtime), "ask", count)
    body = b'{"series": "north"}\n{"series": "south"}\n'

    shop.post("/v1/shop/trend/predict:batch", body)

    assert asked == [2]
