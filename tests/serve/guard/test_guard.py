"""The guard in front of the whole application, without a socket."""

import io
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any

import msgspec
import polars as pl
import pytest
from structlog.testing import capture_logs

from telltale.registry.api_keys import CreatedKey, create_key, revoke_key
from telltale.registry.audit import record_act
from telltale.serve.guard import audit_trail, guard
from telltale.serve.guard.rates import Rates

NOW = datetime(2024, 12, 1, tzinfo=UTC)
PREDICT = "/v1/helios/anomaly/predict"
EVENTS = "/v1/helios/events/metrics"
PROMOTE = "/v1/versions/helios/anomaly/promote"


def make_key(client: Any, name: str, scopes: Iterable[str], *, rate: float | None = None) -> CreatedKey:
    made = create_key(client.edge.folder.state, name, scopes, actor="t", now=NOW, rate=rate)
    client.edge.guard.refresh()
    return made


def with_key(key: CreatedKey) -> dict[str, str]:
    return {"authorization": f"Bearer {key.secret}"}


def test_a_key_does_what_its_scopes_say_and_is_told_which_it_lacks(client: Any, row: dict[str, Any]) -> None:
    asked = {
        "predict": ("POST", PREDICT, row),
        "ingest": ("POST", EVENTS, row),
        "read": ("GET", "/v1/predictions/helios/anomaly", None),
        "operate": ("GET", "/v1/audit", None),
    }
    keys = {scope: make_key(client, scope, [scope]) for scope in asked}

    for has, key in keys.items():
        for needed, one in asked.items():
            answer = client.request(*one, **with_key(key))

            assert answer.status_code == (200 if has == needed else 403)
            if has != needed:
                assert f"has not the scope '{needed}'" in answer.json()["detail"]
                assert f"--scope {needed}" in answer.json()["mend"]


def test_with_the_first_key_the_server_closes_and_with_the_last_it_stays_closed(
    client: Any, row: dict[str, Any]
) -> None:
    assert client.post(PREDICT, row).status_code == 200

    key = make_key(client, "shop", ["predict"])
    answer = client.post(PREDICT, row)
    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
    assert client.post(PREDICT, row, **with_key(key)).status_code == 200
    assert client.get("/health").status_code == 200

    revoke_key(client.edge.folder.state, "shop", now=NOW)
    client.edge.guard.refresh()
    assert client.post(PREDICT, row, **with_key(key)).status_code == 401
    assert client.post(PREDICT, row).status_code == 401


def test_unknown_malformed_and_revoked_keys_are_told_the_same(client: Any, row: dict[str, Any]) -> None:
    key, gone = make_key(client, "shop", ["predict"]), make_key(client, "gone", ["predict"])
    revoke_key(client.edge.folder.state, "gone", now=NOW)
    client.edge.guard.refresh()
    wrong = [gone.secret, key.secret[:-1] + "~", "tt_00000000_x", "hello"]

    answers = [client.post(PREDICT, row, **{"x-api-key": one, "x-request-id": "same"}) for one in wrong]

    assert {answer.status_code for answer in answers} == {401}
    assert len({answer.content for answer in answers}) == 1


@pytest.mark.parametrize("path", ["/v1/audit", "//v1/audit", "/v1/audit/", "/v1/%61udit", "/v1/versions/../audit"])
def test_no_spelling_of_a_path_needs_less(client: Any, path: str) -> None:
    key = make_key(client, "reader", ["read", "predict", "ingest"])
    record_act(client.edge.folder.state, "a secret act", "", actor="t", status=200, now=NOW)

    assert "a secret act" not in client.get(path, **with_key(key)).text
    assert "a secret act" not in client.get(path).text


