"""What operators did, over HTTP."""

from litestar import get
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromQuery

from telltale.registry.audit import Act, read_acts
from telltale.serve.edge import Edge

_MOST_ACTS = 1_000


def audit_route(edge: Edge) -> HTTPRouteHandler:
    """The route `/v1/audit`."""

    @get("/v1/audit", sync_to_thread=True, summary="What operators did, newest first")
    def audit(limit: FromQuery[int] = 100) -> list[Act]:
        return read_acts(edge.folder.state, limit=max(0, min(limit, _MOST_ACTS)))

    return audit
