"""How much may be in work at once: requests and bytes, refused at the door; and of those, how much is worked on."""

import asyncio
from collections import deque

from telltale.contract.errors import UnavailableError

RETRY_AFTER_S = 1.0


class Door:
    """Counts the bodies that are being read, checked or written, and refuses what is too much before it is read.

    Used in the event loop alone.

    Args:
        max_requests: at once.
        max_bytes: of their bodies, as announced.
    """

    def __init__(self, *, max_requests: int, max_bytes: int) -> None:
        self._max_requests = max_requests
        self._max_bytes = max_bytes
        self.n_requests = 0
        self.n_bytes = 0

    def enter(self, n_bytes: int) -> None:
        """Let a body in, which must `leave`. Raises UnavailableError; one larger than all room gets in alone."""
        if self.n_requests >= self._max_requests or (self.n_requests and self.n_bytes + n_bytes > self._max_bytes):
            raise unavailable(
                f"{self.n_requests} requests with {self.n_bytes} bytes are being stored, and at most "
                f"{self._max_requests} with {self._max_bytes} may be"
            )
        self.n_requests += 1
        self.n_bytes += n_bytes

    def leave(self, n_bytes: int) -> None:
        """Let it go, whatever became of it."""
        self.n_requests -= 1
        self.n_bytes -= n_bytes


class Bench:
    """Lets bodies be worked on in the order in which they came, so many bytes of them at once.

    Rows take several times the memory of the body they came in: only what is on the bench is ever decoded. Used in the
    event loop alone.

    Args:
        max_bytes: of bodies; a larger one is worked on alone.
    """

    def __init__(self, *, max_bytes: int) -> None:
        self._free = self._max_bytes = max_bytes
        self._waiting: deque[tuple[int, asyncio.Future[None]]] = deque()

    async def take(self, n_bytes: int) -> int:
        """Wait for room; what to give back afterwards."""
        taken = min(n_bytes, self._max_bytes)
        if not self._waiting and taken <= self._free:
            self._free -= taken
            return taken
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append((taken, turn))
        try:
            await turn
        except asyncio.CancelledError:
            # Whoever comes next may fit where this one did not.
            self.give_back(taken if turn.done() and not turn.cancelled() else 0)
            raise
        return taken

    def give_back(self, taken: int) -> None:
        """Make room again."""
        self._free += taken
        while self._waiting and (self._waiting[0][1].cancelled() or self._waiting[0][0] <= self._free):
            n_bytes, turn = self._waiting.popleft()
            if not turn.cancelled():
                self._free -= n_bytes
                turn.set_result(None)


def unavailable(what: str) -> UnavailableError:
    """A refusal after which a client may try again."""
    return UnavailableError(
        what,
        where="intake",
        mend="Nothing of this request was stored; send it again in a moment.",
        retry_after_s=RETRY_AFTER_S,
    )
