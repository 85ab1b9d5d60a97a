"""An answer in several pages, read to its end: by `Link: rel="next"`, or by what a JSON answer says is next."""

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode, urljoin, urlsplit, urlunsplit

import msgspec
import polars as pl

from telltale.contract.errors import TooLargeError, UnavailableError, UsageError
from telltale.telemetry.files import parse_rows, rows_from_objects
from telltale.telemetry.frames import LINE
from telltale.telemetry.raw_rows import Quarantined, RawRows, narrow_series
from telltale.telemetry.remote import MOST_BYTES, Fetched, checked_address

MOST_PAGES: Final = 1_000
ROWS_KEYS: Final = ("items", "data", "results", "rows")
NEXT_KEYS: Final = ("next", "next_url", "next_page", "next_cursor", "cursor")
_NESTED: Final = ("links", "_links", "paging", "pagination", "meta")
_PORTS: Final = {"http": 80, "https": 443}


@dataclass(frozen=True, kw_only=True)
class Pages:
    """All rows of an answer, as if they had come at once; lines count on from page to page."""

    rows: RawRows
    n_pages: int


def read_pages(
    url: str, fetch: Callable[[str], Fetched], *, most_pages: int = MOST_PAGES, most_bytes: int = MOST_BYTES
) -> Pages:
    """Read an address, and what it says comes next, to the end.

    An answer is a list of rows (JSON, NDJSON, CSV, Parquet), or a JSON object with the rows under one of `ROWS_KEYS`. The next
    page is where a `Link` header with `rel="next"` leads, else what the object has under one of `NEXT_KEYS`, beside the rows
    or in `links`, `paging` or `meta`: an address, absolute or relative, or else a cursor, which is asked for by the query
    parameter `cursor` (`page` where the object calls it `next_page`). No next page, null or "" ends it.

    Args:
        url: of the first page.
        fetch: asks for one page.
        most_pages: in all.
        most_bytes: of all pages together.

    Raises:
        UnavailableError: a page is no JSON where it says that it is, or leads back to one before.
        UsageError: a page leads to another server.
        TooLargeError: there are more pages or bytes than that.
        TelltaleError: as `fetch` does.
    """
    pages: list[RawRows] = []
    asked, seen, n_bytes = {url}, set[bytes](), 0
    following = url
    while following:
        fetched = fetch(following)
        n_bytes += len(fetched.data)
        if n_bytes > most_bytes or len(pages) == most_pages:
            raise TooLargeError(
                f"there are more than {most_pages:,} pages or {most_bytes:,} bytes",
                where=fetched.where,
                mend="Ask for fewer rows at once, as by a time in the query, or read them from a file.",
            )
        rows, stated, parameter = _page(fetched)
        digest = hashlib.sha256(fetched.data).digest()
        pages.append(rows)
        if not stated:
            break
        following = _next_address(following, stated, parameter)
        _check_origin(url, following, where=f"{fetched.where}: page {len(pages) + 1}")
        if following in asked or (digest in seen and rows.frame.height):
            raise UnavailableError(
                f"page {len(pages)} leads back to a page before it",
                where=fetched.where,
                mend="The paging of that server never ends; look at what it answers.",
            )
        asked.add(following)
        seen.add(digest)
    return Pages(rows=join_rows(pages), n_pages=len(pages))


def join_rows(pages: Sequence[RawRows]) -> RawRows:
    """Rows of several reads as those of one. Raises UsageError where they are of different formats."""
    first = pages[0]
    if len(pages) == 1:
        return first
    if len({page.is_text for page in pages}) > 1:
        raise UsageError("pages are of different formats", where=first.source, mend="Give all in one format.")
    names = list(dict.fromkeys(chain.from_iterable(page.columns for page in pages)))
    lines: list[int] = []
    unreadable: list[Quarantined] = []
    before = 0
    for page in pages:
        own = page.frame[LINE].to_list()
        lines += [before + line for line in own]
        unreadable += [msgspec.structs.replace(row, line=before + row.line) for row in page.unreadable]
        before += max([0, *own, *(row.line for row in page.unreadable)])
    frame = pl.DataFrame([*(_joined(name, pages) for name in names), pl.Series(LINE, lines, dtype=pl.Int64)])
    dropped = {name: why for page in pages for name, why in page.dropped.items()}
    return RawRows(
        frame=frame, source=first.source, unreadable=tuple(unreadable), is_text=first.is_text, dropped=dropped
    )


