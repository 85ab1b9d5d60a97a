"""Reports and live quality over HTTP."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final

import msgspec
from litestar import Request, Response, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, FromQuery, JSONBody

from telltale.contract.app import App, Task
from telltale.contract.errors import UsageError
from telltale.monitor.live_quality import LiveQuality, live_quality
from telltale.monitor.report.document import Report
from telltale.monitor.report.gather import answering_versions, make_report
from telltale.monitor.report.page import report_page
from telltale.monitor.report.store import ReportHead, keep_report, read_report, report_heads
from telltale.serve.edge import Edge
from telltale.serve.guard.caller import caller_of

_MOST_REPORTS: Final = 1_000
_USUAL: Final = timedelta(days=7)
_PAGE: Final = ".html"
_YEARS: Final = range(1971, 2201)
Address = Annotated[str, msgspec.Meta(pattern=r"^[^/]+/[^/]+$")]


class ReportRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A range of time, by default the last seven days, and tasks (`app/task`), by default all. Naive times are UTC."""

    tasks: list[Address] = []
    since: datetime | None = None
    until: datetime | None = None


def report_routes(edge: Edge) -> list[HTTPRouteHandler]:
    """The routes under /v1/reports and /v1/quality."""
    state = edge.folder.state

    @get("/v1/reports", sync_to_thread=True, summary="Stored reports without their details, newest first")
    def reports(limit: FromQuery[int] = 100) -> list[ReportHead]:
        return report_heads(state, limit=max(0, min(limit, _MOST_REPORTS)))

    @get(
        "/v1/reports/{report_id:str}",
        sync_to_thread=True,
        summary="One report by its number; with .html behind it, as a page",
    )
    def one_report(report_id: FromPath[str]) -> Response[Report]:
        found = read_report(state, _number(report_id.removesuffix(_PAGE)))
        if report_id.endswith(_PAGE):
            # The other kind of answer of the same operation.
            return Response(report_page(found), media_type="text/html")  # type: ignore[arg-type]
        return Response(found)

    @post("/v1/reports", sync_to_thread=True, status_code=201, summary="Make and store a report")
    def make(request: Request[Any, Any, Any], data: JSONBody[ReportRequest]) -> Report:
        now = datetime.now(UTC)
        since, until = _span(data.since, data.until, now=now)
        edge.log.flush()
        made = make_report(edge.folder, edge.registry, _chosen(edge, data.tasks), since=since, until=until, now=now)
        return keep_report(state, made, actor=caller_of(request).actor)

    @get(
        "/v1/quality/{app:str}/{task:str}",
        sync_to_thread=True,
        summary="Quality of every version that answered, realised from labels and estimated without, last seven days",
    )
    def quality(
        app: FromPath[str],
        task: FromPath[str],
        since: FromQuery[datetime | None] = None,
        until: FromQuery[datetime | None] = None,
    ) -> list[LiveQuality]:
        edge.place(app, task)
        begin, end = _span(since, until, now=datetime.now(UTC))
        edge.log.flush()
        events, found = edge.folder.events, edge.apps[app]
        return [
            live_quality(events, edge.registry, found, found.task(task), version=version, since=begin, until=end)
            for version in answering_versions(events, app, task, since=begin, until=end)
        ]

    return [reports, one_report, make, quality]


def _chosen(edge: Edge, addresses: list[str]) -> list[tuple[App, Task]]:
    """The tasks of these addresses, or every one. Raises NotFoundError."""
    asked = [tuple(address.split("/")) for address in addresses] or list(edge.versions.places)
    for app, task in asked:
        edge.place(app, task)
    return [(edge.apps[app], edge.apps[app].task(task)) for app, task in dict.fromkeys(asked)]


def _span(since: datetime | None, until: datetime | None, *, now: datetime) -> tuple[datetime, datetime]:
    end = now if until is None else _aware(until)
    return (end - _USUAL if since is None else _aware(since)), end


def _aware(at: datetime) -> datetime:
    if at.year not in _YEARS:
        raise UsageError(
            f"the year {at.year} is outside of {_YEARS[0]} to {_YEARS[-1]}", where="range", mend="Give another moment."
        )
    return at if at.tzinfo is not None else at.replace(tzinfo=UTC)


def _number(report_id: str) -> int:
    if not (report_id.isascii() and report_id.isdigit() and len(report_id) < 19):
        raise UsageError(f"{report_id!r} is no number of a report", where="path", mend="See GET /v1/reports.")
    return int(report_id)
