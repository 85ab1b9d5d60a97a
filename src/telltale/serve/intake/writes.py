"""What waits for the disk: writes of several requests in one transaction, each known by its sender's key if it has one."""

import re
from collections.abc import Sequence
from hashlib import sha256
from typing import Final, Protocol, final

from sqlalchemy import Connection

from telltale.contract.errors import SchemaError, UsageError
from telltale.monitor.feedback import FeedbackRow, write_feedback
from telltale.serve.intake.answers import Kept, Received, read_received
from telltale.storage.idempotency import Known, RequestKey, find_answer, forget_answers, keep_answer
from telltale.telemetry.event_rows import EventRow, Origin, write_rows
from telltale.telemetry.event_store import write_quarantine
from telltale.telemetry.raw_rows import Quarantined

HEADER: Final = "idempotency-key"
_SCORED_WITHIN_US: Final = 10_000_000  # after so long without its predictions a request has died
_is_key = re.compile(r"[!-~]{1,255}").fullmatch


class Write(Protocol):
    """One request's share of a transaction."""

    key: RequestKey | None
    now_us: int

    @property
    def weight(self) -> int:
        """How many rows it counts for in the queue, at least 1."""
        ...

    def write(self, connection: Connection) -> None:
        """Write it. Called again where the transaction was undone; what it finds out, it finds out anew."""
        ...


def write_all(connection: Connection, queued: list[Write]) -> None:
    """Write what a group of requests brought; fits `GroupCommit`, in whose queue a write stands once per row it counts for."""
    at = n_keyed = 0
    while at < len(queued):
        write = queued[at]
        write.write(connection)
        n_keyed += write.key is not None
        at += write.weight
    if n_keyed:
        forget_answers(connection, n_entered=n_keyed, now_us=queued[0].now_us)


@final
class EventsWrite:
    """The rows of one request, good ones and those set aside.

    Args:
        origin: what the rows have in common.
        rows: to be stored.
        quarantined: to be kept apart.
        ignored: columns that were not used, with why; told in the answer.
        key: what the request is known by, or None.
        is_scored: the answer will have predictions, which are made once the rows are stored.

    Attributes:
        n_new: of the rows, how many were not stored before.
        known: the entry of an earlier request with this key; then nothing was written.
        finishes: the earlier request left without its predictions, and this one makes them.
    """

    __slots__ = ("finishes", "ignored", "is_scored", "key", "known", "n_new", "now_us", "origin", "quarantined", "rows")

    def __init__(
        self,
        origin: Origin,
        rows: list[EventRow],
        quarantined: Sequence[Quarantined],
        ignored: dict[str, str],
        *,
        key: RequestKey | None,
        is_scored: bool,
    ) -> None:
        self.origin = origin
        self.rows = rows
        self.quarantined = quarantined
        self.ignored = ignored
        self.key = key
        self.now_us = origin.received_us
        self.is_scored = is_scored
        self.n_new = 0
        self.known: Known | None = None
        self.finishes = False

    @property
    def weight(self) -> int:
        """Rows set aside count as those that are stored: they are written too."""
        return max(1, len(self.rows) + len(self.quarantined))

    def write(self, connection: Connection) -> None:
        """Store rows, quarantine and key together, or find that a request with this key did."""
        known = None if self.key is None else find_answer(connection, self.key, now_us=self.now_us)
        if known is not None and self.rows and not known.answer and known.digest == _digest(self.key):
            known = None  # nothing could be taken then, and now something can: the event was declared anew
        self.known = known
        self.finishes = False
        if known is not None:
            self._take_over(connection, known)
            return
        if self.quarantined:
            write_quarantine(connection, self.origin, self.quarantined)
        self.n_new = write_rows(connection, self.origin, self.rows)
        if self.key is not None:
            # Of a request from which nothing could be taken, the refusal is made anew each time.
            answer = self.received().encoded() if self.rows else ""
            keep_answer(connection, self.key, answer, now_us=self.now_us)

    @property
    def is_under_way(self) -> bool:
        """Whether the earlier request is still at its predictions."""
        return self.known is not None and self.is_scored and not self.finishes and _lacks_predictions(self.known)

    def _take_over(self, connection: Connection, known: Known) -> None:
        """Be the one that finishes what an earlier request, long since ended, left without predictions."""
        is_left = abs(self.now_us - known.at_us) > _SCORED_WITHIN_US
        if is_left and self.is_scored and known.digest == _digest(self.key) and _lacks_predictions(known):
            assert self.key is not None
            keep_answer(connection, self.key, known.answer, now_us=self.now_us)
            self.finishes = True

    def received(self) -> Received:
        """What became of the rows, once they are written."""
        return Received.of(len(self.rows), self.n_new, self.quarantined, self.ignored)


