"""A release: a version on its way to being champion, with a share of the traffic; read from its row."""

from datetime import datetime
from typing import Any, Literal

import msgspec
from sqlalchemy import Connection, Row, select

from telltale.registry.ledger import Evidence
from telltale.storage.instants import from_us
from telltale.storage.tables import release as release_table

# running: the version is shadow or challenger. watching: it is champion, and its predecessor scores in its shadow.
# Ended: kept (the watch is over), stopped (it never became champion), rolled_back, overtaken (somebody moved a role).
ReleaseState = Literal["running", "watching", "kept", "stopped", "rolled_back", "overtaken"]
EndState = Literal["kept", "stopped", "rolled_back", "overtaken"]


class Release(msgspec.Struct, frozen=True, kw_only=True):
    """One release.

    Args:
        id: rises with every release.
        app, task: whose version it is.
        number: the version that is released.
        against: the champion when it began, and what it is compared with.
        steps: per cent of entities that it decides for; (0,) for a shadow, (50,) for an A/B test, several for a ramp. A
            step of 100 makes it champion.
        step: place in `steps`.
        every_s: how long a step lasts; None where none follows by itself.
        margin: a difference in the comparison that would not matter; None where any would.
        salt: of the hash that assigns entities, so that two releases do not pick the same ones.
        state: where it is.
        started_at, step_at: when it began, and when its present step did.
        watch_until: how long its predecessor stays at hand; None before it is champion.
        ended_at: None while it is active.
        actor, reason: who asked for it, and why.
        outcome: how it ended, in words; "" before.
        withdrawn: whether it ended because the version was found wanting: no program gives it traffic again.
        evidence: the figures of the last look at it.
    """

    id: int
    app: str
    task: str
    number: int
    against: int
    steps: tuple[int, ...]
    step: int
    every_s: float | None
    margin: float | None
    salt: str
    state: ReleaseState
    started_at: datetime
    step_at: datetime
    watch_until: datetime | None
    ended_at: datetime | None
    actor: str
    reason: str
    outcome: str = ""
    withdrawn: bool = False
    evidence: Evidence | None = None

    @property
    def percent(self) -> int:
        """Of entities, those that `number` decides for as challenger; 0 where it decides for none, or for all."""
        return self.steps[self.step] if self.state == "running" else 0

    @property
    def mode(self) -> Literal["shadow", "ab", "ramp", "watch"]:
        """What it was begun as."""
        if self.steps == (0,):
            return "shadow"
        if self.steps == (100,):
            return "watch"
        return "ramp" if self.steps[-1] == 100 else "ab"

    @property
    def where(self) -> str:
        """How the version is written: "helios/anomaly@3"."""
        return f"{self.app}/{self.task}@{self.number}"

    @property
    def rival(self) -> int:
        """The version beside the champion: the one that is released, or once it is champion its predecessor."""
        return self.number if self.state == "running" else self.against

    def is_still(self, present: "Release | None") -> bool:
        """Whether the task's active release is this one, where it was when this was read."""
        if present is None:
            return False
        return (present.id, present.state, present.step) == (self.id, self.state, self.step)


def active_release(connection: Connection, app: str, task: str) -> Release | None:
    """The release of a task that is under way, or None."""
    query = select(release_table).where(
        release_table.c.app == app, release_table.c.task == task, release_table.c.ended_us.is_(None)
    )
    row = connection.execute(query).first()
    return None if row is None else release_of(row)


def read_releases(
    connection: Connection, *, app: str | None = None, task: str | None = None, limit: int = 100
) -> list[Release]:
    """Releases, active and ended, newest first."""
    query = select(release_table).order_by(release_table.c.id.desc()).limit(limit)
    if app is not None:
        query = query.where(release_table.c.app == app)
    if task is not None:
        query = query.where(release_table.c.task == task)
    return [release_of(row) for row in connection.execute(query)]


def read_active(connection: Connection) -> list[Release]:
    """Every release that is under way, the oldest first."""
    query = select(release_table).where(release_table.c.ended_us.is_(None)).order_by(release_table.c.id)
    return [release_of(row) for row in connection.execute(query)]


def read_release(connection: Connection, number: int) -> Release | None:
    """The release of that id, or None."""
    row = connection.execute(select(release_table).where(release_table.c.id == number)).first()
    return None if row is None else release_of(row)


def withdrawal(connection: Connection, app: str, task: str, number: int) -> Release | None:
    """The last release that ended because this version was found wanting, or None."""
    query = (
        select(release_table)
        .where(
            release_table.c.app == app,
            release_table.c.task == task,
            release_table.c.number == number,
            release_table.c.withdrawn,
        )
        .order_by(release_table.c.id.desc())
    )
    row = connection.execute(query).first()
    return None if row is None else release_of(row)


def release_of(row: Row[Any]) -> Release:
    """A release from its row."""
    return Release(
        id=row.id,
        app=row.app,
        task=row.task,
        number=row.number,
        against=row.against,
        steps=tuple(msgspec.json.decode(row.steps, type=list[int])),
        step=row.step,
        every_s=row.every_s,
        margin=row.margin,
        salt=row.salt,
        state=row.state,
        started_at=from_us(row.started_us),
        step_at=from_us(row.step_us),
        watch_until=None if row.watch_until_us is None else from_us(row.watch_until_us),
        ended_at=None if row.ended_us is None else from_us(row.ended_us),
        actor=row.actor,
        reason=row.reason,
        outcome=row.outcome,
        withdrawn=row.withdrawn,
        evidence=None if row.evidence is None else msgspec.json.decode(row.evidence),
    )
