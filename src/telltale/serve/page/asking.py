"""What a page asks of the API, within the process: the same checks, the same audit, the same answers."""

from collections.abc import AsyncIterator
from typing import Final

import msgspec

from telltale.contract.errors import TelltaleError
from telltale.serve.http.body_clock import BodyClock
from telltale.serve.http.call import JSON, Call, Handle
from telltale.serve.http.problems import Problem, problem_of
from telltale.serve.page.actions import Action, Form

_FAILED: Final = 400
_WITHIN_S: Final = 30.0  # for a body that is there


async def send_action(
    managed: Handle, call: Call, action: Action, form: Form, *, app: str, name: str
) -> Problem | None:
    """Ask the API for what a form asks for, in the name of who sent it; None where it was done, else why it was not."""
    try:
        body = action.body(form, app, name)
        content = b"" if body is None else msgspec.json.encode(body)
        path = action.api.format(app=app, name=name)
        inner = Call("POST", path, "", _Headers(content), _Sent(content), BodyClock(_WITHIN_S))
        inner.caller, inner.request_id, inner.subject = call.caller, call.request_id, call.subject
        reply = await managed(inner)
    except TelltaleError as error:
        return problem_of(error)
    return msgspec.json.decode(reply.body, type=Problem) if reply.status >= _FAILED else None


class _Headers:
    """Of a request that a page makes of the API."""

    def __init__(self, content: bytes) -> None:
        self._told = {"content-type": JSON, "content-length": str(len(content))}

    def get(self, key: str, default: str | None = None, /) -> str | None:
        return self._told.get(key, default)

    def items(self) -> list[tuple[str, str]]:
        return list(self._told.items())


class _Sent:
    """The body of such a request: there as a whole."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    async def __call__(self) -> bytes:
        return self._content

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield self._content
