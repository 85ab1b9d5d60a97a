"""A path of an app's own, as a thin function over what the kernel can do."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

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


class Asked(NamedTuple):
    """A question as it is known again.

    Args:
        entity: whom it is about.
        pattern: which question of theirs; with the entity it names the answer that is kept.
        digest: of all that the answer depends on. The same name with another digest is refused.
        row: what the task's `predict` is asked with, to be encoded as JSON.
    """

    entity: str
    pattern: str
    digest: str
    row: object


@dataclass(frozen=True, kw_only=True)
class AnsweredOnce:
    """How a route answers a question once and for all: asked again, whoever decides by then, it says the same.

    It is on disk before it is told. Such a route is answered on the event loop, as the `predict` paths are: thousands of
    times a second. Both functions must be quick, and must not wait for anything.

    Args:
        task: of the app; decides rows.
        ask: from the decoded body to what is asked; raises the errors of `telltale.contract.errors`.
        tell: from what was asked, the decoded body and the task's answer, with the fields that its `predict` path sends,
            to what is sent: a struct with `confidence`, a whole number from 0 to 100.
    """

    task: str
    ask: Callable[[Any], Asked]
    tell: Callable[[Asked, Any, Any], Any]


@dataclass(frozen=True, kw_only=True)
class Route:
    """One path that clients of an app depend on.

    Args:
        method: of HTTP.
        path: absolute; `{name}` stands for a part.
        summary: one line for the documentation.
        handle: from what the serving process offers (`telltale.serve.routes.route_context.RouteContext`) and a request to a
            value that is sent as JSON, or bytes that are sent as they are where `media_type` is another. Runs in a thread;
            raises the errors of `telltale.contract.errors`.
        body, query: structs that the body and the query string are decoded into; None where there is none.
        answer: the type of what `handle` returns, for the documentation.
        status: of a good answer.
        media_type: of a good answer. One that is not JSON may be opened by a person: a page gets scripts, styles and pictures
            from this server alone, none written into it, and asks nobody else.
        max_body_bytes: a larger body is refused; None for the server's limit.
        scope: what a key must allow, where the server asks for keys; "operate" for whatever changes versions, jobs or
            schedules. None: a POST needs "predict", and a GET needs no key, as reading versions does not.
    """

    method: Literal["GET", "POST"]
    path: str
    summary: str
    handle: Callable[[Any, RouteRequest], object] | AnsweredOnce
    body: type | None = None
    query: type | None = None
    answer: type | None = None
    status: int = 200
    media_type: str = "application/json"
    max_body_bytes: int | None = None
    scope: Scope | None = None
