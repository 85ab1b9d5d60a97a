import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from typing import Any

import pytest

from telltale.serve.predict.in_order import in_order


class Work:
    """Pieces of work that end when told to."""

    def __init__(self) -> None:
        self.begun: dict[int, asyncio.Future[str]] = {}

    def begin(self, piece: int) -> "asyncio.Future[str]":
        self.begun[piece] = asyncio.get_running_loop().create_future()
        return self.begun[piece]

    def end(self, piece: int) -> None:
        self.begun[piece].set_result(f"answer {piece}")


def begun(results: AsyncGenerator[str, None]) -> "asyncio.Task[str]":
    async def taken() -> str:
        return await anext(results)

    return asyncio.create_task(taken())


async def settled() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


async def first_n(n: int, *, fault: Exception | None = None, asked: list[int] | None = None) -> AsyncIterator[int]:
    for piece in range(n):
        if asked is not None:
            asked.append(piece)
        yield piece
    if fault is not None:
        raise fault


def run(test: Callable[[], Any]) -> None:
    asyncio.run(test())


def test_results_come_in_the_order_of_the_pieces_whichever_ends_first() -> None:
    async def test() -> None:
        work = Work()
        results = in_order(first_n(3), work.begin, at_once=2)
        first = begun(results)
        await settled()
        work.end(1)
        await settled()
        assert not first.done()

        work.end(0)
        assert await first == "answer 0"
        assert await anext(results) == "answer 1"
        third = begun(results)
        await settled()
        work.end(2)
        assert await third == "answer 2"
        with pytest.raises(StopAsyncIteration):
            await anext(results)

    run(test)


def test_while_nobody_takes_results_only_so_many_pieces_are_begun_and_one_more_is_fetched() -> None:
    async def test() -> None:
        work, asked = Work(), list[int]()
        results = in_order(first_n(100, asked=asked), work.begin, at_once=2)
        first = begun(results)
        await settled()
        work.end(0)
        await first
        for piece in (*work.begun,)[1:]:
            work.end(piece)
        await settled()

        assert len(work.begun) <= 3
        assert len(asked) <= 4
        await results.aclose()

    run(test)


def test_a_result_does_not_wait_for_a_piece_that_is_late() -> None:
    async def test() -> None:
        work, more = Work(), asyncio.Event()

        async def slow() -> AsyncIterator[int]:
            yield 0
            await more.wait()
            yield 1

        results = in_order(slow(), work.begin, at_once=2)
        first = begun(results)
        await settled()
        work.end(0)

        assert await asyncio.wait_for(first, 1) == "answer 0"
        await results.aclose()

    run(test)


def test_what_is_wrong_with_the_pieces_is_told_behind_the_results_of_those_before_it() -> None:
    async def test() -> None:
        work = Work()
        results = in_order(first_n(2, fault=ValueError("cut off")), work.begin, at_once=3)
        first = begun(results)
        await settled()
        work.end(0)
        work.end(1)

        assert [await first, await anext(results)] == ["answer 0", "answer 1"]
        with pytest.raises(ValueError, match="cut off"):
            await anext(results)

    run(test)


def test_what_goes_wrong_in_the_work_is_told_in_its_place() -> None:
    async def test() -> None:
        work = Work()
        results = in_order(first_n(2), work.begin, at_once=2)
        first = begun(results)
        await settled()
        work.begun[1].set_exception(ValueError("second"))
        work.end(0)

        assert await first == "answer 0"
        with pytest.raises(ValueError, match="second"):
            await anext(results)

    run(test)
