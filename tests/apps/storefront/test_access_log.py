"""Access logs as rows: formats of servers as they write them, hostile lines, and what is counted of a client."""

import gzip
import json
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from telltale.apps.storefront.access_log import collect_access_log
from telltale.apps.storefront.log_lines import read_line
from telltale.apps.storefront.schema import REQUEST
from telltale.contract.errors import NotFoundError, SchemaError
from telltale.telemetry.frames import LINE
from telltale.telemetry.raw_rows import RawRows
from telltale.telemetry.validate import check_rows

STAMP = "17/May/2015:10:05:03 +0200"
AT = datetime(2015, 5, 17, 8, 5, 3, tzinfo=UTC)
COMMON = f'203.0.113.9 - frank [{STAMP}] "GET /shop/item?id=7&x=%27 HTTP/1.0" 200 2326'
NGINX = {
    "time_iso8601": "2015-05-17T10:05:03+02:00",
    "remote_addr": "203.0.113.9",
    "request": "POST /login HTTP/1.1",
    "status": "401",
    "request_time": "0.250",
    "request_length": "431",
    "request_body": "user=anna",
}
CADDY = {
    "ts": AT.timestamp(),
    "request": {"remote_ip": "203.0.113.9", "method": "GET", "uri": "/a?b=1", "headers": {"User-Agent": ["x"]}},
    "duration": 0.125,
    "status": 404,
}


def rows_of(path: Path, *lines: str, n_rows: int | None = None) -> tuple[list[dict[str, object]], list[str]]:
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    told: list[str] = []
    return [dict(row) for row in collect_access_log(str(path), n_rows, tell=told.append)], told


@pytest.mark.parametrize("tail", ["", ' "http://a.example/" "Mozilla/5.0 (\\"quoted\\")"', ' "-" "-" 0.125'])
def test_common_and_combined_lines_are_rows(tmp_path: Path, tail: str) -> None:
    (row,), told = rows_of(tmp_path / "log", COMMON + tail)

    assert row["timestamp"] == "2015-05-17T08:05:03.000000+00:00"
    assert (row["client"], row["method"], row["path"], row["query"]) == (
        "203.0.113.9",
        "GET",
        "/shop/item",
        "id=7&x=%27",
    )
    assert (row["status"], row["error_count"]) == (200, 0.0)
    assert row["response_time"] == (0.125 if tail.endswith("0.125") else 0.0)
    assert told == []


def test_json_lines_of_nginx_and_caddy_are_rows(tmp_path: Path) -> None:
    (one, other), _ = rows_of(tmp_path / "log", json.dumps(NGINX), json.dumps(CADDY))

    assert (one["method"], one["path"], one["body"], one["response_time"]) == ("POST", "/login", "user=anna", 0.25)
    assert (one["request_size"], one["error_count"], one["status"]) == (431.0, 1.0, 401)
    assert (other["path"], other["query"], other["response_time"], other["error_count"]) == ("/a", "b=1", 0.125, 2.0)


def test_failures_of_a_client_are_those_of_its_last_minute(tmp_path: Path) -> None:
    def line(client: str, second: int, status: int) -> str:
        return f'{client} - - [17/May/2015:10:0{5 + second // 60}:{second % 60:02d} +0000] "GET / HTTP/1.1" {status} 5'

    seen = [("a", 0, 500), ("a", 10, 404), ("b", 20, 500), ("a", 30, 200), ("a", 61, 404), ("a", 75, 200)]
    rows, _ = rows_of(tmp_path / "log", *(line(*one) for one in seen))

    assert [row["error_count"] for row in rows] == [1.0, 2.0, 1.0, 2.0, 2.0, 1.0]


def test_requests_of_a_client_in_one_second_are_told_apart_and_pass_the_schema(tmp_path: Path) -> None:
    rows, _ = rows_of(tmp_path / "log", COMMON, COMMON, COMMON.replace("203", "204"), COMMON)

    frame = pl.DataFrame(rows).with_columns(pl.int_range(1, pl.len() + 1).alias(LINE))
    checked = check_rows(REQUEST, RawRows(frame=frame, source="log"), require_time=True)

    assert checked.quarantined == ()
    assert checked.frame.height == 4


def test_a_gzipped_log_is_read_as_it_is(tmp_path: Path) -> None:
    packed = tmp_path / "access.log.1.gz"
    packed.write_bytes(gzip.compress(COMMON.encode() + b"\n" + b'\xff\xfe [x] "\n'))
    told: list[str] = []

    rows = list(collect_access_log(str(packed), None, tell=told.append))

    assert len(rows) == 1
    assert "1 of 2 lines" in told[0]


def test_lines_that_are_no_request_are_counted_and_told(tmp_path: Path) -> None:
    rows, told = rows_of(tmp_path / "log", "starting up", COMMON, "", '{"msg": "ready"}', COMMON)

    assert len(rows) == 2
    assert told == ["2 of 5 lines are no request and were passed over, the first of them line 1: 'starting up\\n'"]


def test_so_many_rows_are_enough(tmp_path: Path) -> None:
    assert len(rows_of(tmp_path / "log", COMMON, COMMON, COMMON, n_rows=2)[0]) == 2


def test_a_file_of_something_else_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SchemaError, match="Give a log in Common or Combined format"):
        rows_of(tmp_path / "log", *["a,b,c"] * 1_500)


def test_no_file_is_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="Name an access log"):
        collect_access_log(str(tmp_path / "none"), None)


@given(st.one_of(st.text(max_size=80), st.text(alphabet='{}[]":,\\ /1a', max_size=80)))
def test_no_line_is_fatal(line: str) -> None:
    for text in (line, f"{COMMON[:30]}{line}", f'{{"status": {line}}}', f'{{"ts": "{line}"}}'):
        found = read_line(text)
        assert found is None or found["time"].tzinfo is not None


@pytest.mark.parametrize(
    "fields",
    [
        {"status": "many"},
        {"status": 10**30},
        {"ts": 1e300},
        {"ts": "99/Foo/2015:10:05:03"},
        {"request": None},
        {"ts": True},
    ],
)
def test_a_json_line_that_says_too_little_is_no_request(fields: dict[str, object]) -> None:
    found = read_line(json.dumps({**CADDY, **fields}))

    assert found is None or fields == {"ts": True}
