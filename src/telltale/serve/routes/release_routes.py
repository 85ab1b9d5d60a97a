"""Releases over HTTP: what is under way and what was, a release begun, and one ended by hand."""

from datetime import UTC, datetime
from typing import Annotated, Any

import msgspec
from litestar import Request, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, FromQuery, JSONBody

from telltale.registry.release import Release
from telltale.registry.release_rows import LONGEST_STEP_S, Course
from telltale.registry.releases import Releases
from telltale.retrain.release.asking import begin_release, end_release
from telltale.serve.edge import Edge
from telltale.serve.guard.caller import caller_of
from telltale.serve.http.struct_bodies import Reason

_MOST_RELEASES = 1_000
Percent = Annotated[int, msgspec.Meta(ge=0, le=100)]
Above = Annotated[float, msgspec.Meta(gt=0)]


class ReleaseRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A version to be released (a number, a label or "latest"), and what it is to go through.

    `steps` are per cent of entities: [0] for a shadow, [50] for an A/B test, [5, 25, 50, 100] for a ramp, whose steps
    last `every_s` each. `margin` is a difference that would not matter.
    """

    version: int | str
    steps: Annotated[list[Percent], msgspec.Meta(min_length=1, max_length=101)]
    every_s: Annotated[float, msgspec.Meta(gt=0, le=LONGEST_STEP_S)] | None = None
    margin: Above | None = None
    reason: Reason = ""
    override: bool = False


class ReleaseEnd(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Why a release is ended."""

    reason: Reason


def release_routes(edge: Edge) -> list[HTTPRouteHandler]:
    """The routes under /v1/releases."""
    held = Releases(edge.folder.state, edge.folder.artifacts)

    @get("/v1/releases", sync_to_thread=True, summary="Releases, newest first; one without ended_at is under way")
    def releases(
        app: FromQuery[str | None] = None, task: FromQuery[str | None] = None, limit: FromQuery[int] = 100
    ) -> list[Release]:
        return held.all(app=app, task=task, limit=max(0, min(limit, _MOST_RELEASES)))

    @post("/v1/releases/{app:str}/{task:str}", sync_to_thread=True, status_code=201, summary="Release a version")
    def begin(
        request: Request[Any, Any, Any], app: FromPath[str], task: FromPath[str], data: JSONBody[ReleaseRequest]
    ) -> Release:
        edge.place(app, task)
        begun = begin_release(
            edge.folder,
            edge.apps[app],
            edge.apps[app].task(task),
            edge.registry.resolve(app, task, str(data.version)).number,
            course=Course(steps=tuple(data.steps), every_s=data.every_s, margin=data.margin),
            actor=caller_of(request).actor,
            reason=data.reason,
            now=datetime.now(UTC),
            override=data.override,
        )
        edge.versions.refresh()
        return begun

    @post(
        "/v1/releases/{app:str}/{task:str}/stop",
        sync_to_thread=True,
        status_code=200,
        summary="End a release: a champion that is watched stays, another version decides nothing any more",
    )
    def stop(
        request: Request[Any, Any, Any], app: FromPath[str], task: FromPath[str], data: JSONBody[ReleaseEnd]
    ) -> Release:
        edge.place(app, task)
        actor = caller_of(request).actor
        ended = end_release(held, app, task, actor=actor, reason=data.reason, now=datetime.now(UTC))
        edge.versions.refresh()
        return ended

    return [releases, begin, stop]
