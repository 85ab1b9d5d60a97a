"""The application: one look-up of the path, then a hot route or Litestar; carries bytes between them and the network.

RSGI is Granian's own interface. Beside ASGI it saves a seventh of a whole prediction: no scope of a dozen entries is
built, and the answer is one call (docs/decisions/0018-rsgi.md).
"""

from asyncio import AbstractEventLoop
from collections.abc import Callable, Mapping
from contextlib import closing, nullcontext
from math import ceil
from time import monotonic
from typing import Protocol
from urllib.parse import unquote

import structlog

from telltale.contract.errors import (
    ForbiddenError,
    TelltaleError,
    TooLargeError,
    TooManyRequestsError,
    UnauthorizedError,
    UnavailableError,
)
from telltale.serve.edge import Edge
from telltale.serve.guard.headers import HOT, MANAGED, Pairs
from telltale.serve.http.body_clock import BodyClock, SlowBodyError
from telltale.serve.http.call import Call, Exchange, Handle, Headers, Reply
from telltale.serve.http.hot_route import HotRoute
from telltale.serve.http.problems import PROBLEM_TYPE, encode_problem, name_request
from telltale.serve.http.protocol_errors import PROTOCOL_PATHS, with_error
from telltale.serve.http.request_log import SLOW_S, RequestLog, begin_request
from telltale.serve.http.send_window import SendWindow

_logger = structlog.get_logger("telltale.serve.http.rsgi")
# The rest of the body was not read: the connection cannot serve another request, and a client must know before it tries.
_UNREAD = frozenset({TooLargeError.status, SlowBodyError.status})
_RETRY_SOON = ("retry-after", "1")


class Scope(Protocol):
    """The head of a request, as RSGI gives it."""

    method: str
    path: str
    query_string: str
    client: str
    headers: Headers


class Transport(Protocol):
    """An answer that is sent in parts."""

    async def send_bytes(self, data: bytes) -> None:
        """Send one part; waits for a client that reads slowly."""


class HttpProtocol(Exchange, Protocol):
    """A request's body and the way back."""

    def response_bytes(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        """Answer at once."""

    def response_stream(self, status: int, headers: list[tuple[str, str]]) -> Transport:
        """Begin to answer."""
        ...


class MethodError(TelltaleError):
    """The path exists, and takes another method."""

    status = 405
    title = "Method not allowed"


class Application:
    """What the server calls.

    Args:
        edge: started and closed with the server.
        hot: the paths a client calls all day; all take POST.
        management: every other path.
        tell: what is sent of an error in place of a problem document, where the path is a page; else None.
    """

    def __init__(
        self,
        edge: Edge,
        hot: Mapping[str, HotRoute],
        management: Handle,
        *,
        tell: Callable[[Call, Exception], Reply | None] = lambda _call, _error: None,
    ) -> None:
        self._edge = edge
        self._find = hot.get
        self._guard = edge.guard
        self._management = management
        self._tell = tell
        self._clock = BodyClock(edge.settings.body_timeout_s)
        self._log = RequestLog()
        self._tracing = edge.tracing
        edge.stopping.end_bodies = self._clock.end

    @property
    def is_open(self) -> bool:
        """Whether no key is asked for."""
        return self._guard.is_open

    def start(self) -> None:
        """Load what serves."""
        try:
            self._edge.start()
        except Exception:
            _logger.exception("start_failed")
            raise

    def close(self) -> None:
        """Write what waits."""
        self._edge.stopping.closed()

    def __rsgi_init__(self, loop: AbstractEventLoop) -> None:
        self.start()
        self._edge.stopping.listen(loop)

    def __rsgi_del__(self, loop: AbstractEventLoop) -> None:
        self.close()

    async def __rsgi__(self, scope: Scope, protocol: HttpProtocol) -> None:
        """Answer one request."""
        path = scope.path
        route = self._find(path)
        if route is None and "%" in path:
            path = unquote(path)
            route = self._find(path)
        began_s = monotonic()
        call = Call(scope.method, path, scope.query_string, scope.headers, protocol, self._clock)
        begin_request(call)
        span = None if self._tracing is None else self._tracing.begin(call)
        try:
            self._admit(call, route)
            reply = await (_checked(call, route.handle) if route is not None else self._management)(call)
        except Exception as error:  # noqa: BLE001 - an edge: foreign errors are logged, and told without their inside
            reply = self._tell(call, error) or problem_reply(error)
        if self._tracing is not None and span is not None:
            call.route = call.route if route is None else path
            self._tracing.answered(span, call, reply)
        headers = _headers(reply, HOT if route is not None else MANAGED)
        headers.append(("x-request-id", call.request_id))
        if reply.parts is None:
            body = reply.body
            if reply.content_type == PROBLEM_TYPE:
                body = _named_problem(call, reply, headers)
            protocol.response_bytes(reply.status, headers, body)
            took_s = monotonic() - began_s
            if reply.status >= 500 or took_s > SLOW_S:
                self._log.tell(reply.status, took_s)
            return
        transport = protocol.response_stream(reply.status, headers)
        traced = nullcontext() if self._tracing is None or span is None else self._tracing.to_the_end(span)
        with traced, closing(SendWindow(scope.client)) as window:
            async for part in reply.parts:
                await transport.send_bytes(part)
                if not await window.sent(len(part)):
                    break

    def _admit(self, call: Call, route: HotRoute | None) -> None:
        try:
            self._guard.admit(call, route)
        except (UnauthorizedError, ForbiddenError) as error:
            self._guard.tell_refused(call, error)
            raise


def _named_problem(call: Call, reply: Reply, headers: list[tuple[str, str]]) -> bytes:
    """A problem document as it is sent: with its request, when to come again, and what its protocol calls an error."""
    body = name_request(reply.body, call.request_id)
    if reply.status == UnavailableError.status and "retry-after" not in dict(reply.headers):
        headers.append(_RETRY_SOON)
    return with_error(body) if call.path.startswith(PROTOCOL_PATHS) else body


def problem_reply(error: Exception) -> Reply:
    """The problem document of an error."""
    status, body = encode_problem(error)
    headers: Pairs = ()
    if status in _UNREAD:
        headers = (("connection", "close"),)
    elif isinstance(error, UnavailableError | TooManyRequestsError):
        headers = (("retry-after", str(max(1, ceil(error.retry_after_s or 0)))),)
    elif isinstance(error, UnauthorizedError):
        headers = (("www-authenticate", "Bearer"),)
    return Reply(body, PROBLEM_TYPE, status, headers)


def _checked(call: Call, handle: Handle) -> Handle:
    if call.method != "POST":
        raise MethodError(f"{call.method} does not work here", where=call.path, mend="Use POST.")
    return handle


def _headers(reply: Reply, always: Pairs) -> list[tuple[str, str]]:
    """What is always said, but where the answer says it itself."""
    if reply.headers:
        own = dict(reply.headers)
        always = tuple(pair for pair in always if pair[0] not in own)
    return [("content-type", reply.content_type), *always, *reply.headers]
