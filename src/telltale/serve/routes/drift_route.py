"""Drift over HTTP."""

from litestar import get
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, FromQuery

from telltale.monitor.drift.findings import Finding, newest_findings
from telltale.serve.edge import Edge

_MOST_FINDINGS = 1_000


def drift_route(edge: Edge) -> HTTPRouteHandler:
    """The route /v1/drift."""

    @get(
        "/v1/drift/{app:str}/{task:str}",
        sync_to_thread=True,
        summary="What looks at a task's inputs and scores found, newest first",
    )
    def drift(app: FromPath[str], task: FromPath[str], limit: FromQuery[int] = 24) -> list[Finding]:
        edge.place(app, task)
        return newest_findings(edge.folder.events, app, task, limit=max(0, min(limit, _MOST_FINDINGS)))

    return drift
