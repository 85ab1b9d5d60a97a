"""Pieces worked on side by side, results in the order of the pieces."""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from typing import Any, TypeVar

T = TypeVar("T")
R = TypeVar("R")


async def in_order(
    pieces: AsyncIterator[T], work: Callable[[T], asyncio.Future[R]], *, at_once: int
) -> AsyncGenerator[R, None]:
    """The result of each piece, in order.

    At most `at_once` pieces are in work and one more is fetched, whoever waits for what: while nobody takes results, no
    more pieces are asked for, and a result that is ready does not wait for a piece that is late. What goes wrong with the
    pieces is raised behind the results of those before it.

    Args:
        pieces: asked for one at a time.
        work: begins to work on a piece.
        at_once: pieces in work.
    """
    working: deque[asyncio.Future[R]] = deque()
    coming: asyncio.Task[tuple[T] | None] | None = asyncio.create_task(next_of(pieces))
    fault: BaseException | None = None
    try:
        while coming is not None or working:
            waits: list[asyncio.Future[Any]] = [*working][:1]
            if coming is not None and len(working) < at_once:
                waits.append(coming)
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            if coming is not None and coming.done() and len(working) < at_once:
                fault = coming.exception()
                piece = None if fault is not None else coming.result()
                coming = None
                if piece is not None:
                    working.append(work(piece[0]))
                    coming = asyncio.create_task(next_of(pieces))
            while working and working[0].done():
                yield working.popleft().result()
        if fault is not None:
            raise fault
    finally:
        if coming is not None:
            coming.cancel()
            await asyncio.gather(coming, return_exceptions=True)
        for future in working:
            future.cancel()


async def next_of(pieces: AsyncIterator[T]) -> tuple[T] | None:
    """The next piece, None at the end: for tasks, out of which the end would come as an error."""
    try:
        return (await pieces.__anext__(),)
    except StopAsyncIteration:
        return None
