"""Promised paths that ask for training, and that tell of schedules.

Training is a job: it is queued, a worker (`telltale up`, `telltale work`) does it on the stored events, and the gate and the
comparison with the champion decide what becomes of it. So it is answered with 202 and where to ask how it went.
"""

from datetime import UTC, datetime

import msgspec

from telltale.apps.storefront.model_types import ALL, APP_NAME, TASKS, model_type_of, tasks_of
from telltale.contract.errors import UsageError
from telltale.contract.route import Route, RouteRequest
from telltale.retrain.jobs import Job, JobState, read_jobs
from telltale.retrain.schedules import Schedule, set_schedule
from telltale.serve.routes.route_context import RouteContext

_LATEST = 10


class TriggerBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which models: anomaly, clustering, recommendation, trend, or all."""

    model_type: str


class QueuedJob(msgspec.Struct, frozen=True, kw_only=True):
    """A training run that was asked for. `GET /v1/jobs/{job_id}` says how it goes."""

    job_id: str
    model_type: str
    status: JobState
    asked_at: datetime
    reason: str


class Accepted(msgspec.Struct, frozen=True, kw_only=True):
    """What will be trained, once a worker comes to it."""

    jobs: tuple[QueuedJob, ...]
    next: str = "GET /v1/jobs/{job_id} says how it went; a worker (telltale up, telltale work) does it"
    status: str = "accepted"


class ScheduledJob(msgspec.Struct, frozen=True, kw_only=True):
    """A schedule. `id` is what pause and resume take; `cron` is in UTC; `next_run_at` is None while it is paused."""

    id: str
    model_types: tuple[str, ...]
    cron: str
    is_paused: bool
    next_run_at: datetime | None
    last_run_at: datetime | None
    last_run_status: str | None


class SchedulerStatus(msgspec.Struct, frozen=True, kw_only=True):
    """Schedules, and the training runs last asked for, newest first. `status` is "paused" where every schedule is."""

    status: str
    jobs: tuple[ScheduledJob, ...]
    latest: tuple[QueuedJob, ...]


def train(context: RouteContext, _request: RouteRequest) -> Accepted:
    """Ask for every task to be trained."""
    return _enqueue(context, tasks_of(ALL), reason="POST /train")


def trigger(context: RouteContext, request: RouteRequest) -> Accepted:
    """Ask for one task, or all, to be trained."""
    asked: TriggerBody = request.body
    return _enqueue(context, tasks_of(asked.model_type), reason=f"POST /scheduler/trigger, {asked.model_type}")


def scheduler_status(context: RouteContext, _request: RouteRequest) -> SchedulerStatus:
    """Every schedule of the shop."""
    found = tuple(_scheduled(schedule) for schedule in _schedules(context))
    jobs = read_jobs(context.state, app=APP_NAME, limit=_LATEST)
    return SchedulerStatus(
        status="paused" if found and all(job.is_paused for job in found) else "active",
        jobs=found,
        latest=tuple(map(_queued, jobs)),
    )


def pause(context: RouteContext, request: RouteRequest) -> ScheduledJob:
    """Let a schedule rest until it is resumed."""
    return _set_paused(context, request.path["job_id"], paused=True)


def resume(context: RouteContext, request: RouteRequest) -> ScheduledJob:
    """Take a schedule up again; slots missed meanwhile are made up for once."""
    return _set_paused(context, request.path["job_id"], paused=False)


def _enqueue(context: RouteContext, tasks: tuple[str, ...], *, reason: str) -> Accepted:
    return Accepted(jobs=tuple(map(_queued, context.enqueue(APP_NAME, tasks, actor=context.actor, reason=reason))))


def _queued(job: Job) -> QueuedJob:
    return QueuedJob(
        job_id=job.id,
        model_type=model_type_of(job.task),
        status=job.state,
        asked_at=job.created_at,
        reason=job.reason,
    )


def _schedules(context: RouteContext) -> list[Schedule]:
    return [schedule for schedule in context.schedules() if schedule.app == APP_NAME]


def _scheduled(schedule: Schedule) -> ScheduledJob:
    return ScheduledJob(
        id=_job_id(schedule),
        model_types=tuple(map(model_type_of, schedule.tasks)),
        cron=schedule.cron,
        is_paused=schedule.paused,
        next_run_at=schedule.next_at(datetime.now(UTC)),
        last_run_at=schedule.last_slot,
        last_run_status=schedule.last_state,
    )


def _job_id(schedule: Schedule) -> str:
    return model_type_of(schedule.name) if schedule.name in TASKS.values() else schedule.name


def _set_paused(context: RouteContext, job_id: str, *, paused: bool) -> ScheduledJob:
    known = {_job_id(schedule): schedule.name for schedule in _schedules(context)}
    if job_id not in known:
        raise UsageError.not_one_of(job_id, known, where="job_id")
    set_schedule(context.state, APP_NAME, known[job_id], paused=paused)
    return next(_scheduled(schedule) for schedule in _schedules(context) if _job_id(schedule) == job_id)


TRAINING_ROUTES = (
    Route(
        method="POST",
        path="/train",
        summary="Train every model",
        handle=train,
        answer=Accepted,
        status=202,
        scope="operate",
    ),
    Route(
        method="GET",
        path="/scheduler/status",
        summary="Schedules of retraining, and the latest jobs",
        handle=scheduler_status,
        answer=SchedulerStatus,
    ),
    Route(
        method="POST",
        path="/scheduler/trigger",
        summary="Train one model, or all",
        handle=trigger,
        body=TriggerBody,
        answer=Accepted,
        status=202,
        scope="operate",
    ),
    Route(
        method="POST",
        path="/scheduler/pause/{job_id}",
        summary="Pause a schedule",
        handle=pause,
        answer=ScheduledJob,
        scope="operate",
    ),
    Route(
        method="POST",
        path="/scheduler/resume/{job_id}",
        summary="Resume a schedule",
        handle=resume,
        answer=ScheduledJob,
        scope="operate",
    ),
)
