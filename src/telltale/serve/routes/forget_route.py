"""Forgetting an entity over HTTP: what is in memory is written first, so that it goes too."""

from datetime import UTC, datetime
from typing import Annotated, Any

import msgspec
from litestar import Request, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import JSONBody

from telltale.contract.errors import UsageError
from telltale.registry.forget import Forgotten, forget
from telltale.serve.edge import Edge
from telltale.serve.guard.caller import caller_of
from telltale.telemetry.values import LONGEST_ENTITY


class ForgetRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whom to forget, of one app or of all. `trial` counts, and removes nothing."""

    entity: Annotated[str, msgspec.Meta(min_length=1, max_length=LONGEST_ENTITY)]
    app: str | None = None
    trial: bool = False


def forget_route(edge: Edge) -> HTTPRouteHandler:
    """The route `/v1/forget`."""

    @post("/v1/forget", sync_to_thread=True, status_code=200, summary="Remove everything that is kept of an entity")
    def forget_entity(request: Request[Any, Any, Any], data: JSONBody[ForgetRequest]) -> Forgotten:
        if data.app is not None and data.app not in edge.apps:
            raise UsageError.not_one_of(data.app, edge.apps, where="request body, app")
        edge.shadows.flush()
        edge.log.flush()
        return forget(
            edge.folder,
            data.entity,
            actor=caller_of(request).actor,
            now=datetime.now(UTC),
            app=data.app,
            trial=data.trial,
        )

    return forget_entity
