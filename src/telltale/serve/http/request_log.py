"""Request ids, and what the log says of requests: which one a line is about, and a line for each that did not go well.

Good requests have no line: they are counted per flush, and a line costs more than an answer.
"""

import re
import secrets
from collections.abc import MutableMapping
from contextvars import ContextVar
from itertools import count
from time import monotonic
from typing import TYPE_CHECKING, Any, Final

import structlog

if TYPE_CHECKING:  # logs are set up by commands that serve nothing
    from telltale.serve.http.call import Call

SLOW_S: Final = 1.0
_MOST_LINES_S: Final = 20  # lines of one second about refusals and slow requests; the others are counted
_is_id = re.compile(r"[A-Za-z0-9._-]{1,128}").fullmatch
_prefix, _number = secrets.token_hex(6), count(1)
_current: "ContextVar[Call | None]" = ContextVar("telltale_call", default=None)
_logger = structlog.get_logger("telltale.serve.http.request_log")


def begin_request(call: "Call") -> None:
    """Name the request: as its client did in `x-request-id`, where that is a plain name of 1 to 128 characters.

    What is logged from here on in its task, and in the threads it waits for, carries the name.
    """
    given = call.headers.get("x-request-id")
    # Unlike a random one a number costs nothing; the prefix tells processes apart.
    call.request_id = given if given is not None and _is_id(given) else f"{_prefix}-{next(_number):x}"
    _current.set(call)


def add_request(_logger: Any, _method: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """A step of structlog: the request that a line is about, where there is one."""
    call = _current.get()
    if call is not None:
        line.setdefault("request_id", call.request_id)
        line.setdefault("method", call.method)
        line.setdefault("path", call.path)
    return line


class RequestLog:
    """Lines about requests that failed on our side, were refused for want of room, or took long."""

    def __init__(self) -> None:
        self._second = 0
        self._n_lines = 0
        self._n_untold = 0

    def tell(self, status: int, seconds: float) -> None:
        """A line about the request in hand; of more than a few in one second the others are counted."""
        second = int(monotonic())
        if second != self._second:
            self._second, self._n_lines = second, 0
            if self._n_untold:
                n_untold, self._n_untold = self._n_untold, 0
                _logger.warning("requests_untold", n=n_untold)
        self._n_lines += 1
        if self._n_lines > _MOST_LINES_S:
            self._n_untold += 1
            return
        tell = _logger.error if status == 500 else _logger.warning
        name = "request_failed" if status == 500 else "request_refused" if status > 500 else "request_slow"
        tell(name, status=status, seconds=round(seconds, 3))