@final
class FeedbackWrite:
    """The labels of one request, and events that outcomes make. Arguments and attributes as of `EventsWrite`."""

    __slots__ = ("key", "known", "now_us", "outcomes", "rows")

    def __init__(
        self,
        rows: list[FeedbackRow],
        key: RequestKey | None,
        *,
        outcomes: Sequence[tuple[Origin, EventRow]] = (),
        now_us: int,
    ) -> None:
        self.rows = rows
        self.outcomes = outcomes
        self.key = key
        self.now_us = now_us
        self.known: Known | None = None

    @property
    def weight(self) -> int:
        """A row each."""
        return max(1, len(self.rows) + len(self.outcomes))

    @property
    def kept(self) -> Kept:
        """What became of it."""
        return Kept(accepted=len(self.rows) + len(self.outcomes))

    def write(self, connection: Connection) -> None:
        """Store rows and key together, or find that a request with this key did."""
        self.known = None if self.key is None else find_answer(connection, self.key, now_us=self.now_us)
        if self.known is None:
            if self.rows:
                write_feedback(connection, self.rows)
            for origin, row in self.outcomes:
                write_rows(connection, origin, [row])
            if self.key is not None:
                keep_answer(connection, self.key, self.kept.encoded(), now_us=self.now_us)


@final
class AnswerWrite:
    """The whole answer to a request whose rows are stored already, in place of the part of it that was kept with them."""

    __slots__ = ("answer", "key", "now_us")
    weight: Final = 1

    def __init__(self, key: RequestKey, answer: str, *, now_us: int) -> None:
        self.key: RequestKey | None = key
        self.answer = answer
        self.now_us = now_us

    def write(self, connection: Connection) -> None:
        """Enter it."""
        assert self.key is not None
        keep_answer(connection, self.key, self.answer, now_us=self.now_us)


def _digest(key: RequestKey | None) -> str:
    return "" if key is None else key.digest


def _lacks_predictions(known: Known) -> bool:
    return bool(known.answer) and read_received(known.answer).predictions is None


def request_key(given: str | None, *, actor: str, path: str, query: str, body: bytes) -> RequestKey | None:
    """What a request is known by; None where its sender gave no key."""
    if given is None:
        return None
    digest = sha256(f"{path}?{query}\n".encode())
    digest.update(body)
    return RequestKey(actor=actor, key=given, digest=digest.hexdigest())


def check_key(given: str | None) -> str | None:
    """The key as it was given, if it can be one.

    Raises:
        UsageError: it is empty, too long, or has other than visible ASCII characters.

    >>> check_key("order-17"), check_key(None)
    ('order-17', None)
    """
    if given is not None and not _is_key(given):
        raise UsageError(
            f"the key is {given[:40]!r}" if given else "the key is empty",
            where="Idempotency-Key",
            mend="Give 1 to 255 visible ASCII characters, other ones for each request; or leave the header out.",
        )
    return given


def check_same(known: Known, key: RequestKey | None) -> None:
    """Refuse a key that an earlier request of the sender had. Raises KeyReusedError."""
    if key is not None and known.digest != key.digest:
        raise KeyReusedError(
            f"the key {key.key!r} was given to another request in the last 24 hours",
            where="Idempotency-Key",
            mend="Give every request a key of its own; send a key again only with the same path and body.",
        )


class KeyReusedError(SchemaError):
    """A key that belongs to another request."""

    title = "The key belongs to another request"