def test_the_ledger_jobs_and_labels_say_which_key_did_it(client: Any, row: dict[str, Any]) -> None:
    ops, shop = make_key(client, "ops", ["operate"]), make_key(client, "shop", ["predict", "ingest"])
    answer = client.post(PREDICT, row, **with_key(shop)).json()
    client.edge.log.flush()

    sent = {"prediction_id": answer["prediction_id"], "label": 1}
    assert client.post("/v1/feedback", sent, **with_key(shop)).status_code == 200
    assert client.post(PROMOTE, {"version": 2}, **with_key(ops)).status_code == 200
    rollback = "/v1/versions/helios/anomaly/rollback"
    assert client.post(rollback, {"reason": "worse"}, **with_key(ops)).status_code == 200
    assert client.post("/v1/jobs", {"app": "helios", "task": "anomaly"}, **with_key(ops)).status_code == 202

    moves = client.get("/v1/versions/helios/anomaly/history").json()
    assert {move["actor"] for move in moves if move["action"] == "rollback"} == {f"key ops ({ops.key.id})"}
    assert moves[-1]["action"] == "rollback"
    assert [job["actor"] for job in client.get("/v1/jobs").json()] == [f"key ops ({ops.key.id})"]
    labels = client.edge.folder.events.fetch("SELECT actor FROM feedback")
    assert labels == [(f"key shop ({shop.key.id})",)]


def test_operations_are_in_the_audit_with_their_outcome_and_strangers_are_not(client: Any, row: dict[str, Any]) -> None:
    ops, shop = make_key(client, "ops", ["operate"]), make_key(client, "shop", ["predict"])
    key = with_key(ops)
    client.post(PROMOTE, {"version": 2}, **key, **{"x-request-id": "one"})
    client.post(PROMOTE, {"version": 9}, **key)
    client.post(PROMOTE, b"{", **key)
    client.post("/v1/jobs", b" " * 2_000_000, **key)
    client.post("/nowhere", {}, **key)
    client.post(PROMOTE, {"version": 1}, **with_key(shop))
    client.post(PROMOTE, {"version": 1})
    client.post(PREDICT, row, **with_key(shop))
    client.get("/v1/versions", **key)

    acts = client.get("/v1/audit", **key).json()
    assert [(act["action"], act["subject"], act["status"]) for act in acts] == [
        ("POST /nowhere", "", 404),
        ("POST /v1/jobs", "", 413),
        (f"POST {PROMOTE}", "helios/anomaly", 400),
        (f"POST {PROMOTE}", "helios/anomaly", 404),
        (f"POST {PROMOTE}", "helios/anomaly", 200),
    ]
    assert {act["actor"] for act in acts} == {f"key ops ({ops.key.id})"}
    assert acts[-1]["request_id"] == "one"
    assert [act["action"] for act in client.get("/v1/audit?limit=2", **key).json()] == [
        "POST /nowhere",
        "POST /v1/jobs",
    ]


