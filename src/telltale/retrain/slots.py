"""Work that is due once per slot of a schedule, however many processes there are and whichever of them dies.

A slot is claimed, and what it asks for is queued, in one transaction: from there on it is the jobs that are done, begun
again where their worker died, and told of. The slot ends with the last of them.
"""

from datetime import datetime, timedelta
from typing import Any, Final

import msgspec
from sqlalchemy import Row, select, update

from telltale.retrain.cron import Due
from telltale.retrain.jobs import BY_SCHEDULE, Job, ask_within, read_some_jobs
from telltale.retrain.schedules import Schedule
from telltale.storage.database import Database
from telltale.storage.instants import to_us
from telltale.storage.tables import slot
from telltale.storage.upserts import insert_into

ACTOR: Final = "schedule"


class _Asked(msgspec.Struct, frozen=True, kw_only=True):
    jobs: tuple[str, ...] = ()


def open_slot(state: Database, schedule: Schedule, due: Due, *, owner: str, now: datetime) -> bool:
    """Claim a slot and ask for the retraining of its tasks; True for exactly one caller, ever, in whatever process.

    Args:
        state: the state database.
        schedule: what is due.
        due: the slot.
        owner: who claims, for whoever looks at the table.
        now: aware.
    """
    missed = f", in place of {due.n_missed} missed before it too" if due.n_missed else ""
    reason = f"schedule {schedule.name}, due {due.at.isoformat()}{missed}"
    key = {"app": schedule.app, "task": schedule.name, "at_us": to_us(due.at)}
    with state.write() as connection:
        claim = insert_into(connection, slot).values(**key, owner=owner, state="claimed")
        if connection.execute(claim.on_conflict_do_nothing()).rowcount != 1:
            return False
        jobs = [
            ask_within(
                connection,
                schedule.app,
                task,
                actor=ACTOR,
                reason=reason,
                # A time each, so that they are done in this order.
                now=now + timedelta(microseconds=place),
                priority=BY_SCHEDULE,
            )
            for place, task in enumerate(schedule.tasks)
        ]
        asked = msgspec.json.encode(_Asked(jobs=tuple(job.id for job in jobs))).decode()
        connection.execute(
            update(slot).where(*(slot.c[name] == value for name, value in key.items())).values(result=asked)
        )
    return True


def close_slots(state: Database) -> int:
    """Record how the slots ended whose jobs have all ended; how many those were."""
    if not state.fetch("SELECT 1 FROM slot WHERE state = 'claimed' LIMIT 1"):
        return 0
    with state.read() as connection:
        claimed = list(connection.execute(select(slot).where(slot.c.state == "claimed")))
    return sum(_close(state, row) for row in claimed)


def _close(state: Database, row: Row[Any]) -> bool:
    asked = msgspec.json.decode(row.result or "{}", type=_Asked)
    jobs = read_some_jobs(state, asked.jobs)
    if any(job.finished_at is None for job in jobs):
        return False
    # Without jobs it was claimed by an earlier release, whose process died: nothing will come of it.
    ended = "failed" if not jobs or any(job.state == "failed" for job in jobs) else "done"
    statement = (
        update(slot)
        .where(slot.c.app == row.app, slot.c.task == row.task, slot.c.at_us == row.at_us, slot.c.state == "claimed")
        .values(state=ended, result=msgspec.json.encode({"tasks": [_told(job) for job in jobs]}).decode())
    )
    with state.write() as connection:
        return connection.execute(statement).rowcount == 1


def _told(job: Job) -> dict[str, object]:
    return {"job": job.id, "task": f"{job.app}/{job.task}"} | (job.result or {})
