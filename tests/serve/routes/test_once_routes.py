"""Routes whose questions are answered once. Fixtures' types live in conftest, which cannot be imported: hence Any."""

import asyncio
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from tests.serve.rsgi_transport import RsgiTransport
from tests.serve.shop import APP as SHOP

from telltale.contract.app import App
from telltale.contract.errors import UsageError
from telltale.contract.route import AnsweredOnce, Asked, Route
from telltale.serve.edge import Edge
from telltale.serve.routes.application import make_application
from telltale.serve.routes.once_routes import managed_routes
from telltale.storage.folder import open_folder


class Question(msgspec.Struct, frozen=True, kw_only=True):
    device: str
    number: str
    load: float


class Told(msgspec.Struct, frozen=True, kw_only=True):
    confidence: int
    prediction_id: str
    load: float


def ask(body: Any) -> Asked:
    if body.number == "none":
        raise UsageError("none is no number", where="number", mend="Give one.")
    return Asked(body.device, body.number, f"{body.load}", {"device": body.device, "load": body.load, "heat": 40.0})


def tell(_asked: Asked, body: Any, answer: Any) -> Told:
    if body.number == "breaks":
        raise ZeroDivisionError
    return Told(confidence=7, prediction_id=answer.prediction_id, load=body.load)


ONCE = Route(
    method="POST",
    path="/is-it-bad",
    summary="Asked once",
    handle=AnsweredOnce(task="alarm", ask=ask, tell=tell),
    body=Question,
    answer=Told,
    max_body_bytes=500,
)
Post = Callable[..., httpx.Response]


@pytest.fixture
def edge(shop_settings: Any) -> Iterator[Callable[..., Edge]]:
    opened: list[Edge] = []

    def open_one(*routes: Route, **settings: Any) -> Edge:
        changed = msgspec.structs.replace(shop_settings, **settings)
        apps = [replace(SHOP, routes=(*SHOP.routes, *routes))]
        opened.append(Edge(changed, open_folder(Path(changed.home)), apps))
        opened[-1].start()
        return opened[-1]

    yield open_one
    for one in opened:
        one.close()


@pytest.fixture
def runner() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as one:
        yield one


@pytest.fixture
def post(edge: Callable[..., Edge], runner: asyncio.Runner) -> Post:
    transport = RsgiTransport(make_application(edge(ONCE)))
    return _poster(transport, runner)


def _poster(transport: RsgiTransport, runner: asyncio.Runner) -> Post:
    def send(body: object, method: str = "POST", **headers: str) -> httpx.Response:
        async def one() -> httpx.Response:
            async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8000") as client:
                content = body if isinstance(body, bytes) else json.dumps(body).encode()
                kind = {"content-type": "application/json"}
                return await client.request(method, ONCE.path, content=content, headers=kind | headers)

        return runner.run(one())

    return send


def test_the_same_question_has_one_answer_and_another_load_under_its_name_is_refused(post: Post) -> None:
    asked = {"device": "sw-1", "number": "1", "load": 100.0}

    first, again, other = post(asked), post(asked), post(asked | {"load": 101.0})

    assert first.status_code == 200
    assert again.content == first.content
    assert (other.status_code, other.headers["content-type"]) == (409, "application/problem+json")
    assert post(asked | {"device": "sw-2"}).json()["prediction_id"] != first.json()["prediction_id"]


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        (b"{", 400, "not JSON"),
        (b"{}", 422, "device"),
        (b'{"device": "a", "number": "1", "load": "x"}', 422, "load"),
        (b'{"device": "a", "number": "1", "load": 1, "load": 2}', 422, "named twice"),
        (b'{"device": "a", "number": "none", "load": 1}', 400, "none is no number"),
        (b'{"device": "a", "number": "1", "load": -1}', 422, "load"),
        (b'{"device": "' + b"a" * 600 + b'", "number": "1", "load": 1}', 413, "longer than 500 bytes"),
    ],
)
def test_what_cannot_be_asked_is_refused(post: Post, body: bytes, status: int, words: str) -> None:
    answer = post(body)

    assert answer.status_code == status
    assert words in answer.text


def test_a_fault_in_telling_is_told_without_its_inside_and_the_next_question_is_answered(post: Post) -> None:
    asked = {"device": "sw-1", "number": "breaks", "load": 100.0}

    broken, again = post(asked), post(asked)

    assert broken.status_code == again.status_code == 500
    assert "Zero" not in broken.text
    assert post(asked | {"number": "1"}).status_code == 200


def test_without_a_version_it_says_how_to_get_one(edge: Callable[..., Edge], runner: asyncio.Runner) -> None:
    opened = edge(ONCE)
    opened.place("shop", "alarm").live = None

    answer = _poster(RsgiTransport(make_application(opened)), runner)({"device": "a", "number": "1", "load": 1.0})

    assert answer.status_code == 503
    assert "telltale train shop/alarm" in answer.json()["mend"]


def test_it_takes_post_and_the_scope_of_predicting(edge: Callable[..., Edge], runner: asyncio.Runner) -> None:
    post = _poster(RsgiTransport(make_application(edge(ONCE, operator_key="s3cret"))), runner)
    asked = {"device": "sw-1", "number": "1", "load": 100.0}

    assert post(asked).status_code == 401
    assert post(asked, **{"x-api-key": "s3cret"}).status_code == 200
    assert post(asked, method="GET", **{"x-api-key": "s3cret"}).status_code == 405


@pytest.mark.parametrize(
    "change",
    [{"method": "GET"}, {"path": "/is/{it}"}, {"body": None}, {"status": 201}, {"path": "/v1/shop/next/predict"}],
)
def test_a_route_that_cannot_be_is_refused_at_the_start(edge: Callable[..., Edge], change: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="shop: route"):
        make_application(edge(replace(ONCE, **change)))


def test_the_others_stay_in_threads() -> None:
    app: App = replace(SHOP, routes=(*SHOP.routes, ONCE))

    assert managed_routes(app) == SHOP.routes
