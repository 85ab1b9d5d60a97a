"""Work that was asked for and is done later, once, by whichever worker comes first."""

import secrets
from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final, Literal

import msgspec
from sqlalchemy import Connection, Row, delete, func, insert, select, update

from telltale.contract.errors import NotFoundError
from telltale.storage.database import Database
from telltale.storage.instants import from_us, to_us
from telltale.storage.tables import job as job_table
from telltale.storage.tables import job_tally
from telltale.storage.upserts import insert_into

JobState = Literal["queued", "running", "done", "failed", "skipped"]
Ended = Literal["done", "failed", "skipped"]

# The higher is done first: what a person asks for, before what a rule found, before what was due anyway.
BY_HAND: Final = 10
BY_TRIGGER: Final = 5
BY_SCHEDULE: Final = 0


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
        priority: of those that wait the highest is done first.
        attempt: 1, and one more each time its worker died in the middle of it.
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
    priority: int = BY_SCHEDULE
    attempt: int = 1


def enqueue_job(
    state: Database,
    app: str,
    task: str,
    *,
    actor: str,
    reason: str,
    now: datetime,
    kind: str = "retrain",
    priority: int = BY_HAND,
) -> Job:
    """Ask for work; see `ask_within`, which does it in a transaction at hand."""
    with state.write() as connection:
        return ask_within(connection, app, task, actor=actor, reason=reason, now=now, kind=kind, priority=priority)


def ask_within(
    connection: Connection,
    app: str,
    task: str,
    *,
    actor: str,
    reason: str,
    now: datetime,
    kind: str = "retrain",
    priority: int,
) -> Job:
    """Ask for work; the job that waits already where there is one for the same task.

    Where that is less urgent it becomes as urgent as this one, and is asked for by whom this one is: what a person asks
    for is done though nothing new was stored.
    """
    same = select(job_table).where(
        job_table.c.kind == kind, job_table.c.app == app, job_table.c.task == task, job_table.c.state == "queued"
    )
    waiting = connection.execute(same.order_by(job_table.c.priority.desc())).first()
    if waiting is None:
        return add_job(connection, app, task, kind=kind, actor=actor, reason=reason, now=now, priority=priority)
    if waiting.priority >= priority:
        return job_of(waiting)
    values: dict[str, Any] = {"priority": priority, "actor": actor, "reason": reason}
    connection.execute(update(job_table).where(job_table.c.id == waiting.id).values(**values))
    return msgspec.structs.replace(job_of(waiting), **values)


def forget_jobs(state: Database, *, before: datetime) -> int:
    """Remove jobs that ended before a moment; how many. That they were is remembered, for figures that never fall."""
    is_old = job_table.c.finished_us < to_us(before)
    columns = [job_tally.c.app, job_tally.c.task, job_tally.c.n_jobs]
    counted = (
        select(job_table.c.app, job_table.c.task, func.count())
        .where(is_old)
        .group_by(job_table.c.app, job_table.c.task)
    )
    with state.write() as connection:
        tally = insert_into(connection, job_tally).from_select(columns, counted)
        tally = tally.on_conflict_do_update(
            index_elements=columns[:2], set_={"n_jobs": job_tally.c.n_jobs + tally.excluded.n_jobs}
        )
        connection.execute(tally)
        return connection.execute(delete(job_table).where(is_old)).rowcount


def read_job(state: Database, job_id: str) -> Job:
    """One job. Raises NotFoundError."""
    with state.read() as connection:
        found = connection.execute(select(job_table).where(job_table.c.id == job_id)).first()
    if found is None:
        raise NotFoundError(f"there is no job {job_id!r}", where="jobs", mend="See `telltale jobs`, or GET /v1/jobs.")
    return job_of(found)


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
        return [job_of(row) for row in connection.execute(query)]


def read_some_jobs(state: Database, ids: Iterable[str]) -> list[Job]:
    """The jobs of these ids, in any order; those forgotten since are left out."""
    with state.read() as connection:
        return [job_of(row) for row in connection.execute(select(job_table).where(job_table.c.id.in_(list(ids))))]


def add_job(
    connection: Connection,
    app: str,
    task: str,
    *,
    kind: str,
    actor: str,
    reason: str,
    now: datetime,
    priority: int,
) -> Job:
    """A job that waits, whatever waits beside it."""
    job = Job(
        id=f"{now:%Y%m%dT%H%M%S%f}-{secrets.token_hex(4)}",
        kind=kind,
        app=app,
        task=task,
        state="queued",
        actor=actor,
        reason=reason,
        created_at=now,
        priority=priority,
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
            priority=priority,
        )
    )
    return job


def job_of(row: Row[Any]) -> Job:
    """A job from its row."""
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
        priority=row.priority,
        attempt=row.attempt,
    )
