"""Events by HTTP: checked, on disk, then acknowledged; scored from the store where the client asks for it."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime
from time import perf_counter
from typing import Final, TypeVar

import msgspec

from telltale.contract.errors import UnavailableError
from telltale.contract.schema import EventSchema
from telltale.monitor.confidences import ConfidenceWrite, write_confidences
from telltale.serve.intake.answers import Received, nothing_taken, read_received
from telltale.serve.intake.bounds import Bench, Door, unavailable
from telltale.serve.intake.writes import AnswerWrite, EventsWrite, Write, check_same, write_all
from telltale.serve.live.live_task import LiveTask
from telltale.serve.predict.decide import decide_window
from telltale.storage.database import Database
from telltale.storage.group_commit import GroupCommit
from telltale.storage.idempotency import RequestKey
from telltale.storage.instants import from_us
from telltale.telemetry.clean_rows import CleanReader
from telltale.telemetry.event_rows import EventRow, Origin, event_rows, origin_of
from telltale.telemetry.request_bodies import read_objects
from telltale.telemetry.validate import check_rows

SOURCE: Final = "http"
# Checked on the event loop, where it takes some tens of microseconds: less than to hand it to a thread and back.
_SMALL_BYTES: Final = 4_096
# Of bodies that are decoded or wait for the disk. Their rows fit the queue of the group commit.
_BENCH_BYTES: Final = 4_000_000
_THREADS: Final = 2  # they hold the interpreter lock for most of their work: more of them would not be quicker
_CONFIDENCE_DELAY_S: Final = 0.0  # to wait for company would cost each client more than it saves
T = TypeVar("T")


class Intake:
    """The way of events and feedback to the disk: bounded, checked, and many requests to a transaction.

    Args:
        events: the database.
        max_requests: requests in work at once.
        max_bytes: of their bodies.
    """

    def __init__(self, events: Database, *, max_requests: int, max_bytes: int) -> None:
        self.door = Door(max_requests=max_requests, max_bytes=max_bytes)
        self._bench = Bench(max_bytes=_BENCH_BYTES)
        self._readers: dict[tuple[str, str], CleanReader] = {}
        self._commits: GroupCommit[Write] = GroupCommit(events, write_all)
        # Each of these has a client waiting for a score: a group is what came while the one before it was written.
        self._confidences: GroupCommit[ConfidenceWrite] = GroupCommit(
            events, write_confidences, max_delay_s=_CONFIDENCE_DELAY_S
        )
        # Not the loop's own threads, whose queue knows no bound: what waits for these was let in at the door.
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="intake")

    async def receive(
        self,
        app: str,
        schema: EventSchema,
        body: bytes,
        *,
        score_with: Iterable[LiveTask],
        now: datetime,
        key: RequestKey | None = None,
    ) -> bytes:
        """Take the rows of a body: one object, a list of objects, or one object a line.

        Returns when the good rows are on disk and the others in quarantine: `Received`, as JSON. A request with a key that
        came before gets the answer of then.

        Raises:
            UsageError: the body is empty or not JSON.
            SchemaError: a required column is missing altogether, or no row could be taken.
            KeyReusedError: the key belongs to another request.
            UnavailableError: too much waits to be written, or the disk takes nothing; nothing of this request was stored.
            TooLargeError: more rows than could ever wait at once.
        """
        taken = await self._bench.take(len(body))
        try:
            tasks = tuple(score_with)
            write = await self._checked(app, schema, body, now, key, is_scored=bool(tasks))
            await self.put(write)
            if write.known is None:
                received = write.received()
            else:
                check_same(write.known, key)
                if write.is_under_way:
                    raise unavailable("the first request with this key is still being answered")
                if write.known.answer and not write.finishes:
                    return write.known.answer.encode()
                received = read_received(write.known.answer) if write.rows else write.received()
            if not write.rows:
                raise nothing_taken(write.quarantined, where=f"{app}/{schema.name}")
            if tasks:
                received = await self._scored(write, received, tasks)
            return received.encoded().encode()
        finally:
            self._bench.give_back(taken)

    async def put(self, write: Write) -> None:
        """Have it written; returns when it is on disk. Raises what went wrong; then nothing of it was."""
        try:
            await asyncio.wrap_future(self._commits.submit([write] * write.weight))
        except UnavailableError as error:
            raise _tried_again(error) from error

    def keep_confidences(self, writes: Sequence[ConfidenceWrite]) -> "Future[None]":
        """Have answers written, all or none; the future says when they are on disk. Raises UnavailableError."""
        try:
            return self._confidences.submit(writes)
        except UnavailableError as error:
            raise _tried_again(error) from error

    async def in_thread(self, work: Callable[[], T]) -> T:
        """Do it beside the event loop. Raises UnavailableError while closing."""
        try:
            future = asyncio.get_running_loop().run_in_executor(self._threads, work)
        except RuntimeError as error:
            raise unavailable("the server is stopping") from error
        return await future

    def close(self) -> None:
        """Write what waits, then refuse more."""
        self._threads.shutdown()
        self._commits.close()
        self._confidences.close()

    async def _checked(
        self, app: str, schema: EventSchema, body: bytes, now: datetime, key: RequestKey | None, *, is_scored: bool
    ) -> EventsWrite:
        reader = self._readers.get((app, schema.name))
        if reader is None:
            reader = self._readers[app, schema.name] = CleanReader(schema)
        origin = origin_of(app, schema.name, source=SOURCE, now=now)

        def clean() -> EventsWrite | None:
            rows = reader.read(body)
            return None if rows is None else EventsWrite(origin, rows, (), {}, key=key, is_scored=is_scored)

        if len(body) <= _SMALL_BYTES:
            write = clean()
            if write is not None:
                return write
            return await self.in_thread(lambda: _check(schema, body, origin, key, is_scored=is_scored))
        return await self.in_thread(lambda: clean() or _check(schema, body, origin, key, is_scored=is_scored))

    async def _scored(self, write: EventsWrite, received: Received, tasks: tuple[LiveTask, ...]) -> Received:
        """With the predictions. Kept with the key, so that a retry gets these and makes no others."""
        predictions = await self.in_thread(
            lambda: tuple(_score_row(write.origin, row, live) for live in tasks for row in write.rows)
        )
        whole = msgspec.structs.replace(received, predictions=predictions)
        if write.key is not None:
            await self.put(AnswerWrite(write.key, whole.encoded(), now_us=write.now_us))
        return whole


def _check(schema: EventSchema, body: bytes, origin: Origin, key: RequestKey | None, *, is_scored: bool) -> EventsWrite:
    raw = read_objects(body)
    where = f"{origin.app}/{schema.name}"
    if raw.frame.is_empty():  # to say which columns it lacks would tell nobody what is wrong
        raise nothing_taken(raw.unreadable, where=where)
    checked = check_rows(schema, raw, require_time=True)
    rows = list(event_rows(checked.frame, checked.columns, where=f"{SOURCE}: {where}"))
    return EventsWrite(origin, rows, checked.quarantined, dict(checked.ignored), key=key, is_scored=is_scored)


def _score_row(origin: Origin, row: EventRow, live: LiveTask) -> msgspec.Struct:
    clocks = (origin.received_us / 1e6, perf_counter())
    entity, at_us, key, _, _ = row
    served = live.served
    where = f"{served.app}/{served.task}@{served.version}"
    item = live.windows.until(entity, from_us(at_us), key, where=where)
    return decide_window(live, item, clocks)


def _tried_again(error: UnavailableError) -> UnavailableError:
    """The same, with a moment after which to try again."""
    if error.retry_after_s is None:
        error.retry_after_s = unavailable("").retry_after_s
    return error
