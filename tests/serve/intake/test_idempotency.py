"""A request sent again under its key is answered as it was, and stores nothing twice."""

import asyncio
import json
import subprocess
import sys
import urllib.request
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from telltale.serve.server import start_background
from telltale.serve.settings import ServeSettings
from telltale.storage.database import Database, open_database
from telltale.storage.idempotency import KEPT_US, RequestKey, find_answer, forget_answers, keep_answer

EVENTS = "/v1/helios/events/metrics"
HEADER = {"idempotency-key": "order-17"}
Row = dict[str, Any]


def _rows(row: Row, n: int = 3) -> list[Row]:
    return [row | {"service": f"s{number}"} for number in range(n)]


def _count(client: Any, table: str) -> int:
    return int(client.edge.folder.events.fetch(f"SELECT count(*) FROM {table}")[0][0])  # noqa: S608 - ours


def _age(events: Database, by_us: int) -> None:
    with events.write() as connection:
        connection.exec_driver_sql("UPDATE idempotency SET at_us = at_us - ?", (by_us,))


def test_a_retry_gets_the_same_answer_and_stores_nothing(client: Any, row: Row) -> None:
    body = [*_rows(row), row | {"error_rate": 7}]

    first = client.post(EVENTS, body, **HEADER)
    again = client.post(EVENTS, body, **HEADER)

    assert first.json()["accepted"] == 3
    assert (again.status_code, again.content) == (200, first.content)
    assert (_count(client, "event"), _count(client, "quarantine"), _count(client, "idempotency")) == (3, 1, 1)


def test_a_retry_after_a_restart_gets_the_same_answer(open_client: Callable[..., Any], row: Row) -> None:
    client = open_client()
    first = client.post(EVENTS, _rows(row), **HEADER)
    client.close()

    again = open_client().post(EVENTS, _rows(row), **HEADER)

    assert again.content == first.content
    assert again.json()["accepted"] == 3


def test_rows_refused_altogether_are_kept_apart_once(client: Any, row: Row) -> None:
    bad = row | {"error_rate": 7}

    answers = [client.post(EVENTS, bad, **HEADER) for _ in range(3)]

    assert [answer.status_code for answer in answers] == [422] * 3
    assert len({answer.json()["detail"] for answer in answers}) == 1
    assert _count(client, "quarantine") == 1


@pytest.mark.parametrize("other", ["body", "path", "query"])
def test_a_key_of_another_request_is_refused_and_said_so(client: Any, row: Row, other: str) -> None:
    client.post(EVENTS, _rows(row), **HEADER)
    path = {"path": "/v1/helios/events", "query": f"{EVENTS}?score=true"}.get(other, EVENTS)

    answer = client.post(path, _rows(row, 4 if other == "body" else 3), **HEADER)

    assert answer.status_code == 422
    assert "'order-17' was given to another request" in answer.json()["detail"]
    assert answer.json()["type"] == "urn:telltale:key-reused"
    assert _count(client, "event") == 3


def test_a_refusal_that_stored_nothing_leaves_the_key_free(client: Any, row: Row) -> None:
    assert client.post(EVENTS, b"{", **HEADER).status_code in {400, 422}
    assert client.post(EVENTS, {"timestamp": 1}, **HEADER).status_code == 422

    assert client.post(EVENTS, row, **HEADER).json()["accepted"] == 1


@pytest.mark.parametrize("key", ["", "a b", "x" * 256, "\x7f", "a\tb"])
def test_a_key_that_is_none_is_refused(client: Any, row: Row, key: str) -> None:
    for path, body in ((EVENTS, row), ("/v1/feedback", [])):
        answer = client.request("POST", path, body, **{"idempotency-key": key})

        assert answer.status_code == 400
        assert "1 to 255 visible ASCII characters" in answer.json()["mend"]
    assert client.post(EVENTS, row, **{"idempotency-key": "x" * 255}).status_code == 200


def test_after_a_day_a_key_is_free_again_and_its_entry_goes(client: Any, row: Row) -> None:
    for number in range(4):
        client.post(EVENTS, row, **{"idempotency-key": f"old-{number}"})
    _age(client.edge.folder.events, KEPT_US + 1)

    assert client.post(EVENTS, _rows(row), **{"idempotency-key": "old-3"}).status_code == 200
    assert client.post(EVENTS, _rows(row), **{"idempotency-key": "new"}).status_code == 200
    # Two old ones go with each entry: the table does not grow with what is past its time.
    assert client.edge.folder.events.fetch("SELECT key FROM idempotency ORDER BY key") == [("new",), ("old-3",)]


def test_keys_of_others_are_others(tmp_path: Path) -> None:
    events = open_database(tmp_path / "events.db", schema="events")
    mine, yours = (RequestKey(actor=actor, key="k", digest="d") for actor in ("key a (1)", "key b (2)"))
    with events.write() as connection:
        keep_answer(connection, mine, "{}", now_us=KEPT_US)

        assert find_answer(connection, yours, now_us=KEPT_US) is None
        assert find_answer(connection, mine, now_us=KEPT_US) is not None
        forget_answers(connection, n_entered=1, now_us=2 * KEPT_US - 1)
        assert find_answer(connection, mine, now_us=2 * KEPT_US - 1) is not None
        assert find_answer(connection, mine, now_us=2 * KEPT_US) is None
    events.close()


def test_a_scored_retry_gets_the_same_predictions(client: Any, row: Row) -> None:
    first = client.post(f"{EVENTS}?score=true", _rows(row), **HEADER)
    again = client.post(f"{EVENTS}?score=true", _rows(row), **HEADER)
    client.edge.log.flush()

    assert len(first.json()["predictions"]) == 3
    assert again.content == first.content
    assert _count(client, "prediction") == 3


