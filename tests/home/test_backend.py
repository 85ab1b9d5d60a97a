import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from telltale.cli import main
from telltale.contract.errors import UnavailableError
from telltale.home import Home
from telltale.home.backend import key_for, read_address

ROWS = [{"timestamp": f"2024-01-0{day}T00:00:00Z", "load": day} for day in (1, 2, 3)]


class Backend(ThreadingHTTPServer):
    """Answers rows to whoever has the key, once it has been down `n_down` times."""

    def __init__(self) -> None:
        self.n_down = 0
        self.keys: list[str | None] = []
        super().__init__(("127.0.0.1", 0), _Answer)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Answer(BaseHTTPRequestHandler):
    server: Backend

    def do_GET(self) -> None:
        self.server.keys.append(self.headers.get("X-API-Key"))
        if self.server.n_down:
            self.server.n_down -= 1
            self.send_error(503)
            return
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(json.dumps(ROWS).encode())

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name in the standard library
        pass


@pytest.fixture
def backend() -> Iterator[Backend]:
    with Backend() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(
    ("url", "api_url", "is_told"),
    [
        ("http://api:8080/orders", "http://api:8080", True),
        ("http://api:8080/orders", "http://api:8080/", True),
        ("http://api:8080/v2/orders?page=1", "http://api:8080/v2", True),
        ("http://api/orders", "http://api:80", True),
        ("http://api:8080/orders", "", False),
        ("http://api:8081/orders", "http://api:8080", False),
        ("https://api:8080/orders", "http://api:8080", False),
        ("http://api:8080.elsewhere.net/orders", "http://api:8080", False),
        ("http://api:8080@elsewhere.net/orders", "http://api:8080", False),
        ("http://api:8080/v2more/orders", "http://api:8080/v2", False),
        ("http://api:8080/v2/../admin", "http://api:8080/v2", False),
    ],
)
def test_the_key_is_told_to_nobody_but_the_backend(url: str, api_url: str, *, is_told: bool) -> None:
    assert key_for(url, api_url=api_url, api_key="secret") == ("secret" if is_told else "")


def test_rows_of_an_address_are_stored_as_those_of_a_file(home: Home, backend: Backend) -> None:
    checked, stored = home.ingest("helios/metrics", f"{backend.url}/metrics?token=hidden", api_key="secret")

    assert (checked.n_read, stored.n_stored) == (3, 3)
    assert backend.keys == ["secret"]
    sources = home.folder.events.fetch("SELECT DISTINCT source FROM event")
    assert sources == [(f"{backend.url}/metrics",)]


def test_the_command_sends_the_key_of_the_settings_to_the_backend_of_the_settings(
    backend: Backend, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".env").write_text(f"API_URL={backend.url}\nAPI_KEY=secret\n")

    assert main(["ingest", "helios/metrics", f"{backend.url}/metrics", "--json"]) == 0
    (tmp_path / ".env").write_text("API_URL=http://localhost:8080\nAPI_KEY=secret\n")
    assert main(["ingest", "helios/metrics", f"{backend.url}/metrics", "--json"]) == 0

    first, second = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    assert (first["stored"], second["stored"], second["already_stored"]) == (3, 0, 3)
    assert backend.keys == ["secret", None]


def test_a_backend_that_is_down_for_a_moment_is_asked_again(backend: Backend) -> None:
    backend.n_down = 2

    assert read_address(f"{backend.url}/metrics", pause_s=0.0).frame.height == 3


def test_a_backend_that_stays_down_is_told_after_three_attempts(backend: Backend) -> None:
    backend.n_down = 9

    with pytest.raises(UnavailableError, match="503"):
        read_address(f"{backend.url}/metrics", pause_s=0.0)
    assert len(backend.keys) == 3
