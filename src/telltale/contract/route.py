"""A path of an app's own, as a thin function over what the kernel can do."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Scope = Literal["read", "predict", "ingest", "operate"]


@dataclass(frozen=True, kw_only=True)
class RouteRequest:
    """A request as a route gets it: decoded and checked.

    Args:
        path: the parts of the path that stand in braces.
        query: the query string as the route's `query` type, or None.
        body: the body as the route's `body` type, or None.
    """

    path: Mapping[str, str] = field(default_factory=dict)
    query: Any = None
    body: Any = None


@dataclass(frozen=True, kw_only=True)
class Route:
    """One path that clients of an app depend on.

    Args:
        method: of HTTP.
        path: absolute; `{name}` stands for a part.
        summary: one line for the documentation.
        handle: from what the serving process offers (`telltale.serve.routes.route_context.RouteContext`) and a request to a
            value that is sent as JSON. Runs in a thread; raises the errors of `telltale.contract.errors`.
        body, query: structs that the body and the query string are decoded into; None where there is none.
        answer: the type of what `handle` returns, for the documentation.
        status: of a good answer.
        max_body_bytes: a larger body is refused; None for the server's limit.
        scope: what a key must allow, where the server asks for keys; "operate" for whatever changes versions, jobs or
            schedules. None: a POST needs "predict", and a GET needs no key, as reading versions does not.
    """

    method: Literal["GET", "POST"]
    path: str
    summary: str
    handle: Callable[[Any, RouteRequest], object]
    body: type | None = None
    query: type | None = None
    answer: type | None = None
    status: int = 200
    max_body_bytes: int | None = None
    scope: Scope | None = None
