"""What stands in for `/predict` where a test makes it fail: a loopback server that counts what it was asked."""

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Scorer:
    """Answers with a score made from the features, unless told otherwise."""

    url: str = ""
    asked: list[dict[str, Any]] = field(default_factory=list)
    keys: list[str | None] = field(default_factory=list)
    refusals: list[tuple[int, str]] = field(default_factory=list)  # what the next ones are answered, first to last
    extra: dict[str, object] = field(default_factory=dict)

    def score(self, features: dict[str, int]) -> int:
        return hashlib.sha256(json.dumps(features, sort_keys=True).encode()).digest()[0] % 101


@contextmanager
def running_scorer() -> Iterator[Scorer]:
    scorer = Scorer()

    class Answer(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            scorer.asked.append(body)
            scorer.keys.append(self.headers["X-API-Key"])
            status, said = (
                200,
                json.dumps({"did": body["did"], "personhood_score": scorer.score(body["features"]), **scorer.extra}),
            )
            if scorer.refusals:
                status, said = scorer.refusals.pop(0)
            self.send_response(status)
            self.send_header("Content-Length", str(len(said)))
            self.end_headers()
            self.wfile.write(said.encode())

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    scorer.url = f"http://127.0.0.1:{server.server_port}/predict"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield scorer
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
