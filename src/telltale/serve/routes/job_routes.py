"""Retraining over HTTP: jobs that were asked for, and schedules."""

from datetime import UTC, datetime
from typing import Annotated, Any

import msgspec
from litestar import Request, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter

from telltale.retrain.jobs import BY_HAND, Job, JobState, read_job, read_jobs
from telltale.retrain.schedules import Schedule, find_schedule, set_schedule
from telltale.serve.edge import Edge
from telltale.serve.guard.caller import caller_of
from telltale.serve.http.struct_bodies import Reason
from telltale.serve.routes.route_context import RouteContext

_MOST_JOBS = 1_000


class JobRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A task to be retrained by the next worker, and why; of jobs that wait the one of the highest priority is done first."""

    app: str
    task: str
    reason: Reason = "asked for"
    priority: Annotated[int, msgspec.Meta(ge=0, le=100)] = BY_HAND


class ShownSchedule(msgspec.Struct, frozen=True, kw_only=True):
    """A schedule, and when it is due next; None while it is paused."""

    schedule: Schedule
    next_at: datetime | None


def job_routes(edge: Edge) -> list[HTTPRouteHandler]:
    """The routes under /v1/jobs and /v1/schedules."""
    context = RouteContext(edge)
    state = edge.folder.state

    @get("/v1/jobs", sync_to_thread=True, summary="Jobs, newest first")
    def jobs(
        app: FromQuery[str | None] = None,
        task: FromQuery[str | None] = None,
        job_state: Annotated[JobState | None, QueryParameter(name="state")] = None,
        limit: FromQuery[int] = 100,
    ) -> list[Job]:
        return read_jobs(state, app=app, task=task, job_state=job_state, limit=max(0, min(limit, _MOST_JOBS)))

    @get("/v1/jobs/{job_id:str}", sync_to_thread=True, summary="One job")
    def one_job(job_id: FromPath[str]) -> Job:
        return read_job(state, job_id)

    @post("/v1/jobs", sync_to_thread=True, status_code=202, summary="Ask for a task to be retrained")
    def ask(request: Request[Any, Any, Any], data: JSONBody[JobRequest]) -> Job:
        actor = caller_of(request).actor
        return context.enqueue(data.app, [data.task], actor=actor, reason=data.reason, priority=data.priority)[0]

    @get("/v1/schedules", sync_to_thread=True, summary="Every schedule, and when it is due next")
    def schedules() -> list[ShownSchedule]:
        return [_shown(schedule) for schedule in context.schedules()]

    @post(
        "/v1/schedules/{app:str}/{name:str}/run",
        sync_to_thread=True,
        status_code=202,
        summary="Ask for what a schedule retrains to be retrained now",
    )
    def run(request: Request[Any, Any, Any], app: FromPath[str], name: FromPath[str]) -> list[Job]:
        tasks = find_schedule(edge.apps, app, name)
        return context.enqueue(app, tasks, actor=caller_of(request).actor, reason=f"schedule {name}, run by hand")

    @post("/v1/schedules/{app:str}/{name:str}/pause", sync_to_thread=True, status_code=200, summary="Pause a schedule")
    def pause(app: FromPath[str], name: FromPath[str]) -> ShownSchedule:
        return _change(context, edge, app, name, paused=True)

    @post("/v1/schedules/{app:str}/{name:str}/resume", sync_to_thread=True, status_code=200, summary="Resume it")
    def resume(app: FromPath[str], name: FromPath[str]) -> ShownSchedule:
        return _change(context, edge, app, name, paused=False)

    return [jobs, one_job, ask, schedules, run, pause, resume]


def _change(context: RouteContext, edge: Edge, app: str, name: str, *, paused: bool) -> ShownSchedule:
    find_schedule(edge.apps, app, name)
    context.schedules()
    set_schedule(context.state, app, name, paused=paused)
    return next(_shown(found) for found in context.schedules() if (found.app, found.name) == (app, name))


def _shown(schedule: Schedule) -> ShownSchedule:
    return ShownSchedule(schedule=schedule, next_at=schedule.next_at(datetime.now(UTC)))
