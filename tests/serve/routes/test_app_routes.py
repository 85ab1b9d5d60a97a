"""Paths of apps' own. Fixtures' types live in conftest, which cannot be imported: hence Any."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import msgspec
import pytest
from tests.serve.shop import APP, ROUTES

from telltale.contract.errors import UsageError
from telltale.contract.route import Route
from telltale.serve.guard.route_paths import could_be_one, matcher
from telltale.serve.routes.app_routes import check_routes


def test_a_route_answers_what_the_served_path_answers_and_logs_it(shop: Any) -> None:
    told = shop.post("/recommend", {"user_id": 7, "top_k": 2}).json()
    served = shop.post("/v1/shop/next/predict", {"user_id": 7, "top_k": 2}).json()

    assert {**told, "prediction_id": ""} == {**served, "prediction_id": ""}
    assert shop.get(f"/v1/predictions/{told['prediction_id']}").status_code == 200


def test_a_route_gets_the_parts_of_its_path_and_its_query_string(shop: Any) -> None:
    answer = shop.get("/parts/left%20one/versions?kind=anomaly&limit=3")

    versions = {f"shop/{task.name}": 1 for task in APP.tasks}
    assert answer.headers["content-type"] == "application/json"
    assert answer.json() == {
        "kind": "anomaly",
        "limit": 3,
        "part": "left one",
        "actor": "local",
        "versions": versions,
    }


def test_a_route_may_queue_jobs_and_answer_with_a_status_of_its_own(shop: Any) -> None:
    answer = shop.post("/train", None)

    assert answer.status_code == 202
    assert [job["task"] for job in answer.json()["jobs"]] == ["habits", "trend"]
    assert [job["id"] for job in shop.get("/v1/jobs").json()][::-1] == [job["id"] for job in answer.json()["jobs"]]


@pytest.mark.parametrize(
    ("asked", "body", "status", "words"),
    [
        ("POST /recommend", b"{", 400, "the body is not JSON"),
        ("POST /recommend", b"", 400, "Send one object with user_id; known besides: top_k."),
        ("POST /recommend", b"{}", 422, "missing required field user_id"),
        ("POST /recommend", b'{"user_id": 1, "top_k": 0}', 422, "request body, top_k"),
        ("POST /recommend", b'{"user_id": 1, "top_k": "x"}', 422, "expected int, got str"),
        ("POST /recommend", b'{"user_id": "\xff"}', 400, "not JSON"),
        ("POST /recommend", b"[" * 400, 422, "expected object, got array"),
        ("POST /recommend", b'{"user_id": "nobody"}', 400, "nobody is no user"),
        ("POST /recommend", b'{"user_id": "' + b"x" * 600 + b'"}', 413, "longer than 500 bytes"),
        ("GET /recommend", None, 405, "/recommend"),
        ("GET /parts/a/versions", None, 422, "missing required field kind"),
        ("GET /parts/a/versions?kind=a&limit=many", None, 422, "query string, limit"),
        ("GET /parts/a/versions?kind=a&other=1", None, 422, "unknown field other"),
        ("GET /parts/a/b/versions?kind=a", None, 404, "/parts/a/b/versions"),
    ],
)
def test_what_does_not_fit_a_route_is_a_problem_document(
    shop: Any, asked: str, body: bytes | None, status: int, words: str
) -> None:
    answer = shop.request(*asked.split(), body)

    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert words in answer.text
    assert set(answer.json()) == {"type", "title", "status", "detail", "where", "mend", "instance"}


def test_a_fault_inside_a_route_tells_nothing_internal(shop: Any) -> None:
    answer = shop.post("/break", None)

    assert answer.status_code == 500
    assert "division" not in answer.text


def test_a_route_without_a_version_behind_it_says_how_to_get_one(shop: Any) -> None:
    shop.edge.place("shop", "next").live = None

    answer = shop.post("/recommend", {"user_id": 7})

    assert answer.status_code == 503
    assert "telltale train shop/next" in answer.json()["mend"]


@pytest.mark.parametrize(
    ("method", "path", "is_open"),
    [
        ("GET", "/parts/a/versions?kind=a", True),
        ("POST", "/recommend", False),
        ("POST", "/train", False),
        ("GET", "/v1/jobs", True),
        ("GET", "/v1/schedules", True),
        ("POST", "/v1/jobs", False),
        ("POST", "/v1/schedules/shop/habits/pause", False),
        ("GET", "/v1/predictions/shop/next", False),
    ],
)
def test_with_a_key_reads_of_versions_stay_open_and_everything_else_takes_it(
    open_client: Callable[..., Any], shop_settings: Any, method: str, path: str, *, is_open: bool
) -> None:
    client = open_client(msgspec.structs.replace(shop_settings, operator_key="s3cret"))
    body = {"user_id": 7} if method == "POST" else None

    assert (client.request(method, path, body).status_code == 200) == is_open
    assert client.request(method, path, body, **{"x-api-key": "s3cret"}).status_code != 401


def test_whoever_has_the_key_is_the_operator(open_client: Callable[..., Any], shop_settings: Any) -> None:
    client = open_client(msgspec.structs.replace(shop_settings, operator_key="s3cret"))

    client.post("/train", {}, **{"x-api-key": "s3cret"})

    assert {job["actor"] for job in client.get("/v1/jobs").json()} == {"operator"}
    assert client.get("/parts/a/versions?kind=a").json()["actor"] == "anyone"


def test_routes_stand_in_the_document(shop: Any) -> None:
    document = shop.get("/docs/openapi.json").json()

    recommend = document["paths"]["/recommend"]["post"]
    assert recommend["summary"] == "What next"
    assert recommend["requestBody"]["content"]["application/json"]["schema"]["$ref"].endswith("/Person")
    parts = document["paths"]["/parts/{part}/versions"]["get"]
    assert [(one["name"], one["in"], one["required"]) for one in parts["parameters"] if one["in"] != "header"] == [
        ("part", "path", True),
        ("kind", "query", True),
        ("limit", "query", False),
    ]
    assert "202" in document["paths"]["/train"]["post"]["responses"]
    assert "/recommend" in shop.get("/docs").text


@pytest.mark.parametrize(
    "path",
    [
        "/health",
        "/v1/feedback",
        "/v1/shop/alarm/predict",
        "/v1/{app}/alarm/predict",
        "/v1/versions",
        "/v1/jobs/{number}",
        "/docs",
        "/recommend",
    ],
)
def test_a_route_on_a_path_that_is_taken_keeps_the_server_from_starting(
    open_client: Callable[..., Any], shop_settings: Any, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    more = (*ROUTES, Route(method="POST", path=path, summary="-", handle=lambda *_: None))
    monkeypatch.setattr("tests.serve.shop.APP", replace(APP, routes=more))

    with pytest.raises(UsageError, match="collides with") as raised:
        open_client(shop_settings)

    assert path in raised.value.what


@pytest.mark.parametrize("path", ["recommend", "/a b", "/a/{b", "/{a}/{a}", "/a/{b}c", "/", "//a"])
def test_what_is_no_path_is_refused(path: str) -> None:
    app = replace(APP, routes=(Route(method="GET", path=path, summary="-", handle=lambda *_: None),))

    with pytest.raises(UsageError, match="is no path"):
        check_routes({"shop": app}, [])


def test_two_methods_of_one_path_are_two_routes() -> None:
    routes = (
        Route(method="GET", path="/a/{b}", summary="-", handle=lambda *_: None),
        Route(method="POST", path="/a/{c}", summary="-", handle=lambda *_: None),
    )

    check_routes({"shop": replace(APP, routes=routes)}, [])


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [("/a/{b}", "/a/c", True), ("/a/{b}", "/a/c/d", False), ("/a/{b}", "/{x}/c", True), ("/a/b", "/a/c", False)],
)
def test_two_paths_collide_where_one_request_could_mean_both(one: str, other: str, *, same: bool) -> None:
    assert could_be_one(one, other) == could_be_one(other, one) == same
    assert matcher([one])(other.replace("{x}", "a")) == ((same and not other.startswith("/{")) or same)
