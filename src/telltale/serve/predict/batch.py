"""`predict:batch`: a line in, a line out, in order, in bounded memory whatever the size of the body."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

import msgspec

from telltale.contract.errors import TooLargeError
from telltale.monitor.prediction_log import PredictionLog
from telltale.serve.http.problems import Problem, problem_of
from telltale.serve.live.live_task import Live
from telltale.serve.predict.answering import Decided
from telltale.serve.predict.decide import decide_many

# Waited for before so many rows are answered.
Pace = Callable[[int], Awaitable[None]]

_LINES = 64  # answered before other requests get their turn: about 3 ms
_encode_into = msgspec.json.Encoder().encode_into


class BatchFault(msgspec.Struct, frozen=True, kw_only=True):
    """What stands on the line of a row that could not be answered."""

    line: int
    error: Problem


async def predict_batch(
    live: Live, chunks: AsyncIterator[bytes], log: PredictionLog, *, max_line_bytes: int, pace: Pace | None = None
) -> AsyncIterator[bytes]:
    """Answer newline-delimited JSON: each line as `predict` would, all by the version that was live at the start.

    Answers flow while the body still comes in, and a client that does not read them is no longer read from: one that
    sends everything before it reads must keep its bodies below some 5 MB.

    Blank lines are left out. A line that cannot be answered gives `{"line": N, "error": {...}}` in its place; the
    others go on.

    Args:
        live: the version.
        chunks: the body as it comes in.
        log: waited for where it fills, so that no batch is too quick to be logged.
        max_line_bytes: a longer line ends the batch with an error.
        pace: waited for before lines are answered.
    """
    line = 0
    async for some in _lines(chunks, max_line_bytes):
        numbered = [(line + n, row) for n, row in enumerate(some, start=1) if row and not row.isspace()]
        line += len(some)
        numbers = iter(numbered)
        async for decided in decide_in_turns(live, [row for _, row in numbered], log, pace=pace):
            out = bytearray()
            for item in decided:
                number, _ = next(numbers)
                told = BatchFault(line=number, error=problem_of(item)) if isinstance(item, Exception) else item
                _encode_into(told, out, -1)
                out += b"\n"
            yield bytes(out)


async def decide_in_turns(
    live: Live, bodies: Sequence[bytes], log: PredictionLog, *, pace: Pace | None = None
) -> AsyncIterator[Sequence[Decided]]:
    """`decide_many` for any number of bodies, some at a time; other requests get their turn in between."""
    for start in range(0, len(bodies), _LINES):
        part = bodies[start : start + _LINES]
        if pace is not None:
            await pace(len(part))
        yield decide_many(live, part)
        await asyncio.sleep(0)
        while log.is_behind:  # noqa: ASYNC110 - the log has no loop to set an event in
            await asyncio.sleep(0.01)


async def _lines(chunks: AsyncIterator[bytes], max_line_bytes: int) -> AsyncIterator[list[bytes]]:
    """Whole lines as they become known."""
    rest = b""
    async for chunk in chunks:
        *lines, rest = (rest + chunk).split(b"\n")
        if len(rest) > max_line_bytes:
            raise TooLargeError(
                f"a line is longer than {max_line_bytes} bytes",
                where="request body",
                mend="Send one row per line.",
            )
        if lines:
            yield lines
    if rest:
        yield [rest]
