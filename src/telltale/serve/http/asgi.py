"""The ASGI application: hot paths by one dictionary look-up, every other path to Litestar."""

import structlog

from telltale.contract.errors import TelltaleError
from telltale.serve.edge import Edge
from telltale.serve.http.asgi_types import AsgiApplication, Receive, Scope, Send
from telltale.serve.http.problems import encode_problem
from telltale.serve.routes.hot_routes import hot_routes, send_answer

_logger = structlog.get_logger("telltale.serve.http.asgi")


class MethodError(TelltaleError):
    """The path exists, and takes another method."""

    status = 405
    title = "Method not allowed"


def make_asgi(edge: Edge, management: AsgiApplication) -> AsgiApplication:
    """The application: hot paths here, all others to `management`. It starts and closes `edge` with the server."""
    find, key = hot_routes(edge).get, edge.key

    async def dispatch(scope: Scope, receive: Receive, send: Send) -> None:
        path = scope["path"]
        route = find(path)
        try:
            if key.is_set:
                key.check(scope["method"], path, scope["headers"])
            if route is not None:
                _check_post(scope)
                await route(scope, receive, send)
                return
        except Exception as error:  # noqa: BLE001 - an edge: foreign errors are logged, and told without their inside
            await send_answer(send, *encode_problem(error))
            return
        await management(scope, receive, send)

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await dispatch(scope, receive, send)
        elif scope["type"] == "lifespan":
            await _live(edge, receive, send)

    return application


def _check_post(scope: Scope) -> None:
    if scope["method"] != "POST":
        raise MethodError(f"{scope['method']} does not work here", where=scope["path"], mend="Use POST.")


async def _live(edge: Edge, receive: Receive, send: Send) -> None:
    """Start with the server, close with it."""
    await receive()
    try:
        edge.start()
    except Exception as error:
        _logger.exception("start_failed")
        await send({"type": "lifespan.startup.failed", "message": str(error)})
        return
    await send({"type": "lifespan.startup.complete"})
    await receive()
    edge.close()
    await send({"type": "lifespan.shutdown.complete"})
