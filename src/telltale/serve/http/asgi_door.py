"""The same application for servers that speak ASGI: `uvicorn --factory telltale.cli.serving:asgi`.

A door to the application, not a second way through it: the request becomes what Granian would hand over. `telltale serve`
is a fifth quicker, and stops within a bound of its own; here stopping is the other server's work.
"""

from collections.abc import AsyncIterator
from ipaddress import ip_address
from typing import Any

from granian.rsgi import ProtocolClosed  # type: ignore[attr-defined]  # there under this name for applications

from telltale.contract.errors import ForbiddenError
from telltale.serve.http.asgi_bridge import AsgiApplication, Message
from telltale.serve.http.call import Headers
from telltale.serve.http.problems import PROBLEM_TYPE, encode_problem
from telltale.serve.http.rsgi import Application


def asgi_application(application: Application) -> AsgiApplication:
    """The application behind ASGI; it starts and ends with the lifespan."""

    async def run(scope: Message, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await _live(application, receive, send)
        elif scope["type"] == "http":
            exchange = _Exchange(receive, send)
            if application.is_open and not _is_loopback(scope):
                exchange.refuse()
            else:
                await application.__rsgi__(_Head(scope), exchange)
            await exchange.end()

    return run


class _Head:
    """The head of a request, in RSGI's words."""

    def __init__(self, scope: Message) -> None:
        self.method: str = scope["method"]
        self.path: str = scope.get("raw_path", scope["path"].encode()).decode("latin-1")
        self.query_string: str = scope["query_string"].decode("latin-1")
        self.client = ":".join(map(str, scope.get("client") or ()))
        self.headers: Headers = _Headers(
            [(name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"]]
        )


class _Headers:
    def __init__(self, pairs: list[tuple[str, str]]) -> None:
        self._pairs = pairs

    def get(self, key: str, default: Any = None, /) -> Any:
        return next((value for name, value in self._pairs if name == key), default)

    def items(self) -> list[tuple[str, str]]:
        return self._pairs


class _Exchange:
    """A request's body and the way back."""

    def __init__(self, receive: Any, send: Any) -> None:
        self._receive = receive
        self._send = send
        self._head: Message = {}
        self._body = b""

    async def __call__(self) -> bytes:
        return b"".join([chunk async for chunk in self])

    async def __aiter__(self) -> AsyncIterator[bytes]:
        more = True
        while more:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                raise ProtocolClosed
            more = message.get("more_body", False)
            if message.get("body"):
                yield message["body"]

    def response_bytes(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        self._body = body
        self.response_stream(status, [*headers, ("content-length", str(len(body)))])

    def response_stream(self, status: int, headers: list[tuple[str, str]]) -> "_Exchange":
        pairs = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers]
        self._head = {"type": "http.response.start", "status": status, "headers": pairs}
        return self

    async def send_bytes(self, data: bytes) -> None:
        await self._begin()
        await self._send({"type": "http.response.body", "body": data, "more_body": True})

    def refuse(self) -> None:
        status, body = encode_problem(
            ForbiddenError(
                "this server asks for no key, and is reached from elsewhere",
                where="serve",
                mend="Set TELLTALE_OPERATOR_KEY, or make a key (telltale keys create), or listen on 127.0.0.1.",
            )
        )
        self.response_bytes(status, [("content-type", PROBLEM_TYPE)], body)

    async def end(self) -> None:
        await self._begin()
        await self._send({"type": "http.response.body", "body": self._body})

    async def _begin(self) -> None:
        if self._head:
            head, self._head = self._head, {}
            await self._send(head)


def _is_loopback(scope: Message) -> bool:
    """Whether the connection came to an address of this machine alone; a socket of the file system has none."""
    host = (scope.get("server") or ("127.0.0.1",))[0]
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host.startswith("/") or host == "localhost"


async def _live(application: Application, receive: Any, send: Any) -> None:
    await receive()
    try:
        application.start()
    except Exception as error:  # noqa: BLE001 - told to the server, which ends
        await send({"type": "lifespan.startup.failed", "message": str(error)})
        return
    await send({"type": "lifespan.startup.complete"})
    await receive()
    application.close()
    await send({"type": "lifespan.shutdown.complete"})
