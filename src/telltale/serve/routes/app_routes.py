"""Paths of apps' own, as handlers: bodies and query strings decoded and checked before a route sees them."""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from time import perf_counter
from typing import Any

import msgspec
from litestar import Request, Response
from litestar.handlers import HTTPRouteHandler

from telltale.contract.app import App
from telltale.contract.errors import TelltaleError, TooLargeError, UsageError
from telltale.contract.route import AnsweredOnce, Route, RouteRequest
from telltale.serve.edge import Edge
from telltale.serve.guard.caller import caller_of
from telltale.serve.guard.headers import PAGE
from telltale.serve.guard.route_paths import check_path, could_be_one
from telltale.serve.http.call import JSON
from telltale.serve.http.struct_bodies import read_body, read_query
from telltale.serve.routes.once_routes import managed_routes
from telltale.serve.routes.route_context import RouteContext
from telltale.telemetry.forbidden import content_check

_encode = msgspec.json.Encoder().encode


def app_routes(edge: Edge, kernel_paths: Iterable[str]) -> list[HTTPRouteHandler]:
    """A handler for each route of each app.

    Args:
        edge: of the process.
        kernel_paths: paths that are taken, parts that stand for anything in braces.

    Raises:
        UsageError: two routes could be meant by one request, or one of them is no path.
    """
    check_routes(edge.apps, kernel_paths)
    context = RouteContext(edge)
    return [
        _handler(
            route,
            context,
            limit=route.max_body_bytes or edge.settings.max_body_bytes,
            check=content_check(app.events),
            observe=partial(edge.metrics.observe_route, app.name, route.method, route.path),
        )
        for app in edge.apps.values()
        for route in managed_routes(app)
    ]


def check_routes(apps: Mapping[str, App], kernel_paths: Iterable[str]) -> None:
    """Raise UsageError where a route collides with a path of the kernel or of another route, or is no path."""
    taken = [("", path, "telltale itself") for path in kernel_paths]
    for app in apps.values():
        for route in app.routes:
            check_path(route.path, where=f"{app.name}: route")
            for method, path, whose in taken:
                # On its own paths the kernel answers every method.
                if method in {"", route.method} and could_be_one(path, route.path):
                    raise UsageError(
                        f"{route.method} {route.path} collides with {method or 'the path'} {path} of {whose}",
                        where=f"{app.name}: route",
                        mend="Choose another path.",
                    )
            taken.append((route.method, route.path, app.name))


def _handler(
    route: Route,
    context: RouteContext,
    *,
    limit: int,
    check: Callable[[bytes], None] | None,
    observe: Callable[[int, float], None],
) -> HTTPRouteHandler:
    names = check_path(route.path, where="route")
    decode: Callable[[bytes], Any] | None = None
    if route.body is not None:
        decode = _decoder(route.body, check)

    answer_with = route.handle
    assert not isinstance(answer_with, AnsweredOnce), "those are answered on the event loop"

    async def handle(request: Request[Any, Any, Any]) -> Response[bytes]:
        began_s, status = perf_counter(), 500
        try:
            asked = RouteRequest(
                path={name: str(request.path_params[name]) for name in names},
                query=None if route.query is None else read_query(request.url.query, route.query),
                body=None if decode is None else await _read(request, decode, route.body, limit),
            )
            answer = await asyncio.to_thread(answer_with, context.asked_by(caller_of(request)), asked)
            status = route.status
            return _response(route, answer)
        except TelltaleError as error:
            status = error.status
            raise
        finally:
            observe(status, perf_counter() - began_s)

    path = "/".join(f"{{{part[1:-1]}:str}}" if part.startswith("{") else part for part in route.path.split("/"))
    return HTTPRouteHandler(
        path,
        http_method=route.method,
        status_code=route.status,
        include_in_schema=False,  # Litestar sees a request and bytes; `openapi` describes what is in them
        request_max_body_size=None,  # the limit is the route's, and its message names it
        name=f"{route.method} {route.path}",
    )(handle)


def _response(route: Route, answer: object) -> Response[bytes]:
    """The answer as JSON; or as it is, with what a page of it may do."""
    if route.media_type == JSON:
        return Response(_encode(answer), status_code=route.status, media_type=JSON)
    assert isinstance(answer, bytes), f"{route.path} has the media type {route.media_type}: its answer is bytes"
    return Response(answer, status_code=route.status, media_type=route.media_type, headers=dict(PAGE))


def _decoder(kind: type, check: Callable[[bytes], None] | None) -> Callable[[bytes], Any]:
    """Decodes bodies; those with a column that could hold content are refused first, as everywhere else."""
    decode: Callable[[bytes], Any] = msgspec.json.Decoder(kind).decode
    if check is None:
        return decode

    def checked(body: bytes) -> Any:
        check(body)
        return decode(body)

    return checked


async def _read(request: Request[Any, Any, Any], decode: Callable[[bytes], Any], kind: type | None, limit: int) -> Any:
    """The decoded body. Raises TooLargeError once it is longer than `limit`."""
    parts, n_bytes = [], 0
    async for part in request.stream():
        parts.append(part)
        n_bytes += len(part)
        if n_bytes > limit:
            raise TooLargeError(
                f"the body is longer than {limit} bytes", where="request body", mend="Send less at once."
            )
    return read_body(decode, b"".join(parts), kind or object)
