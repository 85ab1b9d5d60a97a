"""Rows from an address: the key goes to the backend it is for, and a backend that is down is asked again."""

import time
from typing import Final
from urllib.parse import SplitResult, urlsplit

import structlog

from telltale.contract.errors import UnavailableError
from telltale.telemetry.raw_rows import RawRows
from telltale.telemetry.remote import read_url

_ATTEMPTS: Final = 3
_PORTS: Final = {"http": 80, "https": 443}

_logger = structlog.get_logger("telltale.home.backend")


def is_address(source: str) -> bool:
    """Whether it is an address to read from, and no file.

    >>> is_address("https://shop/orders"), is_address("orders.csv")
    (True, False)
    """
    return source.startswith(("http://", "https://"))


def key_for(url: str, *, api_url: str, api_key: str) -> str:
    """The key where `url` lies under `api_url`, else "": a key is told to nobody but the one it is for.

    >>> key_for("http://api:8080/v2/orders", api_url="http://api:8080/v2/", api_key="k")
    'k'
    >>> key_for("http://api:8080.elsewhere.net/orders", api_url="http://api:8080", api_key="k")
    ''
    """
    if not api_url or not api_key:
        return ""
    try:
        asked, known = urlsplit(url), urlsplit(api_url)
        is_theirs = _origin(asked) == _origin(known)
    except ValueError:  # a port that is no number; reading the address says so
        return ""
    parts, under = asked.path.split("/"), known.path.rstrip("/").split("/")
    return api_key if is_theirs and ".." not in parts and parts[: len(under)] == under else ""


def read_address(url: str, *, api_key: str = "", pause_s: float = 1.0) -> RawRows:
    """The rows that an address answers with; asked again, a little later each time, where there was no good answer.

    Raises:
        UnavailableError: there was none in three attempts; what is stored already can still be trained on.
        UsageError, UnauthorizedError, NotFoundError, TooLargeError, SchemaError: as `telltale.telemetry.remote`.
    """
    for attempt in range(1, _ATTEMPTS):
        try:
            return read_url(url, api_key=api_key)
        except UnavailableError as error:
            _logger.warning("read_failed", where=error.where, attempt=attempt, what=error.what)
            time.sleep(pause_s * attempt)
    return read_url(url, api_key=api_key)


def _origin(parts: SplitResult) -> tuple[str, str | None, int | None]:
    return parts.scheme, parts.hostname, parts.port or _PORTS.get(parts.scheme)
