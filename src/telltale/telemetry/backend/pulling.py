"""One pull: ask a source for its rows, check them, and keep them for when it cannot be asked."""

import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import msgspec
import structlog

from telltale.contract.errors import SchemaError, TelltaleError, UnavailableError
from telltale.contract.schema import EventSchema
from telltale.telemetry.backend.circuit import Circuit, after_failure, change_circuit, circuit_path, enter_circuit
from telltale.telemetry.backend.kept import (
    FOLDER,
    Facts,
    keep_rows,
    read_facts,
    read_kept,
    source_folder,
    write_facts,
)
from telltale.telemetry.frames import TIME, empty_frame
from telltale.telemetry.mapped_rows import map_rows
from telltale.telemetry.mapping import SourceMapping
from telltale.telemetry.paging import Pages, read_pages
from telltale.telemetry.prometheus import is_prometheus
from telltale.telemetry.prometheus_rows import read_prometheus
from telltale.telemetry.remote import Fetched, fetch_url, told_address
from telltale.telemetry.retries import ONCE, Patience, ask_again
from telltale.telemetry.validate import Checked, check_rows

TIMEOUT_S: Final = 30.0  # of one page

_logger = structlog.get_logger("telltale.telemetry.backend")


@dataclass(frozen=True, kw_only=True)
class Source:
    """Where rows of an event are asked for.

    Args:
        app: whose event.
        schema: of the event.
        url: asked by GET; or the address of a Prometheus with what it is asked.
        key_of: the key that an address is told, or "": a page may lie where no key must be told. Of a Prometheus, what
            stands in `Authorization`.
        since: the query parameter that takes a time, where the server can answer with newer rows alone; "" for none. A
            Prometheus can always.
        mapping: how its columns become the event's.
    """

    app: str
    schema: EventSchema
    url: str
    key_of: Callable[[str], str]
    since: str = ""
    mapping: SourceMapping | None = None

    @property
    def address(self) -> str:
        """The address as it is told: without its query."""
        return told_address(self.url)


@dataclass(frozen=True, kw_only=True)
class Pulled:
    """What came of a pull.

    Args:
        checked: the rows.
        taken_at: when they came; of a stale answer some time ago.
        is_stale: the source could not be asked, and these are the rows of its last good answer.
        fault: why, where it could not be asked.
        n_pages: of the answer.
        since: rows from this time on were asked for; None where all were.
    """

    checked: Checked
    taken_at: datetime
    is_stale: bool = False
    fault: str = ""
    n_pages: int = 0
    since: datetime | None = None


def pull(
    home: Path, source: Source, *, now: datetime, patience: Patience, rng: random.Random, at_once: bool = False
) -> Pulled:
    """Ask a source, and keep its answer. Nothing is stored as events here.

    With `since`, rows from the latest time that ever came are asked for, less the event's lateness: what comes twice is
    stored once.

    Args:
        home: the folder; what is kept lies below `sources`.
        source: what to ask.
        now: aware.
        patience: how often and how late a page is asked for again.
        rng: for the pauses.
        at_once: ask also while the circuit breaker leaves the server alone, once.

    Raises:
        UnavailableError: no good answer came, or the circuit is open. `last_good` has what came before.
        SchemaError: the answer does not fit the event, or none of its rows does.
        TelltaleError: as `telltale.telemetry.remote.fetch_url` and `read_pages`.
    """
    folder = source_folder(home, source.app, source.schema.name, source.url)
    facts = read_facts(folder) or Facts(app=source.app, event=source.schema.name, address=source.address)
    asks_newer = bool(source.since) or is_prometheus(source.url)
    since = facts.newest_at - timedelta(seconds=source.schema.lateness_s) if asks_newer and facts.newest_at else None
    try:
        pages = _ask(home, source, since=since, now=now, patience=patience, rng=rng, at_once=at_once)
        checked = _checked(source, pages)
    except TelltaleError as error:
        failing_since = facts.failing_since or now
        write_facts(folder, msgspec.structs.replace(facts, failing_since=failing_since, fault=error.what))
        _logger.warning("pull_failed", of=f"{source.app}/{source.schema.name}", where=error.where, what=error.what)
        raise
    newest = checked.frame[TIME].max()
    newest_at = min(newest, now) if isinstance(newest, datetime) else None  # a clock that is ahead must hide nothing
    known = [one for one in (facts.newest_at, newest_at) if one is not None]
    n_rows = facts.n_rows
    if checked.frame.height:  # no row at all says little about those that came before
        n_rows = keep_rows(folder, source.schema, checked.frame, adds=since is not None)
    write_facts(
        folder,
        msgspec.structs.replace(
            facts, taken_at=now, newest_at=max(known, default=None), n_rows=n_rows, failing_since=None, fault=""
        ),
    )
    return Pulled(checked=checked, taken_at=now, n_pages=pages.n_pages, since=since)


