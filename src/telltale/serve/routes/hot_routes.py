"""The paths a client calls all day: a call in, a reply out, by the small functions."""

from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from urllib.parse import parse_qs

import msgspec

from telltale.contract.errors import TelltaleError
from telltale.contract.schema import EventSchema
from telltale.serve.edge import Edge
from telltale.serve.http.call import NDJSON, Call, Handle, Reply
from telltale.serve.http.problems import PROBLEM_TYPE, problem_of
from telltale.serve.intake.feedback import receive_feedback
from telltale.serve.live.live_task import ROW_KINDS, LiveTask, Place
from telltale.serve.predict.batch import BatchFault, predict_batch
from telltale.serve.predict.turns import Turns


def hot_routes(edge: Edge) -> dict[str, Handle]:
    """Every hot path of every app, by its full path; all of them take POST."""
    routes: dict[str, Handle] = {"/v1/feedback": _feedback_route(edge)}
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


def _predict_route(edge: Edge, place: Place) -> Handle:
    limit = edge.settings.max_body_bytes
    turns = Turns(place)

    async def route(call: Call) -> Reply:
        status, answer = await turns.predict(await call.body(limit))
        return Reply(answer) if status == 200 else Reply(answer, PROBLEM_TYPE, status)

    return route


def _batch_route(edge: Edge, place: Place) -> Handle:
    settings = edge.settings

    async def route(call: Call) -> Reply:
        live = place.required()
        lines = predict_batch(
            live, call.chunks(settings.max_batch_bytes), edge.log, max_line_bytes=settings.max_body_bytes
        )
        return Reply(content_type=NDJSON, parts=_told_to_the_end(lines))

    return route


async def _told_to_the_end(lines: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The answer has begun: what ends it early stands on its last line, counted from nowhere."""
    try:
        async for part in lines:
            yield part
    except TelltaleError as error:
        yield msgspec.json.encode(BatchFault(line=0, error=problem_of(error))) + b"\n"


def _events_route(edge: Edge, app: str, event: EventSchema) -> Handle:
    # What is asked about an entity has no answer to a row.
    readers = [
        edge.place(app, task.name)
        for task in edge.apps[app].tasks
        if task.event == event.name and task.kind in ROW_KINDS
    ]

    async def route(call: Call) -> Reply:
        score = parse_qs(call.query).get("score", ["false"])[-1] == "true"
        tasks = _serving(readers) if score else []
        body = await call.body(edge.settings.max_body_bytes)
        received = await edge.intake.receive(app, event, body, score_with=tasks, now=datetime.now(UTC))
        return Reply(msgspec.json.encode(received))

    return route


def _serving(places: Sequence[Place]) -> list[LiveTask]:
    """The versions that serve. Raises UnavailableError where there is none; one of two tasks may have none yet."""
    serving = [place.live for place in places if isinstance(place.live, LiveTask)]
    if not serving:
        for place in places:
            place.required()
    return serving


def _feedback_route(edge: Edge) -> Handle:
    async def route(call: Call) -> Reply:
        body = await call.body(edge.settings.max_body_bytes)
        return Reply(msgspec.json.encode(await receive_feedback(edge, body, actor=edge.actor, now=datetime.now(UTC))))

    return route
