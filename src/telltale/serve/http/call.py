"""One request and its answer, as routes see them: no interface of a server, no framework."""

from collections.abc import AsyncIterator, Awaitable, Callable
from math import inf
from time import monotonic
from typing import Any, Final, NamedTuple, Protocol

from granian.rsgi import ProtocolClosed  # type: ignore[attr-defined]  # there under this name for applications

from telltale.contract.errors import TooLargeError, UsageError
from telltale.serve.guard.caller import ANYONE, Caller
from telltale.serve.http.body_clock import LEAST_BYTES_S, BodyClock
from telltale.serve.http.body_headers import check_json, check_plain

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

    __slots__ = (
        "_clock",
        "_exchange",
        "caller",
        "headers",
        "method",
        "path",
        "query",
        "request_id",
        "route",
        "subject",
    )

    def __init__(  # noqa: PLR0917 - made once per request, where keywords cost
        self, method: str, path: str, query: str, headers: Headers, exchange: Exchange, clock: BodyClock
    ) -> None:
        self.method = method
        self.path = path
        self.query = query
        self.headers = headers
        self.request_id = ""
        self.route = ""  # the path as it is declared, parts that vary in braces; once it was found
        # Set by the guard before a route sees the call: who asks, and what its rate is counted for.
        self.caller: Caller = ANYONE
        self.subject = ""
        self._exchange = exchange
        self._clock = clock

    async def body(self, limit: int) -> bytes:
        """The whole body, JSON.

        Raises:
            UnsupportedMediaError: it is compressed, or said to be something else.
            TooLargeError: it is longer than `limit` bytes; the rest is not read.
            SlowBodyError: it did not come in time.
            CutBodyError: the connection ended before the body did.
        """
        check_json(self.headers)
        length = self.headers.get("content-length")
        if length is None or not length.isdecimal():
            return b"".join([chunk async for chunk in self.chunks(limit, least_bytes_s=inf)])
        if int(length) > limit:
            raise _too_large(limit)
        try:
            # The server sees to it that no more comes than was announced.
            return await self._clock.wait(self._exchange())
        except ProtocolClosed:
            raise _cut() from None

    async def chunks(self, limit: int, *, least_bytes_s: float = LEAST_BYTES_S) -> AsyncIterator[bytes]:
        """The body as it comes in, of any kind but compressed. Raises as `body`.

        Time runs while a chunk is waited for: the limit of a body in all, and a second more for each `least_bytes_s` bytes.
        """
        check_plain(self.headers)
        n_bytes, waited_s = 0, 0.0
        parts = aiter(self._exchange)
        while True:
            left_s = self._clock.limit_s + n_bytes / least_bytes_s - waited_s
            began_s = monotonic()
            try:
                # Not `anext(parts, None)`: Granian 2.8.7's worker dies of it at the end of the body.
                chunk = await self._clock.wait(parts.__anext__(), within_s=min(self._clock.limit_s, left_s))
            except StopAsyncIteration:
                # Granian ends a body that was cut off like a whole one.
                length = self.headers.get("content-length")
                if length is not None and length.isdecimal() and n_bytes < int(length):
                    raise _cut() from None
                return
            except ProtocolClosed:
                raise _cut() from None
            waited_s += monotonic() - began_s
            n_bytes += len(chunk)
            if n_bytes > limit:
                raise _too_large(limit)
            yield chunk


class CutBodyError(UsageError):
    """The connection ended before the body did."""

    title = "The body was cut off"


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


def _cut() -> CutBodyError:
    return CutBodyError("the connection ended before the body did", where="request body", mend="Send it again, whole.")


def _too_large(limit: int) -> TooLargeError:
    return TooLargeError(
        f"the body is longer than {limit} bytes", where="request body", mend="Send it in smaller parts."
    )
