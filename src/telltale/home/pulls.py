"""Rows of a backend, pulled into the store: fresh ones, or those of the last good answer where it is away, and said so."""

import random
import secrets
from datetime import UTC, datetime, timedelta
from typing import Final

import msgspec

from telltale.contract.errors import NotFoundError, TelltaleError, UnavailableError
from telltale.monitor.alarms import raise_alarm, resolve_alarm
from telltale.storage.folder import Folder
from telltale.telemetry.backend.kept import Facts, read_facts, source_folder, told_age
from telltale.telemetry.backend.pulling import Pulled, Source, last_good, pull
from telltale.telemetry.event_store import EventStore, Stored
from telltale.telemetry.retries import Patience

PATIENCE: Final = Patience()


class Freshness(msgspec.Struct, frozen=True, kw_only=True):
    """How fresh the rows of a source are.

    Args:
        source: its address, without the query.
        is_stale: it could not be asked, and older rows stand in.
        taken_at: when its last good answer came; None where there never was one.
        age_s: of that answer, seconds.
        fault: why it could not be asked.
    """

    source: str
    is_stale: bool
    taken_at: datetime | None = None
    age_s: float | None = None
    fault: str = ""

    def told(self, now: datetime) -> str:
        """For people, in one line; "" where all is fresh."""
        if not self.is_stale:
            return ""
        age = "of no good answer yet" if self.taken_at is None else told_age(self.taken_at, now)
        return f"STALE: {self.source} gave nothing ({self.fault}); its rows are {age}"


def pull_events(
    folder: Folder,
    source: Source,
    *,
    now: datetime,
    patience: Patience | None = None,
    at_once: bool = False,
    allow_stale: bool = True,
) -> tuple[Pulled, Stored, Freshness]:
    """Pull a source and store its rows; where it is away and there was a good answer before, that one's.

    The alarm `source_stale` of the event is raised while a source is away, and ends with its next good answer.

    Args:
        folder: the home.
        source: what to ask.
        now: aware.
        patience: how often and how late it is asked again; None for `PATIENCE`.
        at_once: ask also while the circuit breaker leaves the server alone.
        allow_stale: False to have the fault in place of an older answer.

    Raises:
        UnavailableError: it is away, and there is no older answer, or none is allowed.
        TelltaleError: the answer does not fit, or the address, its key or its paging is wrong: that waits for a person.
    """
    rng = random.Random(secrets.randbits(64))  # noqa: S311 - for pauses: two processes must not share them
    try:
        pulled = pull(folder.path, source, now=now, patience=patience or PATIENCE, rng=rng, at_once=at_once)
    except UnavailableError as error:
        _raise(folder, source, error, now=now)
        older = last_good(folder.path, source, fault=error.what) if allow_stale else None
        if older is None:
            raise
        pulled = older
    except TelltaleError as error:
        _raise(folder, source, error, now=now)
        raise
    else:
        resolve_alarm(folder.state, "source_stale", app=source.app, task=source.schema.name, now=now)
    stored = store_pulled(folder, source, pulled, now=now)
    age_s = (now - pulled.taken_at).total_seconds()
    freshness = Freshness(
        source=source.address, is_stale=pulled.is_stale, taken_at=pulled.taken_at, age_s=age_s, fault=pulled.fault
    )
    return pulled, stored, freshness


def pull_before_training(folder: Folder, source: Source | None, *, now: datetime | None = None) -> Freshness | None:
    """Store what a source has that is new; whatever goes wrong, training goes on with what is stored, and says so.

    None where nobody has said where rows are, or the backend has nothing there and never had.
    """
    if source is None:
        return None
    at = now or datetime.now(UTC)
    try:
        return pull_events(folder, source, now=at)[2]
    except TelltaleError as error:
        facts = _facts(folder, source)
        taken_at = None if facts is None else facts.taken_at
        if taken_at is None and isinstance(error, NotFoundError):
            resolve_alarm(folder.state, "source_stale", app=source.app, task=source.schema.name, now=at)
            return None
        age_s = None if taken_at is None else (at - taken_at).total_seconds()
        return Freshness(source=source.address, is_stale=True, taken_at=taken_at, age_s=age_s, fault=error.what)


def store_pulled(folder: Folder, source: Source, pulled: Pulled, *, now: datetime) -> Stored:
    """Store the rows of an answer, and what was wrong with others; a stale one's were told of when it came."""
    store, event, checked = EventStore(folder.events), source.schema.name, pulled.checked
    stored = store.add(source.app, event, checked.frame, checked.columns, source=source.address, now=now)
    if not pulled.is_stale:
        store.quarantine(source.app, event, checked.quarantined, source=source.address, now=now)
    return stored


def _facts(folder: Folder, source: Source) -> Facts | None:
    return read_facts(source_folder(folder.path, source.app, source.schema.name, source.url))


def _raise(folder: Folder, source: Source, error: TelltaleError, *, now: datetime) -> None:
    facts = _facts(folder, source)
    since = now if facts is None or facts.failing_since is None else facts.failing_since
    if facts is None or facts.taken_at is None:
        age = "Nothing ever came from there."
    else:
        age = f"What is there is {told_age(facts.taken_at, now)}."
    lasts = f", for {(now - since) // timedelta(minutes=1)} minutes" if now - since >= timedelta(minutes=2) else ""
    raise_alarm(
        folder.state,
        "source_stale",
        app=source.app,
        task=source.schema.name,
        what=f"{source.address} gives no rows of {source.app}/{source.schema.name}{lasts}: {error.what}. {age}",
        mend=f"{error.mend} Until then, retraining goes on with older rows.".strip(),
        now=now,
    )
