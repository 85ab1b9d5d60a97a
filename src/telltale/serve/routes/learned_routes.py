"""What versions learned since they were trained, over HTTP: the steps that are kept, and the way back."""

from datetime import UTC, datetime
from typing import Any

import msgspec
from litestar import Request, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, JSONBody

from telltale.registry.learned import Learned, learned_history, revert_learned
from telltale.serve.edge import Edge
from telltale.serve.guard.caller import caller_of


class Revert(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The step to go back to."""

    step: int


def learned_routes(edge: Edge) -> list[HTTPRouteHandler]:
    """The routes under /v1/versions/{app}/{task}/{number}/learned."""

    @get(
        "/v1/versions/{app:str}/{task:str}/{number:int}/learned",
        sync_to_thread=True,
        summary="What a version learned since it was trained, newest step first",
    )
    def learned(app: FromPath[str], task: FromPath[str], number: FromPath[int]) -> list[Learned]:
        edge.place(app, task)
        edge.registry.resolve(app, task, str(number))
        return learned_history(edge.folder.events, (app, task, number))

    @post(
        "/v1/versions/{app:str}/{task:str}/{number:int}/learned/revert",
        sync_to_thread=True,
        status_code=200,
        summary="Go back to an earlier step of what a version learned",
    )
    def revert(
        request: Request[Any, Any, Any],
        app: FromPath[str],
        task: FromPath[str],
        number: FromPath[int],
        data: JSONBody[Revert],
    ) -> Learned:
        edge.place(app, task)
        edge.registry.resolve(app, task, str(number))
        actor, now = caller_of(request).actor, datetime.now(UTC)
        made = revert_learned(edge.folder.events, (app, task, number), data.step, actor=actor, now=now)
        edge.versions.refresh()
        return made

    return [learned, revert]
