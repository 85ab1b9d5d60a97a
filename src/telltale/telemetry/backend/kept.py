"""What is kept of a source between pulls: its last good answer, when that was, and how far it reached.

Only rows that passed the event's check are kept, in the event's columns, so that nothing lies here that the store would
refuse. The file is plain NDJSON: `telltale forget` finds a name in it.
"""

import hashlib
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import msgspec
import polars as pl

from telltale.contract.errors import TelltaleError
from telltale.contract.schema import EventSchema
from telltale.storage.whole_files import write_whole
from telltale.telemetry.export import event_columns, write_frame
from telltale.telemetry.files import read_rows
from telltale.telemetry.frames import ENTITY, KEY, TIME
from telltale.telemetry.validate import Checked, check_rows

FOLDER: Final = "sources"
MOST_ROWS: Final = 500_000  # the newest; older ones are in the store
_FACTS: Final = "facts.json"
_ROWS: Final = "rows.ndjson"


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a source of an event.

    Args:
        app, event: whose rows it has.
        address: without its query.
        taken_at: when the last good answer came; None before the first.
        newest_at: the latest event time that ever came; the next pull may ask for rows from there on.
        n_rows: kept.
        failing_since: when pulls began to fail; None where the last one was good.
        fault: why the last one failed.
    """

    app: str
    event: str
    address: str
    taken_at: datetime | None = None
    newest_at: datetime | None = None
    n_rows: int = 0
    failing_since: datetime | None = None
    fault: str = ""


def source_folder(home: Path, app: str, event: str, url: str) -> Path:
    """Where a source's facts and rows lie; another address, or another query, is another source."""
    return home / FOLDER / f"{app}-{event}-{hashlib.sha256(url.encode()).hexdigest()[:12]}"


def read_facts(folder: Path) -> Facts | None:
    """The facts of a source; None where there are none, or they cannot be read."""
    try:
        return msgspec.json.decode((folder / _FACTS).read_bytes(), type=Facts)
    except (OSError, msgspec.DecodeError):
        return None


def all_facts(home: Path) -> Iterator[Facts]:
    """The facts of every source of a home."""
    for path in sorted((home / FOLDER).glob(f"*/{_FACTS}")):
        facts = read_facts(path.parent)
        if facts is not None:
            yield facts


def write_facts(folder: Path, facts: Facts) -> None:
    """Put facts in the place of those before, whole or not at all."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    write_whole(folder / _FACTS, msgspec.json.encode(facts))


def keep_rows(folder: Path, schema: EventSchema, frame: pl.DataFrame, *, adds: bool) -> int:
    """Keep the rows of a good answer, the newest `MOST_ROWS`; how many are kept.

    Args:
        folder: of the source.
        schema: of its event.
        frame: a checked frame.
        adds: they come beside those kept before (an answer of new rows alone), and not in their place.
    """
    before = read_kept(folder, schema) if adds else None
    if before is not None and not before.frame.is_empty():
        known = [ENTITY, TIME, *([KEY] if schema.key else [])]
        frame = pl.concat([before.frame, frame], how="diagonal_relaxed").unique(known, keep="last", maintain_order=True)
    if frame.height > MOST_ROWS:
        frame = frame.sort(TIME).tail(MOST_ROWS)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    write_frame(event_columns(frame.sort(ENTITY, TIME, maintain_order=True), schema), folder / _ROWS)
    return frame.height


def read_kept(folder: Path, schema: EventSchema) -> Checked | None:
    """The rows of the last good answer, checked again; None where there are none, or they cannot be read any more."""
    if not (folder / _ROWS).is_file():
        return None
    try:
        return check_rows(schema, read_rows(folder / _ROWS), require_time=True)
    except TelltaleError:  # damaged, or of a schema of before
        return None


def forget_kept(home: Path, entity: str, *, app: str | None = None) -> int:
    """Remove the kept rows of sources that name an entity; how many files. What is lost is a copy, made anew by the next pull."""
    needle, n_removed = msgspec.json.encode(entity), 0
    for path in sorted((home / FOLDER).glob(f"*/{_ROWS}")):
        facts = read_facts(path.parent)
        if (app is None or facts is None or facts.app == app) and needle in path.read_bytes():
            path.unlink()
            n_removed += 1
    return n_removed


def drop_old(home: Path, *, before: datetime) -> int:
    """Remove kept rows whose answer came before a moment: retention holds for copies too."""
    n_removed = 0
    for path in sorted((home / FOLDER).glob(f"*/{_ROWS}")):
        facts = read_facts(path.parent)
        if facts is None or facts.taken_at is None or facts.taken_at < before:
            path.unlink(missing_ok=True)
            n_removed += 1
    return n_removed


def told_age(since: datetime, now: datetime) -> str:
    """How old something is, for people.

    >>> from datetime import UTC
    >>> told_age(datetime(2025, 1, 1, tzinfo=UTC), datetime(2025, 1, 1, 3, 20, tzinfo=UTC))
    '3.3 hours old'
    """
    return f"{told_span(since, now)} old"


def told_span(since: datetime, now: datetime) -> str:
    """How long ago something was, for people: "3.3 hours"."""
    age = max(now - since, timedelta(0))
    for unit, name in ((timedelta(days=1), "days"), (timedelta(hours=1), "hours"), (timedelta(minutes=1), "minutes")):
        if age >= 2 * unit:
            return f"{age / unit:.1f} {name}"
    return f"{age.total_seconds():.0f} s"
