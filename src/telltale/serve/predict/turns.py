"""Requests of one turn of the event loop, answered by one call of the model.

A call of the model lets go of the interpreter lock, and beside a busy server getting it back costs more than the call.
Under load a turn holds several requests, which then share that cost; a lone request waits for nobody: its turn ends as
soon as the loop has no other request at hand.
"""

import asyncio
from collections.abc import Generator
from types import coroutine

from telltale.serve.live.live_task import Place
from telltale.serve.predict.decide import predict_many
from telltale.serve.settings import TurnLimits


class Turns:
    """The requests to one task that wait for the end of this turn.

    Args:
        place: where the task is served.
        limits: how many requests a turn holds, and how long it may wait for more.
    """

    def __init__(self, place: Place, limits: TurnLimits | None = None) -> None:
        limits = limits or TurnLimits()
        self._place = place
        self._most = limits.max_requests
        self._wait_s = limits.max_wait_s
        self._open: _Turn | None = None
        self.n_coming = 0  # requests whose body is on its way: without any, to wait on is to wait for nobody

    async def predict(self, body: bytes) -> bytes:
        """The body to answer with, once this turn is over; or what is wrong is raised."""
        turn = self._open
        if turn is None:
            turn = self._open = _Turn(self._wait_s)
        own = len(turn.bodies)
        turn.bodies.append(body)
        if own + 1 == self._most:
            self._open = None
        if turn.over is not None and turn is self._open and self.n_coming:
            await turn.over.wait()
        else:
            # No future: a task that yields is called again after all that were ready before it.
            await _yield()
        if not turn.answers:
            # The first to be called answers for all; who comes from now on is of the next turn.
            if self._open is turn:
                self._open = None
            turn.answers = predict_many(self._place, turn.bodies)
            turn.end()
        answer = turn.answers[own]
        if isinstance(answer, Exception):
            raise answer  # here, where it is known which request it is about
        return answer


class _Turn:
    """Bodies of one turn; their answers once it is over."""

    __slots__ = ("answers", "bodies", "over", "timer")

    def __init__(self, wait_s: float) -> None:
        self.bodies: list[bytes] = []
        self.answers: list[bytes | Exception] = []
        self.over: asyncio.Event | None = None
        if wait_s:
            self.over = asyncio.Event()
            self.timer = asyncio.get_running_loop().call_later(wait_s, self.over.set)

    def end(self) -> None:
        """Wake who still waits for more requests to come."""
        if self.over is not None:
            self.over.set()
            self.timer.cancel()


@coroutine
def _yield() -> Generator[None, None, None]:
    yield
