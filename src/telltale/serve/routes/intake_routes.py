"""The paths by which events and feedback come: let in at the door, then read, then stored."""

from collections.abc import Sequence
from datetime import UTC, datetime

from telltale.contract.errors import SchemaError, UnavailableError
from telltale.contract.schema import EventSchema
from telltale.serve.edge import Edge
from telltale.serve.http.call import Call, Handle, Reply
from telltale.serve.http.rsgi import problem_reply
from telltale.serve.http.struct_bodies import one_of, query_parameters
from telltale.serve.http.tracing import child_of
from telltale.serve.intake.feedback import receive_feedback
from telltale.serve.intake.writes import HEADER, check_key, request_key
from telltale.serve.live.live_task import ROW_KINDS, LiveTask, Place


def events_route(edge: Edge, app: str, event: EventSchema) -> Handle:
    """Takes the rows of one event."""
    # What is asked about an entity has no answer to a row.
    readers = [
        edge.place(app, task.name)
        for task in edge.apps[app].tasks
        if task.event == event.name and task.kind in ROW_KINDS
    ]
    limit = edge.settings.max_body_bytes

    async def route(call: Call) -> Reply:
        is_scored = bool(call.query) and _wants_answers(call.query)
        tasks = _serving(readers) if is_scored else []
        given = check_key(call.headers.get(HEADER))
        body = await call.body(limit)
        key = request_key(given, actor=call.caller.actor, path=call.path, query=call.query, body=body)
        now = datetime.now(UTC)
        with child_of(edge.tracing, "intake"):
            return Reply(await edge.intake.receive(app, event, body, score_with=tasks, now=now, key=key))

    return _at_door(edge, limit, route)


def feedback_route(edge: Edge) -> Handle:
    """Takes what turned out to be true."""
    limit = edge.settings.max_body_bytes

    async def route(call: Call) -> Reply:
        given = check_key(call.headers.get(HEADER))
        body = await call.body(limit)
        actor = call.caller.actor
        key = request_key(given, actor=actor, path=call.path, query=call.query, body=body)
        with child_of(edge.tracing, "intake"):
            return Reply(await receive_feedback(edge, body, actor=actor, now=datetime.now(UTC), key=key))

    return _at_door(edge, limit, route)


def _at_door(edge: Edge, limit: int, route: Handle) -> Handle:
    """The route for as many bodies as may be in work; the others are refused unread."""
    door = edge.intake.door

    async def handle(call: Call) -> Reply:
        n_bytes = _announced(call, limit)
        try:
            door.enter(n_bytes)
        except UnavailableError as error:
            reply = problem_reply(error)
            # The body is still in the connection, which therefore cannot serve another request.
            return reply._replace(headers=(*reply.headers, ("connection", "close")))
        try:
            return await route(call)
        finally:
            door.leave(n_bytes)

    return handle


def _announced(call: Call, limit: int) -> int:
    """Bytes of the body: as announced, or as many as there may be. One that is too long is refused by another check."""
    length = call.headers.get("content-length")
    return limit if length is None or not length.isdecimal() else min(int(length), limit)


def _serving(places: Sequence[Place]) -> list[LiveTask]:
    """The versions that serve. Raises UnavailableError where there is none; one of two tasks may have none yet."""
    serving = [place.live for place in places if isinstance(place.live, LiveTask)]
    if not serving:
        for place in places:
            place.asked()
    return serving


def _wants_answers(query: str) -> bool:
    """What `?score=` says. Raises SchemaError where it is neither true nor false, or said twice."""
    told = one_of(query_parameters(query).get("score", ["false"]), "score")
    if told not in {"true", "false"}:
        raise SchemaError(f"score is {told[:60]!r}", where="query string, score", mend="Give true or false.")
    return told == "true"