def test_strangers_leave_a_few_log_lines_a_second_and_their_number(
    client: Any, row: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    make_key(client, "shop", ["predict"])
    now = [1_000.0]
    monkeypatch.setattr(guard, "monotonic", lambda: now[0])
    with capture_logs() as lines:
        for _ in range(100):
            client.post(PREDICT, row, **{"x-api-key": "guess", "x-request-id": "mine"})
        now[0] += 1
        client.post(PREDICT, row)

    told = [line for line in lines if line["event"] == "refused"]
    assert len(told) == 21
    assert (told[0]["status"], told[0]["path"], told[0]["request_id"]) == (401, PREDICT, "mine")
    assert [line["n_untold_before"] for line in told] == [0] * 20 + [80]
    assert "guess" not in str(told)


def test_on_an_open_server_the_audit_says_local(client: Any) -> None:
    assert client.post(PROMOTE, {"version": 2}).status_code == 200

    assert [(act["actor"], act["status"]) for act in client.get("/v1/audit").json()] == [("local", 200)]


def test_what_was_done_is_told_although_the_audit_could_not_be_written(
    client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_args: object, **_named: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(audit_trail, "record_act", full)

    assert client.post(PROMOTE, {"version": 2}).status_code == 200


def test_over_its_rate_a_key_is_refused_and_told_when_to_come_back(client: Any, row: dict[str, Any]) -> None:
    slow, quick = make_key(client, "slow", ["predict", "ingest"], rate=0.5), make_key(client, "quick", ["predict"])
    assert client.post(PREDICT, row, **with_key(slow)).status_code == 200

    answer = client.post(PREDICT, row, **with_key(slow))

    assert (answer.status_code, answer.headers["retry-after"]) == (429, "2")
    assert answer.json()["type"] == "urn:telltale:too-many-requests"
    assert answer.json()["where"] == "helios/anomaly"
    # Another path of another subject, another key, and what needs no key are counted apart.
    assert client.post(EVENTS, row, **with_key(slow)).status_code == 200
    assert client.post(PREDICT, row, **with_key(quick)).status_code == 200
    assert {client.get("/readyz").status_code for _ in range(5)} == {200}


def test_the_servers_rate_holds_for_whoever_has_none_and_without_keys_for_all(
    open_client: Callable[..., Any], settings: Any, row: dict[str, Any]
) -> None:
    client = open_client(msgspec.structs.replace(settings, rate_limit=2.0))

    assert [client.post(PREDICT, row).status_code for _ in range(4)] == [200, 200, 429, 429]
    assert {client.get("/health").status_code for _ in range(5)} == {200}


@pytest.mark.parametrize("kind", ["application/x-ndjson", "application/vnd.apache.arrow.stream"])
def test_a_batch_is_slowed_to_the_rate_and_whole(
    open_client: Callable[..., Any], row: dict[str, Any], kind: str
) -> None:
    client = open_client()
    # Time stands still for the tokens: what is owed in the end does not depend on how quick this machine is.
    client.edge.guard._rates = Rates(20, clock=lambda: 0.0)  # noqa: SLF001
    sent = io.BytesIO()
    frame = pl.DataFrame([row] * 40).with_columns(pl.col("timestamp").str.to_datetime(time_zone="UTC"))
    frame.write_ipc_stream(sent) if "arrow" in kind else frame.write_ndjson(sent)
    began = time.monotonic()

    answer = client.post(f"{PREDICT}:batch", sent.getvalue(), **{"content-type": kind})

    # 40 rows and the request itself, less the burst of twenty, at twenty a second; and one more for the next request.
    assert time.monotonic() - began >= 21 / 20
    assert "Wait 1.1 s" in client.post(PREDICT, row).json()["mend"]
    if "arrow" in kind:
        assert pl.read_ipc_stream(answer.content).height == 40
    else:
        assert len(answer.content.splitlines()) == 40


@pytest.mark.parametrize(
    "headers",
    [
        {"host": "evil.example"},
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"sec-fetch-site": "cross-site"},
    ],
)
def test_a_page_of_another_site_cannot_use_an_open_server(
    client: Any, row: dict[str, Any], headers: dict[str, str]
) -> None:
    for method, path, body in (
        ("POST", PREDICT, row),
        ("POST", PROMOTE, {"version": 2}),
        ("GET", "/v1/predictions/helios/anomaly", None),
        ("GET", "/health", None),
    ):
        answer = client.request(method, path, body, **headers)

        assert (answer.status_code, answer.json()["type"]) == (403, "urn:telltale:forbidden")
        assert "telltale keys create" in answer.json()["mend"]
    assert client.get("/v1/audit").json() == []


def test_where_keys_are_asked_for_they_decide(client: Any, row: dict[str, Any]) -> None:
    key = with_key(make_key(client, "shop", ["predict"]))

    assert client.post(PREDICT, row, host="telltale.example", origin="https://shop.example", **key).status_code == 200


def test_plain_text_by_a_simple_tool_is_still_taken(client: Any, row: dict[str, Any]) -> None:
    for kind in ("text/plain", "application/x-www-form-urlencoded"):
        assert client.post(PREDICT, row, **{"content-type": kind}).status_code == 200


@pytest.mark.parametrize("path", ["/docs", "/health", "/v1/versions", "/nowhere", "/metrics"])
def test_what_a_person_may_open_runs_nothing_and_is_kept_nowhere(client: Any, path: str) -> None:
    headers = client.get(path).headers

    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cache-control"] == "no-store"
    assert headers["content-security-policy"].startswith("default-src 'none'; style-src 'unsafe-inline'")
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["x-frame-options"] == "DENY"
    assert headers["server"] == "telltale"
    assert len(headers) == len(headers.multi_items())


def test_the_page_of_the_documentation_has_nothing_that_its_policy_forbids(client: Any) -> None:
    page = client.get("/docs").text

    assert "<style>" in page
    for word in ("<script", "<img", "<link", "<iframe", "<form", "onclick=", "style="):
        assert word not in page


def test_hot_answers_carry_few_headers(client: Any, row: dict[str, Any]) -> None:
    headers = client.post(PREDICT, row).headers

    assert headers["x-content-type-options"] == "nosniff"
    assert set(headers) - {"content-length"} == {"content-type", "server", "x-content-type-options", "x-request-id"}
