import asyncio
import json
import re
from collections.abc import Callable
from contextvars import copy_context
from types import SimpleNamespace
from typing import Any, cast

import httpx
import msgspec
import pytest
import structlog
from tests.serve.rsgi_transport import RsgiTransport

from telltale.contract.errors import UnavailableError
from telltale.serve.http.call import Call, Reply
from telltale.serve.http.request_log import RequestLog, begin_request
from telltale.serve.http.rsgi import Application
from telltale.serve.logs import configure_logs
from telltale.serve.routes.application import make_application
from telltale.serve.settings import ServeSettings

PREDICT = "/v1/helios/anomaly/predict"


@pytest.fixture
def lines(capsys: Any) -> Callable[[], list[dict[str, Any]]]:
    configure_logs()
    return lambda: [json.loads(line) for line in capsys.readouterr().err.splitlines()]


@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", PREDICT), ("GET", "/health"), ("GET", "/nowhere"), ("GET", PREDICT), ("POST", f"{PREDICT}:batch")],
)
def test_every_answer_carries_the_requests_id(client: Any, row: dict[str, Any], method: str, path: str) -> None:
    body = row if method == "POST" else None

    given = client.request(method, path, body, **{"x-request-id": "shop-7.a_b"})
    made = [client.request(method, path, body).headers["x-request-id"] for _ in range(2)]

    assert given.headers.get_list("x-request-id") == ["shop-7.a_b"]
    assert made[0] != made[1]
    assert all(re.fullmatch(r"[0-9a-f]{12}-[0-9a-f]+", one) for one in made)


@pytest.mark.parametrize("given", ["", "a b", "a/b", "x" * 129, "é", "a\x01b"])
def test_an_id_that_is_no_plain_name_is_replaced(client: Any, row: dict[str, Any], given: str) -> None:
    call = cast("Call", SimpleNamespace(headers={"x-request-id": given}, request_id=""))

    copy_context().run(begin_request, call)

    assert call.request_id != given
    assert re.fullmatch(r"[0-9a-f]{12}-[0-9a-f]+", call.request_id)


@pytest.mark.parametrize(("method", "path", "status"), [("POST", PREDICT, 422), ("GET", "/nowhere", 404)])
def test_a_problem_names_its_request(client: Any, method: str, path: str, status: int) -> None:
    body = {"event_count": "many"} if method == "POST" else None

    answer = client.request(method, path, body, **{"x-request-id": "a-1"})

    assert answer.status_code == status
    assert answer.json()["instance"] == "urn:telltale:request:a-1"


def _ask(application: Any, method: str, path: str, *names: str) -> list[httpx.Response]:
    """The answers to requests that are sent at once, one for each id."""

    async def ask() -> list[httpx.Response]:
        async with httpx.AsyncClient(transport=RsgiTransport(application), base_url="http://127.0.0.1") as session:
            sent = [session.request(method, path, content=b"{}", headers={"x-request-id": name}) for name in names]
            return await asyncio.gather(*sent)

    return asyncio.run(ask())


def test_requests_that_share_a_turn_keep_their_ids(client: Any) -> None:
    names = [f"r-{number}" for number in range(8)]

    answers = _ask(make_application(client.edge), "POST", PREDICT, *names)

    assert {told.status_code for told in answers} == {422}
    assert [told.json()["instance"] for told in answers] == [f"urn:telltale:request:{name}" for name in names]


def test_a_request_that_broke_has_its_id_in_every_line(
    client: Any, lines: Callable[[], list[dict[str, Any]]], monkeypatch: Any
) -> None:
    monkeypatch.setattr(type(client.edge.registry), "all_versions", lambda _self: 1 / 0)
    lines()

    assert client.get("/v1/versions", **{"x-request-id": "a-1"}).status_code == 500

    told = lines()
    assert [line["event"] for line in told] == ["request_broke", "request_failed"]
    assert {(line["request_id"], line["method"], line["path"]) for line in told} == {("a-1", "GET", "/v1/versions")}
    assert told[1]["status"] == 500


def test_what_a_thread_of_a_request_logs_carries_its_id(
    client: Any, lines: Callable[[], list[dict[str, Any]]], monkeypatch: Any
) -> None:
    # The route runs in a thread of Litestar's.
    def told(_self: object) -> list[object]:
        structlog.get_logger("test").warning("seen")
        return []

    monkeypatch.setattr(type(client.edge.registry), "all_versions", told)
    lines()
    client.get("/v1/versions", **{"x-request-id": "a-1"})

    assert [(line["event"], line["request_id"]) for line in lines()] == [("seen", "a-1")]


def test_a_good_request_has_no_line(
    client: Any, lines: Callable[[], list[dict[str, Any]]], row: dict[str, Any]
) -> None:
    client.edge.log.flush()
    lines()
    client.post(PREDICT, row)
    client.get("/health")

    assert [line for line in lines() if line["event"] != "answered"] == []


def test_lines_outside_of_requests_carry_no_id(lines: Callable[[], list[dict[str, Any]]]) -> None:
    structlog.get_logger("test").warning("alone")

    assert "request_id" not in lines()[0]


def test_a_refusal_and_a_slow_request_have_a_line(
    client: Any, lines: Callable[[], list[dict[str, Any]]], monkeypatch: Any
) -> None:
    async def refuse(_call: Call) -> Reply:
        raise UnavailableError("too much waits", where="intake", mend="Try again.")

    async def linger(_call: Call) -> Reply:
        await asyncio.sleep(0.02)
        return Reply(b"{}")

    monkeypatch.setattr("telltale.serve.http.rsgi.SLOW_S", 0.01)
    lines()
    for handle, path in ((refuse, "/full"), (linger, "/slow")):
        _ask(Application(client.edge, {}, handle), "GET", path, "a-1")

    told = [(line["event"], line["path"], line["status"], line["request_id"]) for line in lines()]
    assert told == [("request_refused", "/full", 503, "a-1"), ("request_slow", "/slow", 200, "a-1")]


def test_a_flood_of_refusals_is_counted_in_place_of_written(
    lines: Callable[[], list[dict[str, Any]]], monkeypatch: Any
) -> None:
    now_s = 7.5
    monkeypatch.setattr("telltale.serve.http.request_log.monotonic", lambda: now_s)
    log = RequestLog()
    for _ in range(500):
        log.tell(503, 0.001)
    now_s += 1.0
    log.tell(503, 0.001)

    told = lines()
    assert len(told) < 50
    n_told = sum(line["event"] == "request_refused" for line in told)
    assert n_told + sum(line.get("n", 0) for line in told) == 501


def test_a_body_that_comes_after_the_end_is_refused(
    open_client: Callable[..., Any], settings: ServeSettings, row: dict[str, Any]
) -> None:
    client = open_client(msgspec.structs.replace(settings))
    client.edge.stopping.end_bodies()

    answer = client.post(PREDICT, row)
    batch = client.post(f"{PREDICT}:batch", row)

    assert answer.status_code == 503
    assert "stops" in answer.json()["detail"]
    assert "stops" in batch.text
