"""Every route that is not hot: health, metrics, versions, predictions, documentation."""

import os
import re
from typing import Any

from litestar import Litestar, Request, Response, get
from litestar.exceptions import HTTPException
from litestar.openapi.config import OpenAPIConfig
from litestar.params import FromPath, FromQuery
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from telltale.contract.errors import NotFoundError, TelltaleError, TooLargeError
from telltale.monitor.predictions import StoredPrediction, prediction, recent_predictions
from telltale.serve.edge import Edge
from telltale.serve.http.asgi_bridge import bridged
from telltale.serve.http.call import Handle
from telltale.serve.http.problems import PROBLEM_TYPE, Problem, problem_of
from telltale.serve.routes.alarm_routes import alarm_routes
from telltale.serve.routes.app_routes import app_routes
from telltale.serve.routes.audit_route import audit_route
from telltale.serve.routes.dashboard_route import dashboard_route
from telltale.serve.routes.drift_route import drift_route
from telltale.serve.routes.forget_route import forget_route
from telltale.serve.routes.health_routes import health_routes
from telltale.serve.routes.hot_routes import kernel_routes
from telltale.serve.routes.infer_routes import infer_routes
from telltale.serve.routes.job_routes import job_routes
from telltale.serve.routes.learned_routes import learned_routes
from telltale.serve.routes.openapi import DocumentPlugin, PagePlugin
from telltale.serve.routes.page_routes import PAGE_PATHS
from telltale.serve.routes.release_routes import release_routes
from telltale.serve.routes.report_routes import report_routes
from telltale.serve.routes.version_routes import version_routes

_MOST_PREDICTIONS = 1_000
_DOCUMENTS = ("/docs", "/docs/openapi.json")


def management(edge: Edge) -> Handle:
    """The Litestar application over an edge, as a handle.

    Raises:
        UsageError: a path of an app collides with one of ours.
    """

    @get("/metrics", sync_to_thread=True, summary="Figures for Prometheus")
    def metrics() -> Response[bytes]:
        return Response(_metrics_page(edge), headers={"content-type": CONTENT_TYPE_LATEST})

    @get("/v1/predictions/{prediction_id:str}", sync_to_thread=True, summary="One logged answer")
    def one_prediction(prediction_id: FromPath[str]) -> StoredPrediction:
        try:
            return prediction(edge.folder.events, prediction_id)
        except NotFoundError:
            edge.log.flush()
            return prediction(edge.folder.events, prediction_id)

    @get("/v1/predictions/{app:str}/{task:str}", sync_to_thread=True, summary="The newest logged answers of a task")
    def predictions(app: FromPath[str], task: FromPath[str], limit: FromQuery[int] = 100) -> list[StoredPrediction]:
        edge.place(app, task)
        edge.log.flush()
        return recent_predictions(edge.folder.events, app, task, limit=max(0, min(limit, _MOST_PREDICTIONS)))

    ours = [
        *health_routes(edge),
        *alarm_routes(edge),
        drift_route(edge),
        *(metrics, one_prediction, predictions),
        *version_routes(edge),
        *learned_routes(edge),
        *release_routes(edge),
        *job_routes(edge),
        *report_routes(edge),
        dashboard_route(edge),
        audit_route(edge),
        forget_route(edge),
        *infer_routes(edge),
    ]
    taken = {_in_braces(path) for handler in ours for path in handler.paths} | {
        *kernel_routes(edge),
        *_DOCUMENTS,
        *PAGE_PATHS,
    }
    application = Litestar(
        route_handlers=[*ours, *app_routes(edge, sorted(taken))],
        exception_handlers={Exception: _problem},
        openapi_config=OpenAPIConfig(
            title="telltale",
            version="1",
            path="/docs",
            render_plugins=[PagePlugin(edge.apps.values()), DocumentPlugin(edge.apps.values())],
        ),
        logging_config=None,
    )
    of_apps = (route.max_body_bytes or 0 for app in edge.apps.values() for route in app.routes)
    limit = max(edge.settings.max_body_bytes, *of_apps, 0)
    # Its scope and messages are typed more narrowly than ours.
    return bridged(application, max_body_bytes=limit)  # type: ignore[arg-type]


def _in_braces(path: str) -> str:
    """A path in Litestar's spelling in ours: without the types of its parts."""
    return re.sub(r"\{(\w+):\w+\}", r"{\1}", path)


def _metrics_page(edge: Edge) -> bytes:
    edge.log.flush()
    if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
        return generate_latest(edge.metrics.registry)
    # Several workers: each keeps its figures in a file, and whichever is asked adds them up.
    everyone = CollectorRegistry()
    MultiProcessCollector(everyone)  # type: ignore[no-untyped-call]  # the library has no annotation here
    everyone.register(edge.state_metrics)
    everyone.register(edge.event_metrics)
    everyone.register(edge.source_metrics)
    return generate_latest(everyone)


def _problem(_request: Request[Any, Any, Any], error: Exception) -> Response[Problem]:
    if isinstance(error, HTTPException):
        problem = Problem(
            type="urn:telltale:http",
            title="Wrong use" if error.status_code < 500 else TelltaleError.title,
            status=error.status_code,
            detail=_detail(error) if error.status_code < 500 else "the fault is the server's",
            where=_request.url.path,
            mend="GET /docs lists every path, what it takes and what it answers.",
        )
    else:
        problem = problem_of(error)
    # Of a body that is too long the rest was not read: the connection cannot serve another request.
    headers = {"connection": "close"} if problem.status == TooLargeError.status else {}
    return Response(problem, status_code=problem.status, media_type=PROBLEM_TYPE, headers=headers)


def _detail(error: HTTPException) -> str:
    extra = error.extra if isinstance(error.extra, list) else []
    faults = [f"{item.get('key', '')}: {item.get('message', '')}" for item in extra if isinstance(item, dict)]
    return "; ".join([error.detail, *faults])
