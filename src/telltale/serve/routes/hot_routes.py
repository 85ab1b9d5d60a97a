"""The paths a client calls all day: bytes from the network to the small functions, and back."""

from collections.abc import AsyncIterator, MutableMapping, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs

import msgspec

from telltale.contract.errors import TelltaleError, TooLargeError
from telltale.contract.schema import EventSchema
from telltale.serve.edge import Edge
from telltale.serve.http.asgi_types import AsgiApplication, Receive, Scope, Send
from telltale.serve.http.problems import PROBLEM_TYPE, problem_of
from telltale.serve.intake.feedback import receive_feedback
from telltale.serve.live.live_task import ROW_KINDS, LiveTask, Place
from telltale.serve.predict.batch import BatchFault, predict_batch
from telltale.serve.predict.turns import Turns

_JSON = [(b"content-type", b"application/json")]
_NDJSON = [(b"content-type", b"application/x-ndjson")]
_PROBLEM = [(b"content-type", PROBLEM_TYPE.encode())]
# The rest of the body was not read: the connection cannot serve another request, and a client must know before it tries.
_PROBLEM_AND_CLOSE = [*_PROBLEM, (b"connection", b"close")]
_OK: MutableMapping[str, Any] = {"type": "http.response.start", "status": 200, "headers": _JSON}


def hot_routes(edge: Edge) -> dict[str, AsgiApplication]:
    """Every hot path of every app, by its full path; all of them take POST."""
    routes: dict[str, AsgiApplication] = {"/v1/feedback": _feedback_route(edge)}
    for app in edge.apps.values():
        for task in app.tasks:
            place = edge.place(app.name, task.name)
            routes[f"/v1/{app.name}/{task.name}/predict"] = _predict_route(edge, place)
            routes[f"/v1/{app.name}/{task.name}/predict:batch"] = _batch_route(edge, place)
        for event in app.events:
            routes[f"/v1/{app.name}/events/{event.name}"] = _events_route(edge, app.name, event)
        if len(app.events) == 1:
            routes[f"/v1/{app.name}/events"] = _events_route(edge, app.name, app.events[0])
    return routes


def _predict_route(edge: Edge, place: Place) -> AsgiApplication:
    limit = edge.settings.max_body_bytes
    turns = Turns(place)

    async def route(scope: Scope, receive: Receive, send: Send) -> None:
        message = await receive()
        body = message.get("body", b"")
        # Granian says of every body that more will come; asking for the nothing that is left costs a tenth of a request.
        if (message.get("more_body") and not _is_all(scope, body)) or len(body) > limit:
            body = await _whole(receive, message, limit)
        status, answer = await turns.predict(body)
        await send_answer(send, status, answer)

    return route


def _batch_route(edge: Edge, place: Place) -> AsgiApplication:
    settings = edge.settings

    async def route(_scope: Scope, receive: Receive, send: Send) -> None:
        live = place.required()
        chunks = _chunks(receive, await receive(), settings.max_batch_bytes)
        lines = predict_batch(live, chunks, edge.log, max_line_bytes=settings.max_body_bytes)
        await send({"type": "http.response.start", "status": 200, "headers": _NDJSON})
        try:
            async for part in lines:
                await send({"type": "http.response.body", "body": part, "more_body": True})
        except TelltaleError as error:
            # The answer has begun: what ends it early stands on its last line, counted from nowhere.
            fault = BatchFault(line=0, error=problem_of(error))
            await send({"type": "http.response.body", "body": msgspec.json.encode(fault) + b"\n", "more_body": True})
        await send({"type": "http.response.body", "body": b""})

    return route


def _events_route(edge: Edge, app: str, event: EventSchema) -> AsgiApplication:
    # What is asked about an entity has no answer to a row.
    readers = [
        edge.place(app, task.name)
        for task in edge.apps[app].tasks
        if task.event == event.name and task.kind in ROW_KINDS
    ]

    async def route(scope: Scope, receive: Receive, send: Send) -> None:
        score = parse_qs(scope["query_string"].decode("latin-1")).get("score", ["false"])[-1] == "true"
        tasks = _serving(readers) if score else []
        body = await _whole(receive, await receive(), edge.settings.max_body_bytes)
        received = await edge.intake.receive(app, event, body, score_with=tasks, now=datetime.now(UTC))
        await send_answer(send, 200, msgspec.json.encode(received))

    return route


def _serving(places: Sequence[Place]) -> list[LiveTask]:
    """The versions that serve. Raises UnavailableError where there is none; one of two tasks may have none yet."""
    serving = [place.live for place in places if isinstance(place.live, LiveTask)]
    if not serving:
        for place in places:
            place.required()
    return serving


def _feedback_route(edge: Edge) -> AsgiApplication:
    async def route(_scope: Scope, receive: Receive, send: Send) -> None:
        body = await _whole(receive, await receive(), edge.settings.max_body_bytes)
        kept = await receive_feedback(edge, body, actor=edge.actor, now=datetime.now(UTC))
        await send_answer(send, 200, msgspec.json.encode(kept))

    return route


def _is_all(scope: Scope, body: bytes) -> bool:
    length = b"%d" % len(body)
    return any(value == length for name, value in scope["headers"] if name == b"content-length")


async def send_answer(send: Send, status: int, body: bytes) -> None:
    """Send a JSON body, or with another status than 200 a problem document."""
    if status == 200:
        await send(_OK)
    else:
        headers = _PROBLEM_AND_CLOSE if status == TooLargeError.status else _PROBLEM
        await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _whole(receive: Receive, first: MutableMapping[str, Any], limit: int) -> bytes:
    return b"".join([chunk async for chunk in _chunks(receive, first, limit)])


async def _chunks(receive: Receive, first: MutableMapping[str, Any], limit: int) -> AsyncIterator[bytes]:
    """The body as it comes in. Raises TooLargeError once it is longer than `limit`."""
    message = first
    n_bytes = 0
    while True:
        chunk: bytes = message.get("body", b"")
        n_bytes += len(chunk)
        if n_bytes > limit:
            raise TooLargeError(
                f"the body is longer than {limit} bytes", where="request body", mend="Send it in smaller parts."
            )
        yield chunk
        if not message.get("more_body"):
            return
        message = await receive()
