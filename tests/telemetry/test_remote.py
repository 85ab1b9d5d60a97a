"""Rows over HTTP, from a real server."""

import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import polars as pl
import pytest

from telltale.contract.errors import NotFoundError, TelltaleError, TooLargeError, UnavailableError, UsageError
from telltale.telemetry.files import read_rows
from telltale.telemetry.frames import LINE
from telltale.telemetry.remote import read_url

ROWS = [{"timestamp": 1, "load": 0.5}, {"timestamp": 2, "load": 0.75}]
CSV = b"timestamp,load\n1,0.5\n2,0.75\n"
NDJSON = b'{"timestamp": 1, "load": 0.5}\n{"timestamp": 2, "load": 0.75}\n'
JSON = b'[{"timestamp": 1, "load": 0.5},\n {"timestamp": 2, "load": 0.75}]'


class _Source(BaseHTTPRequestHandler):
    answers: dict[str, tuple[int, dict[str, str], bytes]]

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        if path == "/keyed" and self.headers.get("X-API-Key") != "secret":
            self.send_error(401)
        elif path == "/slow":
            self._drip()
        elif path in self.answers:
            status, headers, body = self.answers[path]
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)
        else:
            self.send_error(404)

    def _drip(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/csv")
        self.end_headers()
        for _ in range(40):
            try:
                self.wfile.write(b"a" * 10)
                self.wfile.flush()
            except OSError:
                return
            time.sleep(0.05)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name in the standard library
        pass


_Source.answers = {
    "/list": (200, {"Content-Type": "application/json; charset=utf-8"}, JSON),
    "/lines": (200, {"Content-Type": "application/x-ndjson"}, NDJSON),
    "/table": (200, {"Content-Type": "text/csv"}, CSV),
    "/rows.csv": (200, {"Content-Type": "text/plain"}, CSV),
    "/rows.jsonl": (200, {}, NDJSON),
    "/rows": (200, {}, CSV),
    "/page": (200, {"Content-Type": "text/html"}, b"<html>"),
    "/keyed": (200, {"Content-Type": "text/csv"}, CSV),
    "/moved": (302, {"Location": "http://elsewhere.example/"}, b""),
    "/short": (200, {"Content-Type": "text/csv", "Content-Length": "999"}, CSV),
    "/broken": (500, {}, b"a stack trace"),
}


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Source)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize("path", ["/list", "/lines", "/table", "/rows.csv", "/rows.jsonl"])
def test_rows_come_as_from_a_file_of_that_format(address: str, path: str, tmp_path: Path) -> None:
    raw = read_url(f"{address}{path}?since=1&key=secret")

    assert raw.frame.drop(LINE).cast(pl.Float64, strict=False).to_dicts() == ROWS
    assert raw.source == f"{address}{path}"
    file = tmp_path / ("rows.csv" if raw.is_text else "rows.ndjson")
    file.write_bytes(CSV if raw.is_text else NDJSON)
    assert raw.frame.equals(read_rows(file).frame)


def test_key_is_sent_where_given(address: str) -> None:
    assert len(read_url(f"{address}/keyed", api_key="secret").frame) == 2
    with pytest.raises(TelltaleError, match=r"/keyed: it answered 401 Unauthorized\. Give a key") as raised:
        read_url(f"{address}/keyed")
    assert raised.value.status == 401


@pytest.mark.parametrize(
    ("path", "error", "message"),
    [
        ("/none", NotFoundError, r"/none: it answered 404 Not Found\. Check the path"),
        ("/broken", UnavailableError, r"it answered 500 Internal Server Error\. Try again"),
        ("/moved", UsageError, r"answered 302 Found, which leads to http://elsewhere\.example/\. Give that address"),
        ("/short", UnavailableError, r"broke off after 28 of 999 bytes\. Try again"),
        ("/page", UsageError, r"content type: 'text/html' is not known\. Known: application/json"),
        ("/rows", UsageError, r"content type: 'no content type' is not known"),
    ],
)
def test_answer_that_is_no_rows_is_told(address: str, path: str, error: type[TelltaleError], message: str) -> None:
    with pytest.raises(error, match=message):
        read_url(f"{address}{path}")


def test_answer_beyond_the_limit_is_refused(address: str) -> None:
    assert len(read_url(f"{address}/table", most_bytes=len(CSV)).frame) == 2
    with pytest.raises(TooLargeError, match=r"longer than 27 bytes\. Ask for fewer"):
        read_url(f"{address}/table", most_bytes=len(CSV) - 1)


def test_answer_that_drips_is_given_up_in_time(address: str) -> None:
    began = time.monotonic()
    with pytest.raises(UnavailableError, match=r"no whole answer within 0\.2 s\. Allow more time"):
        read_url(f"{address}/slow", timeout_s=0.2)

    assert time.monotonic() - began < 1.0


def test_host_that_does_not_answer_is_told() -> None:
    with pytest.raises(
        UnavailableError, match=r"no whole answer \(.*refused.*\)\. Check the address and that it is up"
    ):
        read_url("http://127.0.0.1:9/rows.csv")


@pytest.mark.parametrize(
    "url",
    ["ftp://a/b", "file:///etc/passwd", "a.csv", "http://", "http://me:key@host/a", "http://a/b c", "http://[::1", "http://a:x/",
     "http://a/\n", "http://ä/"],
)  # fmt: skip
def test_what_is_no_address_is_refused_before_anything_is_asked(url: str) -> None:
    with pytest.raises(UsageError, match=r"not an address to read from\. Give http://HOST/PATH"):
        read_url(url)


def test_key_that_no_header_can_carry_is_refused(address: str) -> None:
    with pytest.raises(UsageError, match="signs that no header can carry"):
        read_url(f"{address}/keyed", api_key="a\r\nX-Other: b")
