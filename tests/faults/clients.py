"""Clients that keep what was acknowledged and send again what was not."""

import http.client
import json
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

from tests.faults.homes import EVENTS, FEEDBACK, PREDICT, ROW

_DOCUMENTS = {"application/json", "application/problem+json"}
_FIRST_S = 1_704_067_200  # 2024-01-01, UTC


@dataclass(frozen=True)
class Answer:
    """What a server said; status 0 where it said nothing. A body that is no document is its one value "text"."""

    status: int
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)


class Connection:
    """One kept-alive connection that is opened again after it broke."""

    def __init__(self, url: str, *, timeout_s: float = 15.0) -> None:
        parts = urlsplit(url)
        assert parts.hostname is not None
        self._inner = http.client.HTTPConnection(parts.hostname, parts.port, timeout=timeout_s)

    def ask(self, method: str, path: str, body: object = None, **headers: str) -> Answer:
        """The answer; status 0 where the connection broke or nobody listens. Bytes are sent as they are."""
        sent = body if isinstance(body, bytes) or body is None else json.dumps(body)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        try:
            self._inner.request(method, path, sent, {"content-type": "application/json"} | named)
            answer = self._inner.getresponse()
            content = answer.read()
        except (OSError, http.client.HTTPException):
            self._inner.close()
            return Answer(0)
        told = {name.lower(): value for name, value in answer.getheaders()}
        is_json = told.get("content-type", "") in _DOCUMENTS
        return Answer(answer.status, json.loads(content) if is_json else {"text": content.decode()}, told)

    def post(self, path: str, body: object, **headers: str) -> Answer:
        return self.ask("POST", path, body, **headers)

    def get(self, path: str) -> Answer:
        return self.ask("GET", path)

    def close(self) -> None:
        self._inner.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def ask(url: str, method: str, path: str, body: object = None) -> Answer:
    """The answer, over a connection of its own."""
    with Connection(url) as connection:
        return connection.ask(method, path, body)


@dataclass
class Seen:
    """What one sender saw; its own, so that no lock is needed. Times are monotonic seconds."""

    acknowledged: list[str] = field(default_factory=list)  # what was sent and answered 2xx, by name
    predicted: dict[str, float] = field(default_factory=dict)  # when each prediction id was answered
    answers: list[Answer] = field(default_factory=list)  # of predictions
    refusals: dict[int, int] = field(default_factory=dict)  # other statuses than 2xx, counted
    n_again: int = 0  # requests sent again


Sender = Callable[[Connection, Seen, int, threading.Event], None]


def send_events(*, keyed: bool, name: str = "") -> Sender:
    """Events of an entity of the sender's own, one a request, each until it is acknowledged."""

    def run(connection: Connection, seen: Seen, number: int, stop: threading.Event) -> None:
        entity = f"{name}{'keyed' if keyed else 'plain'}-{number}"
        count = 0
        while not stop.is_set():
            at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(_FIRST_S + count))
            body = ROW | {"service": entity, "timestamp": at}
            headers = {"idempotency_key": f"{entity}-{count}"} if keyed else {}
            if _until_acknowledged(connection, EVENTS, body, headers, seen, stop):
                seen.acknowledged.append(f"{entity} {_FIRST_S + count}")
            count += 1

    return run


def send_feedback(*, name: str = "") -> Sender:
    """Labels of spans, each with a name and a key of its own, until it is acknowledged."""

    def run(connection: Connection, seen: Seen, number: int, stop: threading.Event) -> None:
        count = 0
        while not stop.is_set():
            entity = f"{name}label-{number}-{count}"
            span = {"from": "2024-01-01T00:00:00Z", "to": "2024-01-02T00:00:00Z"}
            body = {"app": "helios", "task": "anomaly", "entity": entity, "label": count % 2, **span}
            if _until_acknowledged(connection, FEEDBACK, body, {"idempotency_key": entity}, seen, stop):
                seen.acknowledged.append(entity)
            count += 1

    return run


def send_predictions(connection: Connection, seen: Seen, number: int, stop: threading.Event) -> None:
    """The same row again and again; not sent again where it failed."""
    while not stop.is_set():
        answer = connection.post(PREDICT, ROW | {"service": f"asked-{number}"})
        if answer.status == 200:
            seen.predicted[answer.body["prediction_id"]] = time.monotonic()
            seen.answers.append(answer)
        else:
            _refused(answer, seen, stop)


@contextmanager
def load(url: str, senders: Sequence[Sender]) -> Iterator[list[Seen]]:
    """Each sender in a thread with a connection of its own until the block ends; those that retry may go on a little."""
    stop = threading.Event()
    seen = [Seen() for _ in senders]

    def run(number: int, sender: Sender) -> None:
        with Connection(url) as connection:
            sender(connection, seen[number], number, stop)

    threads = [threading.Thread(target=run, args=pair, name="sender") for pair in enumerate(senders)]
    for thread in threads:
        thread.start()
    try:
        yield seen
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def await_ready(url: str, *, within_s: float = 20.0) -> float:
    """Seconds until /readyz says 200."""
    began = time.monotonic()
    with Connection(url, timeout_s=2.0) as connection:
        while time.monotonic() - began < within_s:
            if connection.get("/readyz").status == 200:
                return time.monotonic() - began
            time.sleep(0.01)
    raise TimeoutError(f"{url} was not ready within {within_s:g} s")


def children(pid: int) -> list[int]:
    """The processes that one started: a server's workers."""
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def _until_acknowledged(  # noqa: PLR0917 - called in two places, below the loops that name each
    connection: Connection, path: str, body: object, headers: dict[str, str], seen: Seen, stop: threading.Event
) -> bool:
    """Whether it was acknowledged; not where the load ended before."""
    while not stop.is_set():
        answer = connection.post(path, body, **headers)
        if 200 <= answer.status < 300:
            return True
        seen.n_again += 1
        _refused(answer, seen, stop)
    return False


def _refused(answer: Answer, seen: Seen, stop: threading.Event) -> None:
    seen.refusals[answer.status] = seen.refusals.get(answer.status, 0) + 1
    stop.wait(0.02)
