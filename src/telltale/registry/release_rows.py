"""Rows of releases as they are written: a new one, a change of one, and whether it still is as it was read."""

import secrets
from datetime import datetime
from itertools import pairwise
from math import isfinite
from typing import Final

import msgspec
from sqlalchemy import Connection, insert, update

from telltale.contract.errors import ConflictError, UsageError
from telltale.registry.ledger import Evidence
from telltale.registry.release import Release, active_release, read_release
from telltale.registry.versions import Version
from telltale.storage.instants import to_us
from telltale.storage.tables import release as release_table

LONGEST_STEP_S: Final = 366 * 86_400.0


class Grounds(msgspec.Struct, frozen=True, kw_only=True):
    """What a move rests on.

    Args:
        actor: who asks, a person or a program.
        reason: why.
        now: aware.
        evidence: the figures, where a controller moves; else None.
    """

    actor: str
    reason: str
    now: datetime
    evidence: Evidence | None = None


class Course(msgspec.Struct, frozen=True, kw_only=True):
    """What a release is to go through.

    Args:
        steps: per cent of entities, rising: (0,) for a shadow, (50,) for an A/B test, (5, 25, 50, 100) for a ramp.
        every_s: > 0, how long a step of a ramp lasts; None for the others.
        margin: a difference that would not matter; None where any would.
    """

    steps: tuple[int, ...]
    every_s: float | None = None
    margin: float | None = None


def check_course(course: Course, *, where: str) -> None:
    """Raise UsageError for steps that are none, or a ramp that does not say how long they last."""
    steps = course.steps
    rises = all(low < high for low, high in pairwise(steps))
    if not steps or not rises or not 0 <= steps[0] < 100 or steps[-1] > 100 or (len(steps) > 1 and steps[0] == 0):
        raise UsageError(
            f"steps of {list(steps)} per cent", where=where, mend="Give rising ones from 1 to 100, such as 5,25,50,100."
        )
    if len(steps) > 1 and steps[-1] != 100:
        raise UsageError(
            f"a ramp that ends at {steps[-1]} %", where=where, mend="End it with 100, or give one share for a test."
        )
    if len(steps) > 1 and not (course.every_s is not None and 0 < course.every_s <= LONGEST_STEP_S):
        raise UsageError(
            "a ramp needs to know how long a step lasts, a year at most", where=where, mend="Add --every 1h."
        )
    if course.margin is not None and not (course.margin > 0 and isfinite(course.margin)):
        raise UsageError(f"margin {course.margin:g}", where=where, mend="Give a difference > 0, or none.")


def insert_release(
    connection: Connection,
    version: Version,
    against: int,
    *,
    course: Course,
    grounds: Grounds,
    watch_until: datetime | None = None,
) -> Release:
    """A new release: running, or with `watch_until` watching."""
    connection.execute(
        insert(release_table).values(
            app=version.app,
            task=version.task,
            number=version.number,
            against=against,
            steps=msgspec.json.encode(course.steps).decode(),
            step=0,
            every_s=course.every_s,
            margin=course.margin,
            salt=secrets.token_hex(8),
            state="running" if watch_until is None else "watching",
            started_us=to_us(grounds.now),
            step_us=to_us(grounds.now),
            watch_until_us=None if watch_until is None else to_us(watch_until),
            actor=grounds.actor,
            reason=grounds.reason,
            outcome="",
            withdrawn=False,
        )
    )
    made = active_release(connection, version.app, version.task)
    assert made is not None  # it was inserted a line above
    return made


def change_release(
    connection: Connection, release: Release, *, evidence: Evidence | None = None, **values: object
) -> Release:
    """The release with other values, and with the evidence where there is any."""
    told = {} if evidence is None else {"evidence": msgspec.json.encode(evidence).decode()}
    connection.execute(update(release_table).where(release_table.c.id == release.id).values(**values, **told))
    changed = read_release(connection, release.id)
    assert changed is not None  # rows of releases are never removed
    return changed


def check_unmoved(connection: Connection, release: Release) -> None:
    """Raise ConflictError for a release that has moved on: whoever decided on an older state of it must look again."""
    if not release.is_still(active_release(connection, release.app, release.task)):
        raise ConflictError("it has moved on meanwhile", where=release.where, mend="Look at it again.")
