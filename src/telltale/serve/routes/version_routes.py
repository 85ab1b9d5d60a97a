"""Versions over HTTP: what there is, promotion, the way back, and the ledger."""

from datetime import UTC, datetime
from typing import Any

import msgspec
from litestar import Request, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, JSONBody

from telltale.registry.ledger import Move
from telltale.registry.versions import Version
from telltale.serve.edge import Edge
from telltale.serve.guard.caller import caller_of
from telltale.serve.http.struct_bodies import Reason


class Promotion(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A version to be champion (a number, a label or "latest"), and why."""

    version: int | str
    reason: Reason = ""
    override: bool = False


class Rollback(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Why to go back to the champion before."""

    reason: Reason


def version_routes(edge: Edge) -> list[HTTPRouteHandler]:
    """The routes under /v1/versions."""

    @get("/v1/versions", sync_to_thread=True, summary="Every version of every task")
    def all_versions() -> list[Version]:
        return [_shown(version) for version in edge.registry.all_versions() if version.app in edge.apps]

    @get("/v1/versions/{app:str}/{task:str}", sync_to_thread=True, summary="Versions of a task, oldest first")
    def versions(app: FromPath[str], task: FromPath[str]) -> list[Version]:
        edge.place(app, task)
        return [_shown(version) for version in edge.registry.versions(app, task)]

    @get("/v1/versions/{app:str}/{task:str}/history", sync_to_thread=True, summary="Moves of a task, oldest first")
    def history(app: FromPath[str], task: FromPath[str]) -> list[Move]:
        edge.place(app, task)
        return edge.registry.history(app, task)

    @post("/v1/versions/{app:str}/{task:str}/promote", sync_to_thread=True, status_code=200, summary="Make a champion")
    def promote(
        request: Request[Any, Any, Any], app: FromPath[str], task: FromPath[str], data: JSONBody[Promotion]
    ) -> Version:
        edge.place(app, task)
        number = edge.registry.resolve(app, task, str(data.version)).number
        promoted = edge.registry.promote(
            app,
            task,
            number,
            actor=caller_of(request).actor,
            reason=data.reason,
            now=datetime.now(UTC),
            override=data.override,
        )
        edge.versions.refresh()
        return _shown(promoted)

    @post(
        "/v1/versions/{app:str}/{task:str}/rollback",
        sync_to_thread=True,
        status_code=200,
        summary="Go back to the champion before",
    )
    def rollback(
        request: Request[Any, Any, Any], app: FromPath[str], task: FromPath[str], data: JSONBody[Rollback]
    ) -> Version:
        edge.place(app, task)
        actor = caller_of(request).actor
        restored = edge.registry.rollback(app, task, actor=actor, reason=data.reason, now=datetime.now(UTC))
        edge.versions.refresh()
        return _shown(restored)

    return [all_versions, versions, history, promote, rollback]


def _shown(version: Version) -> Version:
    # Where files lie on the server is nobody's business.
    return msgspec.structs.replace(version, path=version.path.relative_to(version.path.parents[2]))
