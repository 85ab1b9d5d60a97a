"""One line of an access log: Common or Combined format, or a JSON object as nginx, Caddy and others write."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, Final

import msgspec

_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_QUOTED: Final = r'"((?:[^"\\]|\\.)*)"'
# Client, identity, user, time, request, status, bytes; referrer and user agent; how long it took, as `$request_time`.
_COMMON: Final = re.compile(
    rf"(\S+) \S+ \S+ \[([^\]]+)\] {_QUOTED} (\d{{3}}) (?:\d+|-)(?: {_QUOTED} {_QUOTED})?(?: (\d+\.\d+))?"
)
_STAMP: Final = re.compile(r"(\d{1,2})/(\w{3})/(\d{4}):(\d\d):(\d\d):(\d\d)(?: ([+-])(\d\d)(\d\d))?")
# Names that a field has in JSON logs, the first that is there counts; a dot leads into an object.
_TIME: Final = ("time_iso8601", "msec", "timestamp", "@timestamp", "ts", "time", "time_local", "date")
_CLIENT: Final = ("remote_addr", "client_ip", "remote_ip", "request.client_ip", "request.remote_ip", "client", "ip")
_METHOD: Final = ("request_method", "method", "request.method", "verb")
_TARGET: Final = ("request_uri", "uri", "request.uri", "url", "path")
_QUERY: Final = ("args", "query_string", "query")
_STATUS: Final = ("status", "status_code", "response.status", "code")
_SECONDS: Final = ("request_time", "duration", "response_time", "elapsed", "upstream_response_time")
_SIZE: Final = ("request_length", "bytes_read", "request_size")
_BODY: Final = ("request_body", "body")
_HIGHEST_STATUS: Final = 999
_MILLISECONDS: Final = 1e11  # an epoch time above this is none in seconds


def read_line(line: str) -> Mapping[str, Any] | None:
    """`time`, `client`, `method`, `target`, `status`, and where it says so `seconds`, `size`, `body`; None if it is no request.

    >>> read_line('10.0.0.1 - - [17/May/2015:10:05:03 +0000] "GET /a?b=1 HTTP/1.1" 200 5')["target"]
    '/a?b=1'
    >>> read_line('{"ts": 1.5, "request": {"remote_ip": "::1", "method": "GET", "uri": "/"}, "status": 404}')["client"]
    '::1'
    """
    return _json(line) if line.startswith("{") else _common(line)


def _common(line: str) -> Mapping[str, Any] | None:
    found = _COMMON.match(line)
    if found is None:
        return None
    client, stamp, request, status, _referrer, _agent, seconds = found.groups()
    time = _clock(stamp)
    if time is None:
        return None
    entry: dict[str, Any] = {"time": time, "client": client, "status": int(status), **_request(_unquoted(request))}
    if seconds is not None:
        entry["seconds"] = float(seconds)
    return entry


def _request(line: str) -> dict[str, str]:
    """Method and target of a request line. What is no HTTP at all, as scanners send it, is a target without a method."""
    parts = line.split(" ")
    if len(parts) >= 2 and parts[0].isalpha():
        target = " ".join(parts[1:-1]) if len(parts) > 2 and parts[-1].startswith("HTTP/") else " ".join(parts[1:])
        return {"method": parts[0].upper(), "target": target}
    return {"method": "", "target": line}


def _unquoted(text: str) -> str:
    return re.sub(r'\\(["\\])', r"\1", text)


def _clock(stamp: str) -> datetime | None:
    """The time in brackets; by itself, since month names of the C library go by where the process runs."""
    found = _STAMP.match(stamp)
    if found is None or found[2] not in _MONTHS:
        return None
    day, month, year, hour, minute, second, sign, zone_h, zone_min = found.groups()
    offset = timedelta(hours=int(zone_h or 0), minutes=int(zone_min or 0)) * (-1 if sign == "-" else 1)
    try:
        parts = (int(year), _MONTHS.index(month) + 1, int(day), int(hour), int(minute), int(second))
        return datetime(*parts, tzinfo=timezone(offset))
    except ValueError:
        return None


def _json(line: str) -> Mapping[str, Any] | None:
    try:
        fields = msgspec.json.decode(line)
    except (msgspec.DecodeError, RecursionError):
        return None
    if not isinstance(fields, dict):
        return None
    time, client, status = _instant(_first(fields, _TIME)), _first(fields, _CLIENT), _number(_first(fields, _STATUS))
    method, target = _first(fields, _METHOD), _first(fields, _TARGET)
    request = fields.get("request")
    if not isinstance(target, str) and isinstance(request, str):  # nginx's `$request`
        method, target = _request(request).values()
    if time is None or not isinstance(client, str) or not isinstance(target, str) or status is None:
        return None
    if not 0 <= status <= _HIGHEST_STATUS:
        return None
    query = _first(fields, _QUERY)
    if isinstance(query, str) and query and "?" not in target:
        target = f"{target}?{query}"
    entry: dict[str, Any] = {
        "time": time,
        "client": client,
        "method": method.upper() if isinstance(method, str) else "",
        "target": target,
        "status": int(status),
    }
    for name, names in (("seconds", _SECONDS), ("size", _SIZE)):
        number = _number(_first(fields, names))
        if number is not None and number >= 0:
            entry[name] = number
    body = _first(fields, _BODY)
    if isinstance(body, str) and body not in {"", "-"}:
        entry["body"] = body
    return entry


def _first(fields: Mapping[str, Any], names: tuple[str, ...]) -> Any:
    for name in names:
        found: Any = fields
        for part in name.split("."):
            found = found.get(part) if isinstance(found, dict) else None
        if found is not None:
            return found
    return None


def _number(value: Any) -> float | None:
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return number if abs(number) < 1e15 else None  # NaN is not below, either


def _instant(value: Any) -> datetime | None:
    try:
        if isinstance(value, str) and not value.replace(".", "", 1).isdigit():
            found = _clock(value) or datetime.fromisoformat(value)
            return found if found.tzinfo is not None else found.replace(tzinfo=UTC)
        seconds = _number(value)
        if seconds is None:
            return None
        return datetime.fromtimestamp(seconds / 1e3 if seconds > _MILLISECONDS else seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return None
