"""Requests of one turn of the event loop, answered by one call of the model.

A call of the model lets go of the interpreter lock, and beside a busy server getting it back costs more than the call.
Under load a turn holds several requests, which then share that cost; a lone request waits for nobody: its turn ends as
soon as the loop has no other request at hand.
"""

import asyncio

from telltale.serve.live.live_task import Place
from telltale.serve.predict.decide import predict_many

# So many are answered before the loop gets its turn again: about 3 ms.
_MOST = 64


class Turns:
    """The requests to one task that wait for the end of this turn."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._waiting: list[tuple[bytes, asyncio.Future[tuple[int, bytes]]]] = []

    def predict(self, body: bytes) -> "asyncio.Future[tuple[int, bytes]]":
        """The status and body to answer with, once this turn is over."""
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[tuple[int, bytes]] = loop.create_future()
        if not self._waiting:
            loop.call_soon(self._answer)
        self._waiting.append((body, answer))
        return answer

    def _answer(self) -> None:
        waiting, self._waiting = self._waiting[:_MOST], self._waiting[_MOST:]
        if self._waiting:
            asyncio.get_running_loop().call_soon(self._answer)
        answers = predict_many(self._place, [body for body, _ in waiting])
        for (_, future), answer in zip(waiting, answers, strict=True):
            if not future.cancelled():  # its client has gone
                future.set_result(answer)
