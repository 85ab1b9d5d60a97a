"""`predict:batch` with Arrow: record batches in, answers out as one stream, in order, in bounded memory.

Rows are read, checked, made into features and answered as frames, in threads: Polars and ONNX Runtime let go of the
interpreter lock, so that other requests are answered meanwhile. No row becomes a Python object, and none is logged: a
row of the prediction log costs more than its answer (docs/decisions/0023-arrow-batches.md). A release has no part in it:
the champion decides every row, and nothing is answered in its shadow.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from time import perf_counter, time
from typing import Final

import polars as pl
import structlog

from telltale.serve.http.body_headers import UnsupportedMediaError
from telltale.serve.http.problems import problem_of
from telltale.serve.live.live_task import Live, LiveTask
from telltale.serve.predict.arrow_rows import ArrowRows
from telltale.serve.predict.arrow_stream import (
    END,
    ArrowReader,
    Group,
    answer_part,
    broken_end,
    read_group,
    write_batch,
)
from telltale.serve.predict.batch import Pace
from telltale.serve.predict.in_order import in_order, next_of
from telltale.serve.priority import step_back

ARROW: Final = "application/vnd.apache.arrow.stream"
_PIECE_ROWS: Final = 16_384  # answered at a time: less costs more per row, more makes answers late
_AT_ONCE: Final = 2
_LINGER_S: Final = 0.005  # how long small batches wait for others to be read with
_logger = structlog.get_logger("telltale.serve.predict.arrow_batch")

Count = Callable[[int], None]


async def answer_arrow(
    live: Live, chunks: AsyncIterator[bytes], count: Count, *, pace: Pace | None = None
) -> AsyncIterator[bytes]:
    """Answers to an Arrow IPC stream as parts of another, all by the version that was live at the start.

    Each row is decided alone, as `predict` would: the answers have a row for each row, in order, with the entity where
    one was given, the fields of the task's answer, `version` and `error`: why a row has no answer, else null. What
    stops the stream is raised until the first part is given. After that the answers end with a row that tells it and a
    message that is shorter than it says, over which every reader stumbles.

    Args:
        live: the version.
        chunks: the body as it comes in, cut anywhere.
        count: told of answered rows.
        pace: waited for before rows are answered.

    Raises:
        UnsupportedMediaError: the task does not decide rows.
        UsageError: it is no Arrow stream.
        SchemaError: a column is missing, or of a kind that does not fit.
        TooLargeError: a message is too large.
    """
    if not isinstance(live, LiveTask):
        raise UnsupportedMediaError(
            "this task answers questions, not rows", where="content-type", mend="Send NDJSON: application/x-ndjson."
        )
    stream = _Stream(live, chunks, count, pace)
    parts = stream.parts()
    first = await anext(parts)
    return _after(first, parts)


async def _after(first: bytes, parts: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield first
    async for part in parts:
        yield part


@cache
def _threads() -> ThreadPoolExecutor:
    """One pool for all streams of a process: however many there are, two pieces are in work."""
    return ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="arrow", initializer=step_back)


class _Stream:
    """One request."""

    def __init__(self, live: LiveTask, chunks: AsyncIterator[bytes], count: Count, pace: Pace | None) -> None:
        self._live = live
        self._chunks = chunks
        self._count = count
        self._pace = pace
        self._reader = ArrowReader(n_rows=_PIECE_ROWS)
        self._rows: ArrowRows | None = None
        self._sent = pl.DataFrame()  # the answers' columns, once there are answers

    async def parts(self) -> AsyncIterator[bytes]:
        """The answers."""
        began, n_rows, is_first = perf_counter(), 0, True
        try:
            async for stream, n in in_order(self._pieces(), self._begin, at_once=_AT_ONCE):
                self._count(n)
                n_rows += n
                yield answer_part(stream, is_first=is_first)
                is_first = False
            yield END
        except Exception as error:  # the answer has begun: what ends it early must be told in it
            if is_first:
                raise
            problem = problem_of(error)
            told = f"the stream ends here: {problem.detail}. {problem.mend}"
            last = pl.DataFrame({"error": [told]}, schema_overrides={"error": pl.String})
            yield answer_part(write_batch(pl.concat([self._sent, last], how="diagonal")), is_first=False)
            yield broken_end(problem)
        served = self._live.served
        _logger.info(
            "answered_arrow",
            app=served.app,
            task=served.task,
            version=served.version,
            n_rows=n_rows,
            seconds=round(perf_counter() - began, 3),
        )

    async def _pieces(self) -> AsyncIterator[pl.DataFrame]:
        """Rows as they come, at most `_PIECE_ROWS` at a time; at least one frame, if of no rows."""
        is_first = True
        async for group in self._groups():
            rows = self._known_rows()
            frame = await asyncio.get_running_loop().run_in_executor(_threads(), read_group, group, rows.names)
            for start in range(0, frame.height, _PIECE_ROWS):
                is_first = False
                piece = frame[start : start + _PIECE_ROWS]
                if self._pace is not None:
                    await self._pace(piece.height)
                yield piece
        if is_first:
            yield pl.DataFrame(schema=dict.fromkeys(self._known_rows().names, pl.Null()))

    async def _groups(self) -> AsyncIterator[Group]:
        """Whole record batches; small ones together, for as long as more of them come at once."""
        reader, fault = self._reader, None
        coming: asyncio.Task[tuple[bytes] | None] | None = None
        try:
            while fault is None:
                while (group := reader.take()) is not None:
                    yield group
                if coming is None:
                    coming = asyncio.create_task(next_of(self._chunks))
                await asyncio.wait([coming], timeout=_LINGER_S if reader.n_waiting else None)
                if not coming.done():
                    reader.close_group()
                    continue
                fault = self._taken(coming)
                coming = None
        finally:
            if coming is not None:
                coming.cancel()
        # Whatever is wrong with the rest, what came before it is answered: cut anywhere, a stream has the same answers.
        reader.close_group()
        while (group := reader.take()) is not None:
            yield group
        if not isinstance(fault, _End):
            raise fault

    def _taken(self, coming: asyncio.Task[tuple[bytes] | None]) -> Exception | None:
        """Hand on what came; what is wrong with it, or `_End` behind the last of it."""
        try:
            chunk = coming.result()
            if chunk is None:
                self._reader.finish()
                return _End()
            self._reader.feed(chunk[0])
            if self._reader.fields is not None:
                self._known_rows()
        except Exception as error:  # noqa: BLE001 - raised once what came before it is answered
            return error
        return None

    def _begin(self, frame: pl.DataFrame) -> asyncio.Future[tuple[bytes, int]]:
        return asyncio.get_running_loop().run_in_executor(_threads(), self._answered, frame)

    def _answered(self, frame: pl.DataFrame) -> tuple[bytes, int]:
        try:
            answers = answer_rows(self._live, self._known_rows(), frame, received_s=time())
        except pl.exceptions.PanicException as error:  # no Exception: it would pass by everything that tells of faults
            raise RuntimeError("Polars panicked") from error
        self._sent = answers.clear()
        return write_batch(answers), answers.height

    def _known_rows(self) -> ArrowRows:
        if self._rows is None:
            assert self._reader.fields is not None
            live = self._live
            self._rows = ArrowRows(live.event, live.runtime.columns, live.nullable, self._reader.fields)
        return self._rows


class _End(Exception):  # noqa: N818 - not an error
    pass


def answer_rows(live: LiveTask, rows: ArrowRows, frame: pl.DataFrame, *, received_s: float) -> pl.DataFrame:
    """An answer, or what is wrong, for every row of a frame as it was read."""
    good, entity, faults = rows.check(frame, received_s=received_s)
    answers = live.runtime.answer_frame(good, alone=True)
    if "decision" in answers.columns:
        answers = answers.with_columns(pl.col("decision").cast(pl.Boolean))
    if faults is None:
        faults = pl.repeat(None, frame.height, dtype=pl.String, eager=True)
    else:
        is_good = faults.is_null()
        place = pl.select(pl.when(is_good).then(is_good.cum_sum() - 1)).to_series()
        answers = answers.select(pl.all().gather(place))
    return answers.select(
        *([entity] if rows.has_entity else []),
        pl.all(),
        pl.lit(live.served.version, pl.Int64).alias("version"),
        faults.alias("error"),
    )
