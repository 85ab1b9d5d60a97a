"""Rows from an address, by one GET."""

import re
import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import Message
from email.utils import parsedate_to_datetime
from http.client import HTTPException
from pathlib import PurePosixPath
from typing import Final, Protocol
from urllib.error import HTTPError, URLError
from urllib.parse import SplitResult, urlsplit
from urllib.request import (
    HTTPDefaultErrorHandler,
    HTTPErrorProcessor,
    HTTPHandler,
    HTTPSHandler,
    OpenerDirector,
    ProxyHandler,
    Request,
)

import msgspec

from telltale.contract.errors import NotFoundError, TooLargeError, UnauthorizedError, UnavailableError, UsageError
from telltale.telemetry.files import FORMATS, FileFormat, parse_rows
from telltale.telemetry.raw_rows import RawRows

MOST_BYTES: Final = 256 * 2**20
CONTENT_TYPES: Final[dict[str, FileFormat]] = {
    "application/json": "ndjson",
    "application/x-ndjson": "ndjson",
    "application/ndjson": "ndjson",
    "application/jsonl": "ndjson",
    "text/csv": "csv",
    "application/vnd.apache.parquet": "parquet",
}
_SAYS_NOTHING: Final = {"text/plain", "application/octet-stream", "binary/octet-stream"}
_LOOPBACK: Final = {"localhost", "127.0.0.1", "::1"}
_PART_BYTES: Final = 2**16
_MOST_WORDS_BYTES: Final = 2**14
_TOO_MANY: Final = 429
_MAY_PASS: Final = {408, 425, _TOO_MANY}  # a client's fault by its number, and none that asking again would repeat
_LINK: Final = re.compile(r"<([^>]*)>([^<]*)")
_IS_NEXT: Final = re.compile(r""";\s*rel\s*=\s*"?[^";]*\bnext\b""", re.IGNORECASE)


class _Refusal(msgspec.Struct, frozen=True):
    error: str = ""
    detail: str = ""


class _Readable(Protocol):
    headers: Message

    def read1(self, n: int, /) -> bytes: ...


@dataclass(frozen=True, kw_only=True)
class Fetched:
    """An answer as it came, whole.

    Args:
        url: that was asked.
        where: the same without the query, which may hold a key: for messages.
        data: the body.
        kind: its format.
        next_link: what a `Link` header with `rel="next"` leads to, as it is written there; "" where there is none.
    """

    url: str
    where: str
    data: bytes
    kind: FileFormat
    next_link: str = ""


def read_url(url: str, *, api_key: str = "", timeout_s: float = 30.0, most_bytes: int = MOST_BYTES) -> RawRows:
    """The rows that an address answers one GET with, as `read_rows` gives those of a file.

    Nothing is tried again and no further pages are asked for: `telltale.telemetry.paging` does that.

    Raises:
        UsageError, UnauthorizedError, NotFoundError, UnavailableError, TooLargeError: as `fetch_url`.
        SchemaError: a CSV header is missing or names a column twice.
    """
    fetched = fetch_url(url, api_key=api_key, timeout_s=timeout_s, most_bytes=most_bytes)
    return parse_rows(fetched.data, fetched.kind, source=fetched.where)


def fetch_url(
    url: str,
    *,
    api_key: str = "",
    key_header: str = "X-API-Key",
    timeout_s: float = 30.0,
    most_bytes: int = MOST_BYTES,
) -> Fetched:
    """The answer to one GET.

    A JSON list of objects, NDJSON, CSV or Parquet, by the answer's content type; where that says nothing, by the path's
    suffix.

    Args:
        url: http or https, without user and password in it.
        api_key: "" to send none.
        key_header: it is sent in.
        timeout_s: for the whole answer.
        most_bytes: a longer answer is refused.

    Raises:
        UsageError: the address is not of http or https, or the answer is of no format that is read.
        UnauthorizedError: the address wants a key, or another one.
        NotFoundError: nothing is there.
        UnavailableError: there was no good answer in time; with `retry_after_s` where the answer says when to ask again.
        TooLargeError: the answer is longer than `most_bytes`.
    """
    parts = checked_address(url, where="address", use="read from")
    where = told_address(url)
    if not (api_key.isascii() and api_key.isprintable()):
        raise UsageError("the key has signs that no header can carry", where=where, mend="Give it as it was created.")
    headers = {"Accept": ", ".join(CONTENT_TYPES), "User-Agent": "telltale"}
    request = Request(url, headers=headers | ({key_header: api_key} if api_key else {}))  # noqa: S310 - checked above
    give_up_at = time.monotonic() + timeout_s
    try:
        with plain_opener(parts.hostname).open(request, timeout=timeout_s) as answer:
            kind = _format_of(answer.headers, parts, where)
            link = _next_link(answer.headers)
            data = _read(answer, where, give_up_at=give_up_at, timeout_s=timeout_s, most_bytes=most_bytes)
    except HTTPError as error:
        with error:
            raise _refused(error, where) from error
    except TimeoutError as error:
        raise _too_slow(where, timeout_s) from error
    except (OSError, HTTPException) as error:
        if isinstance(error, URLError) and isinstance(error.reason, TimeoutError):
            raise _too_slow(where, timeout_s) from error
        reason = error.reason if isinstance(error, URLError) else error
        raise UnavailableError(
            f"there was no whole answer ({reason})", where=where, mend="Check the address and that it is up; try again."
        ) from error
    return Fetched(url=url, where=where, data=data, kind=kind, next_link=link)


