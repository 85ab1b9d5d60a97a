"""A shop's backend as a real HTTP server, whose answers a test scripts: pages, faults, and faults that pass."""

import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

START = datetime(2025, 3, 3, tzinfo=UTC)


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A request as it came."""

    path: str
    query: Mapping[str, str]
    key: str | None


@dataclass(frozen=True, kw_only=True)
class Reply:
    """An answer; `cut` bytes of it are missing at its end, and it begins after `wait_s`."""

    body: bytes = b"[]"
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=lambda: {"Content-Type": "application/json"})
    cut: int = 0
    wait_s: float = 0.0


def json_reply(document: object, **headers: str) -> Reply:
    return Reply(body=json.dumps(document).encode(), headers={"Content-Type": "application/json", **headers})


def fault(status: int, **headers: str) -> Reply:
    return Reply(body=b"it is broken", status=status, headers={"Content-Type": "text/plain", **headers})


def interactions(n: int, *, first: int = 0) -> list[dict[str, object]]:
    """Rows of storefront/interaction, a minute apart."""
    return [
        {
            "user_id": f"u{number % 7}",
            "item_id": f"i{number % 13}",
            "timestamp": (START + timedelta(minutes=number)).isoformat(),
            "kind": "view",
        }
        for number in range(first, first + n)
    ]


class Backend:
    """Answers as its script says; `asked` is what came."""

    def __init__(self, answer: Callable[[Asked], Reply]) -> None:
        self.answer = answer
        self.asked: list[Asked] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._door())
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def _door(self) -> type[BaseHTTPRequestHandler]:
        backend = self

        class Door(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                parts = urlsplit(self.path)
                query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
                asked = Asked(path=parts.path, query=query, key=self.headers.get("X-API-Key"))
                backend.asked.append(asked)
                reply = backend.answer(asked)
                time.sleep(reply.wait_s)
                self.send_response(reply.status)
                for name, value in reply.headers.items():
                    self.send_header(name.replace("_", "-"), value)
                self.send_header("Content-Length", str(len(reply.body)))
                self.end_headers()
                self.wfile.write(reply.body[: len(reply.body) - reply.cut])

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name in the standard library
                pass

        return Door


@contextmanager
def backend_of(answer: Callable[[Asked], Reply]) -> Iterator[Backend]:
    backend = Backend(answer)
    try:
        yield backend
    finally:
        backend.close()


def in_turn(replies: Sequence[Reply]) -> Callable[[Asked], Reply]:
    """Answers one after the other, and the last for ever."""
    left = list(replies)
    return lambda _: left.pop(0) if len(left) > 1 else left[0]
