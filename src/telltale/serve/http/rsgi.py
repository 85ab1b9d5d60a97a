"""The application: one look-up of the path, then a hot route or Litestar; carries bytes between them and the network.

RSGI is Granian's own interface. Beside ASGI it saves a seventh of a whole prediction: no scope of a dozen entries is
built, and the answer is one call (docs/decisions/0018-rsgi.md).
"""

from asyncio import AbstractEventLoop
from collections.abc import Mapping
from typing import Protocol
from urllib.parse import unquote

import structlog

from telltale.contract.errors import TelltaleError, TooLargeError
from telltale.serve.edge import Edge
from telltale.serve.http.body_clock import BodyClock, SlowBodyError
from telltale.serve.http.call import Call, Exchange, Handle, Headers, Reply
from telltale.serve.http.problems import PROBLEM_TYPE, encode_problem

_logger = structlog.get_logger("telltale.serve.http.rsgi")
# The rest of the body was not read: the connection cannot serve another request, and a client must know before it tries.
_UNREAD = frozenset({TooLargeError.status, SlowBodyError.status})


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
    """

    def __init__(self, edge: Edge, hot: Mapping[str, Handle], management: Handle) -> None:
        self._edge = edge
        self._find = hot.get
        self._management = management
        self._clock = BodyClock(edge.settings.body_timeout_s)

    def __rsgi_init__(self, loop: AbstractEventLoop) -> None:
        try:
            self._edge.start()
        except Exception:
            _logger.exception("start_failed")
            raise

    def __rsgi_del__(self, loop: AbstractEventLoop) -> None:
        self._edge.close()

    async def __rsgi__(self, scope: Scope, protocol: HttpProtocol) -> None:
        """Answer one request."""
        path = scope.path
        handle = self._find(path)
        if handle is None and "%" in path:
            path = unquote(path)
            handle = self._find(path)
        call = Call(scope.method, path, scope.query_string, scope.headers, protocol, self._clock)
        try:
            key = self._edge.key
            if key.is_set:
                key.check(call.method, path, call.headers)
            reply = await (_checked(call, handle) if handle is not None else self._management)(call)
        except Exception as error:  # noqa: BLE001 - an edge: foreign errors are logged, and told without their inside
            reply = problem_reply(error)
        if reply.parts is None:
            protocol.response_bytes(reply.status, _headers(reply), reply.body)
            return
        transport = protocol.response_stream(reply.status, _headers(reply))
        async for part in reply.parts:
            await transport.send_bytes(part)


def problem_reply(error: Exception) -> Reply:
    """The problem document of an error."""
    status, body = encode_problem(error)
    headers = (("connection", "close"),) if status in _UNREAD else ()
    return Reply(body, PROBLEM_TYPE, status, headers)


def _checked(call: Call, handle: Handle) -> Handle:
    if call.method != "POST":
        raise MethodError(f"{call.method} does not work here", where=call.path, mend="Use POST.")
    return handle


def _headers(reply: Reply) -> list[tuple[str, str]]:
    return [("content-type", reply.content_type), *reply.headers]
