"""Paths of apps' own whose questions are answered once: bytes to bytes on the event loop, beside `predict`."""

from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from telltale.contract.app import App
from telltale.contract.errors import UsageError
from telltale.contract.route import AnsweredOnce, Route
from telltale.serve.edge import Edge
from telltale.serve.guard.route_paths import check_path
from telltale.serve.http.call import Call, Handle, Reply
from telltale.serve.http.hot_route import HotRoute
from telltale.serve.http.struct_bodies import read_body
from telltale.serve.http.tracing import child_of
from telltale.serve.predict.once import Once
from telltale.telemetry.forbidden import content_check


def once_routes(edge: Edge) -> Iterator[tuple[str, HotRoute]]:
    """Every such path of every app. Raises UsageError where a route asks for more than there is for them."""
    for app in edge.apps.values():
        for route in app.routes:
            if isinstance(route.handle, AnsweredOnce):
                subject = f"{app.name}/{route.handle.task}"
                yield route.path, HotRoute(_handle(edge, app, route, route.handle), route.scope or "predict", subject)


def managed_routes(app: App) -> tuple[Route, ...]:
    """The routes of an app that are answered in a thread."""
    return tuple(route for route in app.routes if not isinstance(route.handle, AnsweredOnce))


def _handle(edge: Edge, app: App, route: Route, how: AnsweredOnce) -> Handle:
    if route.method != "POST" or route.body is None or check_path(route.path, where=app.name) or route.status != 200:
        raise UsageError(
            f"{route.method} {route.path} is answered once",
            where=f"{app.name}: route",
            mend="Such a route takes POST, has a body, answers with 200, and has no parts in braces.",
        )
    kind: type = route.body
    limit = route.max_body_bytes or edge.settings.max_body_bytes
    decode: Callable[[bytes], Any] = msgspec.json.Decoder(kind).decode
    check = content_check(app.events)
    once = Once(edge.place(app.name, how.task), how, events=edge.folder.events, submit=edge.intake.keep_confidences)

    async def handle(call: Call) -> Reply:
        body = await call.body(limit)
        if check is not None:
            check(body)
        decoded = read_body(decode, body, kind)
        with child_of(edge.tracing, "model"):
            return Reply(await once.answer(decoded))

    return handle
