"""Rows of `storefront/request` from a web server's access log: Common, Combined or JSON lines, gzipped or not.

Where a log does not say how long an answer took, `response_time` is 0 in every row: a model trained on such a log has seen
no other, and is to be asked with such rows alone. What a server logs as bytes is the answer's; `request_size` is the
request's where a JSON log has it, else the length of the request line.
"""

import gzip
import io
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO, Any, Final

from telltale.apps.storefront.log_lines import read_line
from telltale.contract.errors import NotFoundError, SchemaError
from telltale.contract.estimator import Tell, silent

_GZIP: Final = b"\x1f\x8b"
_WINDOW: Final = timedelta(seconds=60)
_FAILED: Final = 400
# A line longer than this is no request that a server took.
_MOST_CHARS: Final = 65_536
_SHOWN: Final = 120
# Of a log of which so many of the first lines are none that is known, the rest is not tried.
_TRIED: Final = 1_000


def collect_access_log(path: str, n_rows: int | None, *, tell: Tell = silent) -> Iterator[Mapping[str, object]]:
    """Rows of a log, in its order. Lines that cannot be read are passed over, counted, and told in the end.

    Args:
        path: of the file.
        n_rows: how many rows at most, or None for all.
        tell: where lines for people go.

    Raises:
        NotFoundError: there is no such file.
        SchemaError: none of its first thousand lines can be read.
    """
    file = Path(path)
    if not file.is_file():
        raise NotFoundError("there is no such file", where=path, mend="Name an access log.")
    return _rows(file, n_rows, tell)


def rows_of_entries(entries: Iterable[Mapping[str, Any]]) -> Iterator[dict[str, object]]:
    """Rows of what lines say (`telltale.apps.storefront.log_lines`), with the failures of the client in the minute before.

    Servers tell time to the second: of requests of a client within one, each comes a millisecond after the one before.
    """
    failed: dict[str, deque[datetime]] = {}
    latest: dict[str, datetime] = {}
    logged: dict[str, datetime] = {}
    for entry in entries:
        client, time = str(entry["client"]), entry["time"].astimezone(UTC)
        at = latest[client] + timedelta(milliseconds=1) if logged.get(client) == time else time
        logged[client], latest[client] = time, at
        own = failed.setdefault(client, deque())
        while own and own[0] <= at - _WINDOW:
            own.popleft()
        if entry["status"] >= _FAILED:
            own.append(at)
        path, _, query = str(entry["target"]).partition("?")
        line = f"{entry['method']} {entry['target']} HTTP/1.1"
        yield {
            "timestamp": at.isoformat(timespec="microseconds"),
            "client": client,
            "response_time": float(entry.get("seconds") or 0.0),
            "request_size": float(entry.get("size") or len(line)),
            "error_count": float(len(own)),
            "method": entry["method"],
            "path": path,
            "status": int(entry["status"]),
            "query": query or None,
            "body": entry.get("body"),
        }


def _rows(file: Path, n_rows: int | None, tell: Tell) -> Iterator[Mapping[str, object]]:
    entries = _Entries(file)
    for place, row in enumerate(rows_of_entries(entries)):
        if place == n_rows:
            break
        yield row
    if entries.n_unreadable:
        tell(
            f"{entries.n_unreadable:,} of {entries.n_lines:,} lines are no request and were passed over, "
            f"the first of them line {entries.first_unreadable}: {entries.example}"
        )


class _Entries:
    """What the lines of a log say; how many could not be read is known once they were gone through."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self.n_lines = self.n_unreadable = self.first_unreadable = 0
        self.example = ""

    def __iter__(self) -> Iterator[Mapping[str, Any]]:
        with _open(self._file) as lines:
            while line := lines.readline(_MOST_CHARS):
                self.n_lines += 1
                entry = read_line(line.rstrip("\r\n"))
                if entry is not None:
                    yield entry
                elif line.strip():
                    self._pass_over(line)

    def _pass_over(self, line: str) -> None:
        self.n_unreadable += 1
        if self.n_unreadable == 1:
            self.first_unreadable, self.example = self.n_lines, repr(line[:_SHOWN])
        if self.n_unreadable == self.n_lines == _TRIED:
            raise SchemaError(
                f"none of the first {_TRIED:,} lines is of an access log; the first is {self.example}",
                where=str(self._file),
                mend="Give a log in Common or Combined format, or one JSON object a line.",
            )


@contextmanager
def _open(file: Path) -> Iterator[IO[str]]:
    with file.open("rb") as raw:
        is_packed = raw.read(2) == _GZIP
        raw.seek(0)
        # Attackers send bytes that are no text: what was logged of them is kept as marks.
        with io.TextIOWrapper(
            gzip.GzipFile(fileobj=raw) if is_packed else raw, encoding="utf-8", errors="replace"
        ) as lines:
            yield lines
