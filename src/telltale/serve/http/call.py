"""One request and its answer, as routes see them: no interface of a server, no framework."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, Final, NamedTuple, Protocol

from telltale.contract.errors import TooLargeError
from telltale.serve.http.body_clock import BodyClock

JSON: Final = "application/json"
NDJSON: Final = "application/x-ndjson"


class Headers(Protocol):
    """Of a request, by lower-case name."""

    def get(self, key: str, default: Any = None, /) -> Any:
        """The value; of a header sent twice the first."""
        ...

    def items(self) -> list[tuple[str, str]]:
        """All of them."""
        ...


class Exchange(Protocol):
    """A request's body and the way back: what RSGI calls a protocol."""

    def __call__(self) -> Awaitable[bytes]:
        """The whole body."""
        ...

    def __aiter__(self) -> AsyncIterator[bytes]:
        """The body as it comes in."""
        ...


class Call:
    """A request.

    Args:
        method, path, query: as sent; the path is decoded.
        headers: of the request.
        exchange: where the body comes from.
        clock: ends the wait for a body that does not come.
    """

    __slots__ = ("_clock", "_exchange", "headers", "method", "path", "query", "request_id")

    def __init__(  # noqa: PLR0917 - made once per request, where keywords cost
        self, method: str, path: str, query: str, headers: Headers, exchange: Exchange, clock: BodyClock
    ) -> None:
        self.method = method
        self.path = path
        self.query = query
        self.headers = headers
        self.request_id = ""
        self._exchange = exchange
        self._clock = clock

    async def body(self, limit: int) -> bytes:
        """The whole body.

        Raises:
            TooLargeError: it is longer than `limit` bytes; the rest is not read.
            SlowBodyError: it did not come in time.
        """
        length = self.headers.get("content-length")
        if length is None or not length.isdecimal():
            return b"".join([chunk async for chunk in self.chunks(limit)])
        if int(length) > limit:
            raise _too_large(limit)
        # The server sees to it that no more comes than was announced.
        return await self._clock.wait(self._exchange())

    async def chunks(self, limit: int) -> AsyncIterator[bytes]:
        """The body as it comes in. Raises as `body`; time runs while a chunk is waited for."""
        n_bytes = 0
        parts = aiter(self._exchange)
        while True:
            try:
                # Not `anext(parts, None)`: Granian 2.8.7's worker dies of it at the end of the body.
                chunk = await self._clock.wait(parts.__anext__())
            except StopAsyncIteration:
                return
            n_bytes += len(chunk)
            if n_bytes > limit:
                raise _too_large(limit)
            yield chunk


class Reply(NamedTuple):
    """An answer: `body` whole, or `parts` of it as they come.

    Args:
        body: of the answer, where it is known whole.
        content_type: of the body.
        status: of HTTP.
        headers: besides those that every answer has.
        parts: sent one after the other once the head is; what goes wrong by then must be told in a part.
    """

    body: bytes = b""
    content_type: str = JSON
    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()
    parts: AsyncIterator[bytes] | None = None


Handle = Callable[[Call], Awaitable[Reply]]


def _too_large(limit: int) -> TooLargeError:
    return TooLargeError(
        f"the body is longer than {limit} bytes", where="request body", mend="Send it in smaller parts."
    )
