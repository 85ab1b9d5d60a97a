"""Requests to an RSGI application without a socket: what Granian does, as far as an application can tell."""

from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

import httpx

_PART = 4_096


class RsgiTransport(httpx.AsyncBaseTransport):
    """Hands each request to an application in this process."""

    def __init__(self, application: Any) -> None:
        self._application = application

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        exchange = _Exchange(await request.aread())
        scope = SimpleNamespace(
            proto="http",
            http_version="1.1",
            method=request.method,
            path=request.url.raw_path.decode().partition("?")[0],
            query_string=request.url.query.decode(),
            scheme="http",
            server="127.0.0.1:8000",
            client="127.0.0.1:50000",
            headers=_Headers([(name.decode().lower(), value.decode("latin-1")) for name, value in request.headers.raw]),
        )
        await self._application.__rsgi__(scope, exchange)
        return httpx.Response(exchange.status, headers=exchange.headers, content=b"".join(exchange.parts))


class _Headers:
    def __init__(self, pairs: list[tuple[str, str]]) -> None:
        self._pairs = pairs

    def get(self, key: str, default: Any = None) -> Any:
        return next((value for name, value in self._pairs if name == key), default)

    def items(self) -> list[tuple[str, str]]:
        return self._pairs


class _Exchange:
    def __init__(self, body: bytes) -> None:
        self.status = 0
        self.headers: list[tuple[str, str]] = []
        self.parts: list[bytes] = []
        self._body = body

    async def __call__(self) -> bytes:
        return self._body

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for start in range(0, len(self._body), _PART):
            yield self._body[start : start + _PART]

    def response_bytes(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        self.status, self.headers, self.parts = status, headers, [body]

    def response_stream(self, status: int, headers: list[tuple[str, str]]) -> "_Exchange":
        self.status, self.headers = status, headers
        return self

    async def send_bytes(self, data: bytes) -> None:
        self.parts.append(data)