def told_address(url: str) -> str:
    """The address without its query, which may hold a key: for messages, and beside stored rows.

    >>> told_address("http://shop:8080/orders?token=secret")
    'http://shop:8080/orders'
    """
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}{parts.path}"


def checked_address(url: str, *, where: str, use: str) -> SplitResult:
    """The parts of an address.

    Args:
        url: http or https, without user and password in it.
        where: what names it.
        use: "read from" or "send to", for the message.

    Raises:
        UsageError: it is none.
    """
    try:
        parts = urlsplit(url)
        is_address = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_address = False
    if not is_address or "@" in parts.netloc or not url.isascii() or not url.isprintable() or " " in url:
        raise UsageError(
            f"that is not an address to {use}",
            where=where,
            mend="Give http://HOST/PATH or https://HOST/PATH in plain signs, and a key apart from it.",
        )
    return parts


def plain_opener(host: str | None) -> OpenerDirector:
    """For a request to `host`: HTTP and HTTPS, no other scheme and no redirects: one would carry keys to another host."""
    opener = OpenerDirector()
    for handler in (HTTPHandler(), HTTPSHandler(), HTTPDefaultErrorHandler(), HTTPErrorProcessor()):
        opener.add_handler(handler)
    if host not in _LOOPBACK:  # a proxy of the environment is for other machines
        opener.add_handler(ProxyHandler())
    return opener


def _read(answer: _Readable, where: str, *, give_up_at: float, timeout_s: float, most_bytes: int) -> bytes:
    parts: list[bytes] = []
    n_read = 0
    while part := answer.read1(_PART_BYTES):
        n_read += len(part)
        if n_read > most_bytes:
            raise TooLargeError(
                f"the answer is longer than {most_bytes:,} bytes",
                where=where,
                mend="Ask for fewer rows at once, or read them from a file.",
            )
        if time.monotonic() > give_up_at:
            raise _too_slow(where, timeout_s)
        parts.append(part)
    stated = answer.headers.get("Content-Length", "")
    if stated.isdecimal() and n_read < int(stated):
        raise UnavailableError(
            f"the answer broke off after {n_read:,} of {int(stated):,} bytes", where=where, mend="Try again."
        )
    return b"".join(parts)


def _format_of(headers: Message, parts: SplitResult, where: str) -> FileFormat:
    stated = headers.get_content_type() if "Content-Type" in headers else ""
    if stated in CONTENT_TYPES:
        return CONTENT_TYPES[stated]
    if stated and stated not in _SAYS_NOTHING:
        raise UsageError.not_one_of(stated, CONTENT_TYPES, where=f"{where}: content type")
    suffix = PurePosixPath(parts.path).suffix.lower()
    if suffix not in FORMATS:
        raise UsageError.not_one_of(stated or "no content type", CONTENT_TYPES, where=f"{where}: content type")
    return FORMATS[suffix]


def _next_link(headers: Message) -> str:
    """The target of the first link that is the next page (RFC 8288)."""
    for header in headers.get_all("Link", []):
        for target, parameters in _LINK.findall(header):
            if _IS_NEXT.search(parameters):
                return str(target)
    return ""


def _retry_after_s(headers: Message) -> float | None:
    """Seconds from now that a `Retry-After` header asks for, as a number or as a date; None where it says nothing."""
    stated = headers.get("Retry-After", "").strip()
    if stated.isdecimal():
        return float(stated)
    with suppress(ValueError, TypeError):
        at = parsedate_to_datetime(stated)
        return max((at.replace(tzinfo=at.tzinfo or UTC) - datetime.now(UTC)).total_seconds(), 0.0)
    return None


def _refused(error: HTTPError, where: str) -> UsageError | UnauthorizedError | NotFoundError | UnavailableError:
    what = f"it answered {error.code} {error.reason}{_own_words(error)}"
    if error.code in {401, 403}:
        return UnauthorizedError(what, where=where, mend="Give a key that may read there.")
    if error.code in {404, 410}:
        return NotFoundError(what, where=where, mend="Check the path.")
    if 300 <= error.code < 400:
        return UsageError(
            f"{what}, which leads to {error.headers.get('Location', 'nowhere')}", where=where, mend="Give that address."
        )
    if 400 <= error.code < 500 and error.code not in _MAY_PASS:
        return UsageError(
            what, where=where, mend="Ask as that address wants to be asked; its own log says what it lacks."
        )
    wait_s = _retry_after_s(error.headers)
    mend = (
        "Try again in a moment; if it lasts, look at what runs there."
        if wait_s is None
        else f"Try again in {wait_s:.0f} s, as it asks."
    )
    return UnavailableError(what, where=where, mend=mend, retry_after_s=wait_s)


def _own_words(error: HTTPError) -> str:
    """What a JSON answer says is wrong, as Prometheus and problem documents (RFC 9457) do."""
    try:
        said = msgspec.json.decode(error.read(_MOST_WORDS_BYTES), type=_Refusal)
    except (OSError, HTTPException, msgspec.DecodeError, UnicodeDecodeError):
        return ""
    words = " ".join((said.error or said.detail).split())
    return f" ({''.join(sign for sign in words if sign.isprintable())[:300]})" if words else ""


def _too_slow(where: str, timeout_s: float) -> UnavailableError:
    return UnavailableError(
        f"there was no whole answer within {timeout_s:g} s",
        where=where,
        mend="Allow more time, or ask for fewer rows at once.",
    )
