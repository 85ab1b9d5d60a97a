"""`predict:batch`: a line in, a line out, in order, in bounded memory whatever the size of the body."""

import asyncio
from collections.abc import AsyncIterator

import msgspec

from telltale.contract.errors import TooLargeError
from telltale.monitor.prediction_log import PredictionLog
from telltale.serve.live_task import LiveTask
from telltale.serve.predict import Prediction, decide
from telltale.serve.problems import Problem, problem_of

_LINES = 64  # answered before other requests get their turn: about 3 ms
_encode_into = msgspec.json.Encoder().encode_into


class BatchFault(msgspec.Struct, frozen=True, kw_only=True):
    """What stands on the line of a row that could not be answered."""

    line: int
    error: Problem


async def predict_batch(
    live: LiveTask, chunks: AsyncIterator[bytes], log: PredictionLog, *, max_line_bytes: int
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
    """
    out = bytearray()
    line = n_done = 0
    async for rows in _lines(chunks, max_line_bytes):
        for row in rows:
            line += 1
            if not row or row.isspace():
                continue
            _encode_into(_answer(live, row, line), out, -1)
            out += b"\n"
            n_done += 1
            if n_done % _LINES == 0:
                yield bytes(out)
                out.clear()
                await asyncio.sleep(0)
                while log.n_waiting > log.capacity // 2:  # noqa: ASYNC110 - the log has no loop to set an event in
                    await asyncio.sleep(0.01)
    if out:
        yield bytes(out)


def _answer(live: LiveTask, row: bytes, line: int) -> Prediction | BatchFault:
    try:
        return decide(live, row)
    except Exception as error:  # noqa: BLE001 - an edge: a foreign error is logged, and the other lines go on
        return BatchFault(line=line, error=problem_of(error))


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
