"""Work on jobs: begun by one worker, held while it lasts, ended once, and begun again where the worker died."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec
from sqlalchemy import ColumnElement, Connection, delete, exists, select, update

from telltale.retrain.jobs import BY_HAND, Ended, Job, JobState, add_job, job_of
from telltale.storage.database import Database
from telltale.storage.instants import to_us
from telltale.storage.leases import hold_lease, release_lease
from telltale.storage.tables import job as job_table
from telltale.storage.tables import lease

# A worker prolongs its hold a few times within this; one that has not for so long is taken for dead.
HOLD_S: Final = 180.0
# A job whose worker or process died is done again, until it was begun so often: what kills it may be the job itself.
MOST_ATTEMPTS: Final = 3


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
    priority: int = BY_HAND,
) -> Job:
    """A job that its worker does at once, so that it is listed like any other."""
    with state.write() as connection:
        job = add_job(connection, app, task, kind=kind, actor=actor, reason=reason, now=now, priority=priority)
        started = _start(connection, job, now=now)
    hold_job(state, job.id, owner=owner, now=now)
    return started


def claim_job(state: Database, *, apps: Iterable[str], owner: str, now: datetime) -> Job | None:
    """Take the most urgent job that waits, of several the oldest; each is given to one caller, in whatever process.

    None where there is none.

    A task of which a job is being done is passed over: its next one comes after.
    """
    running = job_table.alias("running")
    is_busy = exists().where(
        running.c.app == job_table.c.app, running.c.task == job_table.c.task, running.c.state == "running"
    )
    first = (
        select(job_table)
        .where(job_table.c.state == "queued", job_table.c.app.in_(list(apps)), ~is_busy)
        .order_by(job_table.c.priority.desc(), job_table.c.created_us, job_table.c.id)
        .limit(1)
    )
    if not _any(state, "queued"):
        return None
    # One transaction that writes from its start: nobody else can take the same row between the two statements.
    with state.write() as connection:
        found = connection.execute(first).first()
        if found is None:
            return None
        job = _start(connection, job_of(found), now=now)
    hold_job(state, job.id, owner=owner, now=now)
    return job


def hold_job(state: Database, job_id: str, *, owner: str, now: datetime) -> bool:
    """Say that the worker is alive and at it; to be said again well within `HOLD_S`."""
    return hold_lease(state, _lease_name(job_id), owner=owner, ttl_s=HOLD_S, now=now)


def finish_job(
    state: Database,
    job_id: str,
    *,
    ended: Ended,
    result: Mapping[str, Any],
    owner: str,
    now: datetime,
    attempt: int = 1,
) -> bool:
    """Record how it ended; False where that attempt is not running any more, since its worker was taken for dead."""
    values = {"state": ended, "finished_us": to_us(now), "result": msgspec.json.encode(result).decode()}
    with state.write() as connection:
        is_ours = connection.execute(update(job_table).where(*_running(job_id, attempt)).values(**values)).rowcount == 1
    release_lease(state, _lease_name(job_id), owner=owner)
    return is_ours


def put_back_job(state: Database, job: Job, *, owner: str) -> bool:
    """Let a job wait again that was begun and could not be done now, as where its worker is told to stop."""
    statement = update(job_table).where(*_running(job.id, job.attempt)).values(state="queued", started_us=None)
    with state.write() as connection:
        is_ours = connection.execute(statement).rowcount == 1
    release_lease(state, _lease_name(job.id), owner=owner)
    return is_ours


def retry_job(state: Database, job: Job, *, why: str, owner: str, now: datetime) -> Job:
    """Have a job begun again whose process died, or fail it where that was its last attempt; the job as it is now."""
    with state.write() as connection:
        found = connection.execute(select(job_table).where(*_running(job.id, job.attempt))).first()
        again = job if found is None else _again(connection, job_of(found), why=why, now=now)
    release_lease(state, _lease_name(job.id), owner=owner)
    return again


def fail_abandoned_jobs(state: Database, *, now: datetime) -> list[Job]:
    """Have the jobs begun again whose worker has not been heard of for `HOLD_S`; those whose last attempt it was fail.

    None stays "running" for ever. Returns them as they are now, "queued" or "failed".
    """
    if not _any(state, "running"):
        return []
    held = exists().where(lease.c.name == "job:" + job_table.c.id, lease.c.expires_us > to_us(now))
    lost = select(job_table).where(
        job_table.c.state == "running",
        job_table.c.started_us <= to_us(now - timedelta(seconds=HOLD_S)),
        ~held,
    )
    with state.write() as connection:
        found = [job_of(row) for row in connection.execute(lost)]
        return [_again(connection, job, why="its worker ended before it was done", now=now) for job in found]


def _any(state: Database, job_state: JobState) -> bool:
    """Asked first, so that workers with nothing to do do not take turns at writing."""
    return bool(state.fetch("SELECT 1 FROM job WHERE state = ? LIMIT 1", (job_state,)))


def _running(job_id: str, attempt: int) -> tuple[ColumnElement[bool], ...]:
    """The job while that attempt at it lasts: whoever woke up after it was given to another finds nothing."""
    return job_table.c.id == job_id, job_table.c.state == "running", job_table.c.attempt == attempt


def _again(connection: Connection, job: Job, *, why: str, now: datetime) -> Job:
    # The dead one's hold may last a while yet, and would keep the next from showing that it is alive.
    connection.execute(delete(lease).where(lease.c.name == _lease_name(job.id)))
    if job.attempt < MOST_ATTEMPTS:
        again = msgspec.structs.replace(job, state="queued", started_at=None, attempt=job.attempt + 1)
    else:
        result = {"action": "failed", "reason": f"{why}, at the last of {MOST_ATTEMPTS} attempts; ask for it again"}
        again = msgspec.structs.replace(job, state="failed", finished_at=now, result=result)
    values = {
        "state": again.state,
        "attempt": again.attempt,
        "started_us": None if again.started_at is None else to_us(again.started_at),
        "finished_us": None if again.finished_at is None else to_us(again.finished_at),
        "result": None if again.result is None else msgspec.json.encode(again.result).decode(),
    }
    connection.execute(update(job_table).where(job_table.c.id == job.id).values(**values))
    return again


def _start(connection: Connection, job: Job, *, now: datetime) -> Job:
    statement = update(job_table).where(job_table.c.id == job.id).values(state="running", started_us=to_us(now))
    connection.execute(statement)
    return msgspec.structs.replace(job, state="running", started_at=now)


def _lease_name(job_id: str) -> str:
    return f"job:{job_id}"