def test_predictions_that_a_crash_cut_off_are_made_by_a_later_retry(client: Any, row: Row) -> None:
    first = client.post(f"{EVENTS}?score=true", _rows(row), **HEADER).json()
    with client.edge.folder.events.write() as connection:  # as they are while the first request is at its predictions
        cut = {name: value for name, value in first.items() if name != "predictions"}
        connection.exec_driver_sql("UPDATE idempotency SET answer = ?", (json.dumps(cut),))

    soon = client.post(f"{EVENTS}?score=true", _rows(row), **HEADER)
    _age(client.edge.folder.events, 11_000_000)
    later = client.post(f"{EVENTS}?score=true", _rows(row), **HEADER)

    assert soon.status_code == 503
    assert int(soon.headers["retry-after"]) >= 1
    assert later.json()["accepted"] == 3
    assert len(later.json()["predictions"]) == 3
    assert client.post(f"{EVENTS}?score=true", _rows(row), **HEADER).content == later.content
    assert _count(client, "event") == 3


def test_feedback_under_a_key_is_stored_once(client: Any, row: Row) -> None:
    told = client.post("/v1/helios/anomaly/predict", row).json()
    said = [{"prediction_id": told["prediction_id"], "label": 1}] * 2

    first = client.post("/v1/feedback", said, **HEADER)
    again = client.post("/v1/feedback", said, **HEADER)
    other = client.post("/v1/feedback", said[:1], **HEADER)

    assert (first.json(), again.content) == ({"accepted": 2}, first.content)
    assert other.status_code == 422
    assert _count(client, "feedback") == 2


def test_retries_that_run_at_once_store_once(client: Any, row: Row) -> None:
    receive = client.edge.intake.receive
    schema = client.edge.apps["helios"].events[0]
    body = json.dumps([*_rows(row, 40), row | {"error_rate": 7}]).encode()
    key = RequestKey(actor="local", key="k", digest="d")
    now = datetime.now(UTC)

    async def at_once() -> list[Any]:
        return await asyncio.gather(
            *(receive("helios", schema, body, score_with=(), now=now, key=key) for _ in range(20))
        )

    answers = asyncio.run(at_once())

    assert len(set(answers)) == 1
    assert json.loads(answers[0])["accepted"] == 40
    assert (_count(client, "event"), _count(client, "quarantine")) == (40, 1)


RIVAL = """
import asyncio, sys, time
from datetime import UTC, datetime
from telltale.apps.helios import APP
from telltale.serve.intake.intake import Intake
from telltale.storage.database import open_database
from telltale.storage.idempotency import RequestKey

path, body = sys.argv[1], sys.argv[2].encode()
intake = Intake(open_database(path, schema="events"), max_requests=100, max_bytes=1_000_000)
print("ready", flush=True)
sys.stdin.readline()

async def main():
    for number in range(100):
        key = RequestKey(actor="local", key=f"k{number}", digest="d")
        text = body.replace(b"SERVICE", b"s%d" % number)
        told = await intake.receive("helios", APP.events[0], text, score_with=(), now=datetime.now(UTC), key=key)
        print(told.decode(), flush=True)

asyncio.run(main())
intake.close()
"""


@pytest.mark.slow
def test_processes_that_send_the_same_at_once_store_it_once(tmp_path: Path, row: Row) -> None:
    path = tmp_path / "events.db"
    open_database(path, schema="events").close()
    body = json.dumps([row | {"service": "SERVICE"}, row | {"service": "SERVICE", "error_rate": 7}])
    rivals = [
        subprocess.Popen(
            [sys.executable, "-c", RIVAL, str(path), body], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for _ in range(2)
    ]
    for rival in rivals:
        assert rival.stdout is not None
        rival.stdout.readline()
    told = [rival.communicate("go\n", timeout=60)[0].splitlines() for rival in _started(rivals)]

    assert told[0] == told[1]
    assert [json.loads(line)["accepted"] for line in told[0]] == [1] * 100
    events = open_database(path, schema="events")
    assert events.fetch("SELECT count(*) FROM event") == [(100,)]
    assert events.fetch("SELECT count(*) FROM quarantine") == [(100,)]
    events.close()


def _started(rivals: "list[subprocess.Popen[str]]") -> "list[subprocess.Popen[str]]":
    """All of them, told to begin before the first is waited for."""
    for rival in rivals:
        assert rival.stdin is not None
        rival.stdin.write("go\n")
        rival.stdin.flush()
    return rivals


@pytest.mark.slow
@pytest.mark.server
def test_two_workers_answer_retries_alike(tmp_path: Path, row: Row) -> None:
    settings = ServeSettings(home=str(tmp_path / "home"), apps=("telltale.apps.helios:APP",), flush_s=0.05)

    def send(number: int) -> bytes:
        body = json.dumps([row | {"service": f"s{number}"}, row | {"service": f"s{number}", "error_rate": 7}]).encode()
        request = urllib.request.Request(  # noqa: S310 - our own address
            f"{server.url}{EVENTS}",
            data=body,
            headers={"idempotency-key": f"k{number}", "content-type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
            return bytes(answer.read())

    with start_background(settings, workers=2) as server, ThreadPoolExecutor(8) as senders:
        answers = list(senders.map(send, [number % 40 for number in range(160)]))

    events = open_database(tmp_path / "home" / "events.db", schema="events")
    assert [len(set(answers[number::40])) for number in range(40)] == [1] * 40
    assert all(json.loads(answer)["accepted"] == 1 for answer in answers)
    assert events.fetch("SELECT count(*) FROM event") == [(40,)]
    assert events.fetch("SELECT count(*) FROM quarantine") == [(40,)]
    events.close()
