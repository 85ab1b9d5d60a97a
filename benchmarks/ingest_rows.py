"""The rows of the ingest benchmark: a service's metrics, each of an identity of its own, made anew from their number."""

from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec

from telltale.storage.instants import to_us
from telltale.telemetry.event_rows import EventRow

PATH: Final = "/v1/helios/events/metrics"
ROWS_A_REQUEST: Final = 500
_N_SERVICES: Final = 20
_START: Final = datetime(2024, 1, 1, tzinfo=UTC)
_encode = msgspec.json.Encoder().encode


def row(number: int) -> dict[str, Any]:
    """A row as a client sends it: one of some services, each a row a second."""
    at = _START + timedelta(seconds=number // _N_SERVICES)
    return {
        "timestamp": at.isoformat().replace("+00:00", "Z"),
        "service": f"service-{number % _N_SERVICES:02d}",
        "event_count": 900 + number % 211,
        "error_rate": number % 97 / 10_000,
        "p50_latency_ms": 40 + number % 83 / 16,
        "p95_latency_ms": 90 + number % 89 / 8,
        "p99_latency_ms": 120 + number % 101 / 4,
    }


def body(first: int, *, as_list: bool) -> bytes:
    """The rows of a request, as a list or one object a line."""
    rows = [row(number) for number in range(first, first + ROWS_A_REQUEST)]
    return _encode(rows) if as_list else b"\n".join(map(_encode, rows))


def stored_row(number: int) -> EventRow:
    """The same row as it is stored."""
    sent = row(number)
    at, entity = sent.pop("timestamp"), sent.pop("service")
    values = _encode({name: float(value) for name, value in sent.items()}).decode()
    return entity, to_us(datetime.fromisoformat(at)), "", values, None