def last_good(home: Path, source: Source, *, fault: str) -> Pulled | None:
    """The last good answer of a source, marked stale; None where there never was one, or it is not kept any more."""
    folder = source_folder(home, source.app, source.schema.name, source.url)
    facts = read_facts(folder)
    kept = read_kept(folder, source.schema)
    if facts is None or facts.taken_at is None or kept is None:
        return None
    return Pulled(checked=kept, taken_at=facts.taken_at, is_stale=True, fault=fault)


def _ask(
    home: Path,
    source: Source,
    *,
    since: datetime | None,
    now: datetime,
    patience: Patience,
    rng: random.Random,
    at_once: bool,
) -> Pages:
    """All pages, each asked for again while that may help and the circuit is closed."""
    circuit = circuit_path(home / FOLDER, source.url)
    state = "half-open" if at_once else enter_circuit(circuit, now=now, where=source.address)
    begun = patience if state == "closed" else ONCE

    def failed(error: UnavailableError, attempt: int) -> None:
        _logger.warning("read_failed", where=error.where, attempt=attempt, what=error.what)

        def fail(before: Circuit) -> Circuit:
            return after_failure(before, fault=error.what, now=now, wait_s=_longer(error.retry_after_s, patience))

        before = change_circuit(circuit, fail)
        if before.open_until is None and fail(before).open_until is not None:
            raise error  # it has just been opened: no more is asked

    key_header = "Authorization" if is_prometheus(source.url) else "X-API-Key"

    def fetch(url: str) -> Fetched:
        found = ask_again(
            lambda: fetch_url(url, api_key=source.key_of(url), key_header=key_header, timeout_s=TIMEOUT_S),
            begun,
            rng=rng,
            failed=failed,
        )
        change_circuit(circuit, lambda _: Circuit())
        return found

    if is_prometheus(source.url):
        return read_prometheus(source.url, fetch, schema=source.schema, since=since, now=now)
    return read_pages(_with_since(source, since), fetch)


def _longer(wait_s: float | None, patience: Patience) -> float | None:
    """A wait that nobody of us will wait out now: the circuit is open for so long."""
    return wait_s if wait_s is not None and wait_s > patience.most_wait_s else None


def _with_since(source: Source, since: datetime | None) -> str:
    if since is None:
        return source.url
    parts = urlsplit(source.url)
    query = [(name, value) for name, value in parse_qsl(parts.query, keep_blank_values=True) if name != source.since]
    told = f"{since:%Y-%m-%dT%H:%M:%S.%fZ}"
    return urlunsplit(parts._replace(query=urlencode([*query, (source.since, told)])))


def _checked(source: Source, pages: Pages) -> Checked:
    """The rows against the event's schema. Raises SchemaError, also where not a single row fits."""
    raw = pages.rows
    n_read = raw.frame.height + len(raw.unreadable)
    if not n_read:  # nothing new, or nothing at all: there are no columns to be missed
        columns = tuple(column.name for column in source.schema.columns)
        return Checked(
            frame=empty_frame(columns, schema=source.schema), columns=columns, quarantined=(), ignored={}, n_read=0
        )
    mapped = raw if source.mapping is None else map_rows(raw, source.mapping)
    checked = check_rows(source.schema, mapped, require_time=True)
    if checked.frame.is_empty() and checked.quarantined:
        raise SchemaError(
            f"none of its {n_read:,} rows fits the event, the first since it {checked.quarantined[0].reason}",
            where=raw.source,
            mend="Mend the source, or say with --map how its columns become the event's.",
        )
    return checked