def _joined(name: str, pages: Sequence[RawRows]) -> pl.Series:
    parts = [page.frame[name] if name in page.frame.columns else None for page in pages]
    there = [part for part in parts if part is not None]
    dtypes = {part.dtype for part in there}
    if len(there) == len(parts) and len(dtypes) == 1 and pl.Object() not in dtypes:
        return pl.concat(there)
    values: list[object] = []
    for part, page in zip(parts, pages, strict=True):
        values += [None] * page.frame.height if part is None else part.to_list()
    return narrow_series(name, values)


def _page(fetched: Fetched) -> tuple[RawRows, str, str]:
    """The rows of a page, and what is next: an address or a cursor, and the query parameter of that."""
    found = _envelope(fetched.data) if fetched.kind == "ndjson" else None
    if found is not None:
        listed, stated, parameter = found
        return rows_from_objects(listed, source=fetched.where), fetched.next_link or stated, parameter
    try:
        rows = parse_rows(fetched.data, fetched.kind, source=fetched.where)
    except UsageError as error:  # cut off, or something else than it says that it is
        raise _no_rows(error.what, fetched.where) from error
    if fetched.kind == "ndjson" and rows.unreadable and rows.frame.is_empty():
        raise _no_rows(rows.unreadable[0].reason, fetched.where)
    return rows, fetched.next_link, "cursor"


def _envelope(data: bytes) -> tuple[list[object], str, str] | None:
    """Rows, next and its parameter of a JSON object around rows; None where it is none: a row, or several."""
    if data.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] != b"{":
        return None
    document: object
    try:
        document = msgspec.json.decode(data)
    except (msgspec.DecodeError, RecursionError):
        try:
            document = json.loads(data)  # reads what Python's own encoder writes for NaN
        except (ValueError, RecursionError):
            return None
    if not isinstance(document, dict):
        return None
    for key in ROWS_KEYS:
        rows = document.get(key)
        # A list of anything else may be a column of a single row.
        if isinstance(rows, list) and (not rows or isinstance(rows[0], dict)):
            return rows, *_stated_next(document)
    return None


def _stated_next(document: dict[str, Any]) -> tuple[str, str]:
    for holder in (document, *(document[key] for key in _NESTED if isinstance(document.get(key), dict))):
        for key in NEXT_KEYS:
            value = holder.get(key)
            if isinstance(value, dict):
                value = value.get("href")
            if isinstance(value, int) and not isinstance(value, bool):
                value = str(value)
            if isinstance(value, str) and value:
                return value, "page" if key == "next_page" else "cursor"
    return "", "cursor"


def _next_address(url: str, stated: str, parameter: str) -> str:
    if stated.startswith(("/", "./", "../")) or "://" in stated or "?" in stated:
        return urljoin(url, stated)
    parts = urlsplit(url)
    query = [(name, value) for name, value in parse_qsl(parts.query, keep_blank_values=True) if name != parameter]
    return urlunsplit(parts._replace(query=urlencode([*query, (parameter, stated)])))


def _check_origin(url: str, following: str, *, where: str) -> None:
    """Raise UsageError where a page leads to another server: it would be told the key, and asked in our name."""
    there = checked_address(following, where=where, use="read from")
    here = urlsplit(url)
    if origin_of(there) != origin_of(here):
        raise UsageError(
            f"it is on another server, {there.scheme}://{there.netloc}",
            where=where,
            mend="Pages are read from the server of the first one alone; give that address, if it is meant.",
        )


def origin_of(parts: Any) -> tuple[str, str | None, int | None]:
    """Scheme, host and port of an address that was taken apart."""
    return parts.scheme, parts.hostname, parts.port or _PORTS.get(parts.scheme)


def _no_rows(what: str, where: str) -> UnavailableError:
    return UnavailableError(
        f"the answer is not what it says that it is ({what})", where=where, mend="Look at what that address answers."
    )
