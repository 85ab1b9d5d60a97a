"""Work that was asked for and is done later, once, by whichever worker comes first."""

import secrets
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final, Literal

import msgspec
from sqlalchemy import Connection, Row, delete, exists, func, insert, select, update
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from telltale.contract.errors import NotFoundError
from telltale.storage.database import Database
from telltale.storage.instants import from_us, to_us
from telltale.storage.leases import hold_lease, release_lease
from telltale.storage.tables import job as job_table
from telltale.storage.tables import job_tally, lease

JobState = Literal["queued", "running", "done", "failed", "skipped"]
Ended = Literal["done", "failed", "skipped"]

# A worker prolongs its hold a few times within this; one that has not for so long is taken for dead.
HOLD_S: Final = 180.0


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """A piece of work.

    Args:
        id: sorts by when it was asked for.
        kind: "retrain".
        app, task: what is retrained.
        state: "done" whatever became of the version it made; "skipped" where there was nothing to do.
        actor: who asked.
        reason: why.
        created_at: when it was asked for.
        started_at, finished_at: None before.
        result: how it ended; None before.
    """

    id: str
    kind: str
    app: str
    task: str
    state: JobState
    actor: str
    reason: str
    created_at: datetime
    started_at: datetime | None = None
    finished_at: datetime | None = None
    result: dict[str, Any] | None = None


def enqueue_job(
    state: Database, app: str, task: str, *, actor: str, reason: str, now: datetime, kind: str = "retrain"
) -> Job:
    """Ask for work; the job that waits already where there is one for the same task."""
    with state.write() as connection:
        same = select(job_table).where(
            job_table.c.kind == kind,
            job_table.c.app == app,
            job_table.c.task == task,
            job_table.c.state == "queued",
        )
        waiting = connection.execute(same).first()
        if waiting is not None:
            return _job(waiting)
        return _add(connection, app, task, kind=kind, actor=actor, reason=reason, now=now)


def begin_job(
    state: Database,
    app: str,
    task: str,
    *,
    actor: str,
    reason: str,
    owner: str,
    now: datetime,
    kind: str = "retrain",
) -> Job:
    """A job that its worker does at once, so that it is listed like any other."""
    with state.write() as connection:
        job = _add(connection, app, task, kind=kind, actor=actor, reason=reason, now=now)
        started = _start(connection, job, now=now)
    hold_job(state, job.id, owner=owner, now=now)
    return started


def claim_job(state: Database, *, apps: Iterable[str], owner: str, now: datetime) -> Job | None:
    """Take the oldest job that waits; each is given to one caller, in whatever process. None where there is none.

    A task of which a job is being done is passed over: its next one comes after.
    """
    running = job_table.alias("running")
    is_busy = exists().where(
        running.c.app == job_table.c.app, running.c.task == job_table.c.task, running.c.state == "running"
    )
    oldest = (
        select(job_table)
        .where(job_table.c.state == "queued", job_table.c.app.in_(list(apps)), ~is_busy)
        .order_by(job_table.c.created_us, job_table.c.id)
        .limit(1)
    )
    if not _any(state, "queued"):
        return None
    # One transaction that writes from its start: nobody else can take the same row between the two statements.
    with state.write() as connection:
        found = connection.execute(oldest).first()
        if found is None:
            return None
        job = _start(connection, _job(found), now=now)
    hold_job(state, job.id, owner=owner, now=now)
    return job


def hold_job(state: Database, job_id: str, *, owner: str, now: datetime) -> bool:
    """Say that the worker is alive and at it; to be said again well within `HOLD_S`."""
    return hold_lease(state, _lease_name(job_id), owner=owner, ttl_s=HOLD_S, now=now)


def finish_job(
    state: Database, job_id: str, *, ended: Ended, result: Mapping[str, Any], owner: str, now: datetime
) -> bool:
    """Record how it ended; False where it is not running any more, since its worker was taken for dead meanwhile."""
    values = {"state": ended, "finished_us": to_us(now), "result": msgspec.json.encode(result).decode()}
    statement = update(job_table).where(job_table.c.id == job_id, job_table.c.state == "running").values(**values)
    with state.write() as connection:
        is_ours = connection.execute(statement).rowcount == 1
    release_lease(state, _lease_name(job_id), owner=owner)
    return is_ours


