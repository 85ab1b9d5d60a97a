"""An ASGI application (Litestar) behind a handle: its request read whole, its answer gathered, both bounded."""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import quote

import msgspec

from telltale.serve.http.call import Call, Handle, Reply
from telltale.serve.http.struct_bodies import read_body

_decode = msgspec.json.Decoder().decode
Message = MutableMapping[str, Any]
AsgiApplication = Callable[
    [Message, Callable[[], Awaitable[Message]], Callable[[Message], Awaitable[None]]], Awaitable[None]
]


def bridged(application: AsgiApplication, *, max_body_bytes: int) -> Handle:
    """The application as a handle; a body longer than `max_body_bytes` raises TooLargeError."""

    async def handle(call: Call) -> Reply:
        body: bytes | None = b"" if call.method in {"GET", "HEAD"} else await call.body(max_body_bytes)
        if body and call.path.startswith(("/v1/", "/v2/")):
            # Before Litestar reads it: it takes the last of two equal keys, and breaks of broken text and deep nesting.
            # Paths of apps read their bodies themselves.
            read_body(_decode, body, object)
        status, headers, parts = 500, [], []

        async def receive() -> Message:
            nonlocal body
            if body is None:  # nothing here waits for more
                return {"type": "http.disconnect"}
            sent, body = body, None
            return {"type": "http.request", "body": sent, "more_body": False}

        async def send(message: Message) -> None:
            nonlocal status, headers
            if message["type"] == "http.response.start":
                status, headers = message["status"], message["headers"]
            else:
                parts.append(message.get("body", b""))

        scope = _scope(call)
        await application(scope, receive, send)
        call.route = scope.get("path_template") or ""  # Litestar's way to say which route it was
        told = [(name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in headers]
        content_type = next((value for name, value in told if name == "content-type"), "")
        # The length is the server's to say.
        others = tuple((name, value) for name, value in told if name not in {"content-type", "content-length"})
        return Reply(b"".join(parts), content_type, status, others)

    return handle


def _scope(call: Call) -> Message:
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": call.method,
        "scheme": "http",
        "path": call.path,
        "raw_path": quote(call.path).encode("ascii"),
        "query_string": call.query.encode("latin-1", "replace"),
        "root_path": "",
        "headers": [
            (name.encode("latin-1"), value.encode("latin-1", "replace")) for name, value in call.headers.items()
        ],
        "client": None,
        "server": None,
        "state": {"caller": call.caller},
        "extensions": {},
    }
