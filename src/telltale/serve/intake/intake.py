"""Events by HTTP: checked, on disk, then acknowledged; scored from the store where the client asks for it."""

import asyncio
from collections.abc import Iterable, Sequence
from datetime import datetime
from time import perf_counter
from typing import Any

import msgspec

from telltale.contract.errors import SchemaError, UsageError
from telltale.contract.schema import EventSchema
from telltale.serve.live.live_task import LiveTask
from telltale.serve.predict.decide import keep_answer
from telltale.storage.database import Database
from telltale.storage.group_commit import GroupCommit
from telltale.storage.instants import from_us
from telltale.telemetry.event_rows import EventRow, event_rows, write_rows
from telltale.telemetry.event_store import EventStore
from telltale.telemetry.files import parse_ndjson
from telltale.telemetry.raw_rows import Quarantined, RawRows, rows_from_objects
from telltale.telemetry.validate import Checked, check_rows

SOURCE = "http"
_TOLD = 3  # reasons told in a refusal; all of them are in the quarantine


class SetAside(msgspec.Struct, frozen=True, kw_only=True):
    """A row that was not taken, and why."""

    line: int
    reason: str


class Received(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What became of the rows of a request, all of it on disk.

    `predictions` has one answer per row taken and task that decides rows of the event, by entity and time.
    """

    accepted: int
    already_stored: int
    quarantined: tuple[SetAside, ...]
    ignored: dict[str, str] = {}
    predictions: tuple[Any, ...] | None = None  # as the tasks' predict paths send them


class Intake:
    """The queue in front of the event table: requests share transactions.

    Args:
        events: the database.
    """

    def __init__(self, events: Database) -> None:
        self._store = EventStore(events)
        self._commits: GroupCommit[EventRow] = GroupCommit(events, write_rows)

    async def receive(
        self, app: str, schema: EventSchema, body: bytes, *, score_with: Iterable[LiveTask], now: datetime
    ) -> Received:
        """Take the rows of a body: one object, a list of objects, or one object a line.

        Returns when the good rows are on disk and the others in quarantine.

        Raises:
            UsageError: the body is empty or not JSON.
            SchemaError: a required column is missing altogether, or no row could be taken.
            UnavailableError: too much waits to be written; nothing of this request was.
        """
        # Off the loop: checking a large body takes as long as thousands of predictions.
        checked, rows = await asyncio.to_thread(self._check, app, schema, body, now)
        if checked.quarantined:
            await asyncio.to_thread(
                self._store.quarantine, app, schema.name, checked.quarantined, source=SOURCE, now=now
            )
            if not rows:
                raise _nothing_taken(checked.quarantined, where=f"{app}/{schema.name}")
        await asyncio.wrap_future(self._commits.submit(rows))
        n_new = sum(row.is_new is True for row in rows)
        tasks = tuple(score_with)
        predictions = await asyncio.to_thread(self._score, rows, tasks) if tasks else None
        return Received(
            accepted=n_new,
            already_stored=len(rows) - n_new,
            quarantined=tuple(SetAside(line=row.line, reason=row.reason) for row in checked.quarantined),
            ignored=dict(checked.ignored),
            predictions=predictions,
        )

    def close(self) -> None:
        """Write what waits, then refuse more."""
        self._commits.close()

    def _check(self, app: str, schema: EventSchema, body: bytes, now: datetime) -> tuple[Checked, list[EventRow]]:
        raw = _raw_rows(body)
        if raw.frame.is_empty():  # to say which columns it lacks would tell nobody what is wrong
            raise _nothing_taken(raw.unreadable, where=f"{app}/{schema.name}")
        checked = check_rows(schema, raw, require_time=True)
        rows = event_rows(app, schema.name, checked.frame, checked.columns, source=SOURCE, now=now)
        return checked, list(rows)

    def _score(self, rows: list[EventRow], tasks: tuple[LiveTask, ...]) -> tuple[msgspec.Struct, ...]:
        return tuple(_score_row(row, live) for live in tasks for row in rows)


def _score_row(row: EventRow, live: LiveTask) -> msgspec.Struct:
    clocks = (row.received_us / 1e6, perf_counter())
    served = live.served
    where = f"{served.app}/{served.task}@{served.version}"
    item = live.windows.until(row.entity, from_us(row.at_us), row.key, where=where)
    answer = live.runtime.answer([item])[0]
    return keep_answer(live, item.rows[-1], item.times[-1], item.entity, answer, clocks)


def _raw_rows(body: bytes) -> RawRows:
    if not body.strip():
        raise UsageError(
            "the body is empty",
            where="request body",
            mend="Send one object, a list of objects, or one object a line.",
        )
    try:
        decoded = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return parse_ndjson(body)
    return rows_from_objects(decoded if isinstance(decoded, list) else [decoded])


def _nothing_taken(refused: Sequence[Quarantined], *, where: str) -> SchemaError:
    told = "; ".join(f"line {row.line}: {row.reason}" for row in refused[:_TOLD]) or "there is none"
    return SchemaError(
        f"no row could be taken ({told})", where=where, mend="Mend the rows and send them again; nothing was stored."
    )