def fail_abandoned_jobs(state: Database, *, now: datetime) -> list[Job]:
    """Fail the jobs whose worker has not been heard of for `HOLD_S`, so that none stays "running" for ever."""
    if not _any(state, "running"):
        return []
    held = exists().where(lease.c.name == "job:" + job_table.c.id, lease.c.expires_us > to_us(now))
    lost = select(job_table).where(
        job_table.c.state == "running",
        job_table.c.started_us <= to_us(now - timedelta(seconds=HOLD_S)),
        ~held,
    )
    result = {"action": "failed", "reason": "its worker ended before it was done; ask for it again"}
    with state.write() as connection:
        found = [_job(row) for row in connection.execute(lost)]
        for job in found:
            connection.execute(
                update(job_table)
                .where(job_table.c.id == job.id)
                .values(state="failed", finished_us=to_us(now), result=msgspec.json.encode(result).decode())
            )
    return [msgspec.structs.replace(job, state="failed", finished_at=now, result=result) for job in found]


def forget_jobs(state: Database, *, before: datetime) -> int:
    """Remove jobs that ended before a moment; how many. That they were is remembered, for figures that never fall."""
    is_old = job_table.c.finished_us < to_us(before)
    columns = [job_tally.c.app, job_tally.c.task, job_tally.c.n_jobs]
    counted = (
        select(job_table.c.app, job_table.c.task, func.count())
        .where(is_old)
        .group_by(job_table.c.app, job_table.c.task)
    )
    tally = sqlite_insert(job_tally).from_select(columns, counted)
    tally = tally.on_conflict_do_update(
        index_elements=columns[:2], set_={"n_jobs": job_tally.c.n_jobs + tally.excluded.n_jobs}
    )
    with state.write() as connection:
        connection.execute(tally)
        return connection.execute(delete(job_table).where(is_old)).rowcount


def read_job(state: Database, job_id: str) -> Job:
    """One job. Raises NotFoundError."""
    with state.read() as connection:
        found = connection.execute(select(job_table).where(job_table.c.id == job_id)).first()
    if found is None:
        raise NotFoundError(f"there is no job {job_id!r}", where="jobs", mend="See `telltale jobs`, or GET /v1/jobs.")
    return _job(found)


def read_jobs(
    state: Database,
    *,
    app: str | None = None,
    task: str | None = None,
    job_state: JobState | None = None,
    limit: int = 100,
) -> list[Job]:
    """Jobs, newest first."""
    query = select(job_table).order_by(job_table.c.created_us.desc(), job_table.c.id.desc()).limit(limit)
    for column, wanted in ((job_table.c.app, app), (job_table.c.task, task), (job_table.c.state, job_state)):
        if wanted is not None:
            query = query.where(column == wanted)
    with state.read() as connection:
        return [_job(row) for row in connection.execute(query)]


def _any(state: Database, job_state: JobState) -> bool:
    """Asked first, so that workers with nothing to do do not take turns at writing."""
    return bool(state.fetch("SELECT 1 FROM job WHERE state = ? LIMIT 1", (job_state,)))


def _add(connection: Connection, app: str, task: str, *, kind: str, actor: str, reason: str, now: datetime) -> Job:
    job = Job(
        id=f"{now:%Y%m%dT%H%M%S%f}-{secrets.token_hex(4)}",
        kind=kind,
        app=app,
        task=task,
        state="queued",
        actor=actor,
        reason=reason,
        created_at=now,
    )
    connection.execute(
        insert(job_table).values(
            id=job.id,
            kind=kind,
            app=app,
            task=task,
            state=job.state,
            actor=actor,
            reason=reason,
            created_us=to_us(now),
        )
    )
    return job


def _start(connection: Connection, job: Job, *, now: datetime) -> Job:
    statement = update(job_table).where(job_table.c.id == job.id).values(state="running", started_us=to_us(now))
    connection.execute(statement)
    return msgspec.structs.replace(job, state="running", started_at=now)


def _lease_name(job_id: str) -> str:
    return f"job:{job_id}"


def _job(row: Row[Any]) -> Job:
    return Job(
        id=row.id,
        kind=row.kind,
        app=row.app,
        task=row.task,
        state=row.state,
        actor=row.actor,
        reason=row.reason,
        created_at=from_us(row.created_us),
        started_at=None if row.started_us is None else from_us(row.started_us),
        finished_at=None if row.finished_us is None else from_us(row.finished_us),
        result=None if row.result is None else msgspec.json.decode(row.result),
    )
