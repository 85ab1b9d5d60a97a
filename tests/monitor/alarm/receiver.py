"""A server on loopback that takes POSTs, for messages to go to: it can refuse some first."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Receiver:
    """What came, and what is answered: each of `refusals` once, then 200.

    `came` holds path, headers and body of every request, those refused included.
    """

    refusals: list[int] = field(default_factory=list)
    came: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)
    url: str = ""

    @property
    def bodies(self) -> list[bytes]:
        return [body for _, _, body in self.came]


@contextmanager
def receiving(*, refusals: tuple[int, ...] = (), location: str = "") -> Iterator[Receiver]:
    """A receiver at `url`."""
    receiver = Receiver(refusals=list(refusals))

    class Requests(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            receiver.came.append((self.path, dict(self.headers), body))
            self.send_response(receiver.refusals.pop(0) if receiver.refusals else 200)
            if location:
                self.send_header("Location", location)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the parameter's name
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Requests)
    receiver.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
