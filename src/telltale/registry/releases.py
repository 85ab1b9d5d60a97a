"""Moves of releases: begun, advanced, stopped, rolled back, kept. Each is one transaction with its ledger rows."""

import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Final

import msgspec
from sqlalchemy import Connection, insert, update

from telltale.contract.errors import ConflictError, GateError, NotFoundError, UsageError
from telltale.registry import roles
from telltale.registry.ledger import Evidence, record_move
from telltale.registry.release import EndState, Release, active_release, read_releases
from telltale.registry.versions import Role, Version, read_role, read_version
from telltale.storage.artifacts import Artifacts
from telltale.storage.database import Database
from telltale.storage.instants import to_us
from telltale.storage.tables import release as release_table

WATCH: Final = timedelta(days=7)


class Releases:
    """Releases of every task. Any thread and any process may use it at once; a task has one active release at most.

    Args:
        state: the state database.
        artifacts: where bundles are kept.
    """

    def __init__(self, state: Database, artifacts: Artifacts) -> None:
        self._state = state
        self._artifacts = artifacts

    def active(self, app: str, task: str) -> Release | None:
        """The release of a task that is under way, or None."""
        with self._state.read() as connection:
            return active_release(connection, app, task)

    def all(self, *, app: str | None = None, task: str | None = None, limit: int = 100) -> list[Release]:
        """Releases, active and ended, newest first."""
        with self._state.read() as connection:
            return read_releases(connection, app=app, task=task, limit=limit)

    def begin(
        self,
        app: str,
        task: str,
        number: int,
        *,
        steps: Sequence[int],
        every_s: float | None = None,
        margin: float | None = None,
        actor: str,
        reason: str,
        now: datetime,
        override: bool = False,
    ) -> Release:
        """Give a version traffic beside the champion.

        Args:
            app: the app.
            task: the task.
            number: the version.
            steps: per cent of entities, rising: (0,) for a shadow, (50,) for an A/B test, (5, 25, 50, 100) for a ramp.
            every_s: > 0, how long a step of a ramp lasts; None for the others.
            margin: a difference that would not matter.
            actor: who asks.
            reason: why.
            now: aware.
            override: release although the gate said "fail"; a shadow decides nothing and needs none.

        Raises:
            UsageError: the steps are none.
            GateError: the gate said "fail", it is to decide, and `override` is not set.
            ConflictError: there is no champion, it is the champion, it is retired, its files were removed, or another
                release of the task is under way.
            NotFoundError: no such version.
        """
        where = f"{app}/{task}@{number}"
        _check_steps(steps, every_s, where=where)
        role: Role = "shadow" if steps[0] == 0 else "challenger"
        with self._state.write() as connection:
            version = read_version(connection, self._artifacts, app, task, number)
            roles.refuse_unusable(version, role)
            under_way = active_release(connection, app, task)
            if under_way is not None:
                raise ConflictError(
                    f"version {under_way.number} is being released ({under_way.mode}, {under_way.state})",
                    where=where,
                    mend=f"Stop it first: telltale release {app}/{task} --stop.",
                )
            champion = read_role(connection, self._artifacts, app, task, "champion")
            if champion is None:
                raise ConflictError(
                    "there is no champion to release it beside",
                    where=where,
                    mend=f"Promote it: telltale promote {app}/{task} --version {number}.",
                )
            if champion.number == number:
                raise ConflictError("it is the champion already", where=where)
            if role == "challenger" and version.outcome == "fail" and not override:
                raise GateError(
                    "it failed the gate",
                    where=where,
                    mend="Release it as a shadow, which decides nothing, or override the gate and say why.",
                )
            if role == "challenger" and version.outcome != "pass" and not reason.strip():
                raise UsageError(
                    f"a version whose gate says {version.outcome!r} needs a reason",
                    where=where,
                    mend="Say in `reason` why it may decide all the same.",
                )
            if version.role != role:
                self._move(connection, version, role, actor=actor, reason=reason, now=now)
            return self._insert(
                connection,
                version,
                champion.number,
                steps=steps,
                every_s=every_s,
                margin=margin,
                actor=actor,
                reason=reason,
                now=now,
                watch_until=None,
            )

    def watch(
        self, app: str, task: str, *, former: int, actor: str, reason: str, now: datetime, watch: timedelta = WATCH
    ) -> Release:
        """Watch a champion that was promoted without a ramp: its predecessor scores in its shadow meanwhile.

        Raises:
            ConflictError: there is no champion, or a release is under way.
        """
        with self._state.write() as connection:
            champion = read_role(connection, self._artifacts, app, task, "champion")
            if champion is None or active_release(connection, app, task) is not None:
                raise ConflictError("there is no champion to watch, or a release is under way", where=f"{app}/{task}")
            self._shadow_former(connection, app, task, former, actor=actor, reason=reason, now=now)
            return self._insert(
                connection,
                champion,
                former,
                steps=(100,),
                every_s=None,
                margin=None,
                actor=actor,
                reason=reason,
                now=now,
                watch_until=now + watch,
            )

    def advance(
        self,
        release: Release,
        *,
        actor: str,
        reason: str,
        now: datetime,
        evidence: Evidence | None = None,
        watch: timedelta = WATCH,
    ) -> Release:
        """Go on to the next step; at 100 the version becomes champion and its predecessor its shadow.

        An A/B test's next step is 100 too: that is how its winner is promoted.

        Raises:
            ConflictError: it has moved on meanwhile, or is a shadow, or is not running any more.
        """
        with self._state.write() as connection:
            self._require_unmoved(connection, release)
            if release.state != "running" or release.mode == "shadow":
                raise ConflictError("it has no further step", where=_where(release))
            is_last = release.step + 1 >= len(release.steps) or release.steps[release.step + 1] >= 100
            if not is_last:
                values = {"step": release.step + 1, "step_us": to_us(now), **_evidence(evidence)}
                _set(connection, release, **values)
                self._note(connection, release, "challenger", actor=actor, reason=reason, now=now, evidence=evidence)
                return self._read(connection, release)
            version = read_version(connection, self._artifacts, release.app, release.task, release.number)
            roles.move(
                connection,
                self._artifacts,
                version,
                "champion",
                action="promote",
                actor=actor,
                reason=reason,
                now=now,
                evidence=evidence,
            )
            self._shadow_former(
                connection, release.app, release.task, release.against, actor=actor, reason=reason, now=now
            )
            _set(
                connection,
                release,
                state="watching",
                step=len(release.steps) - 1,
                step_us=to_us(now),
                watch_until_us=to_us(now + watch),
                **_evidence(evidence),
            )
            return self._read(connection, release)

    def stop(
        self, release: Release, *, actor: str, reason: str, now: datetime, evidence: Evidence | None = None
    ) -> Release:
        """End a release before the version is champion: it decides nothing any more.

        Raises:
            ConflictError: it has moved on meanwhile, or is champion already.
        """
        with self._state.write() as connection:
            self._require_unmoved(connection, release)
            if release.state != "running":
                raise ConflictError("it is champion already", where=_where(release), mend="Roll it back.")
            self._leave(connection, release, release.number, actor=actor, reason=reason, now=now, evidence=evidence)
            return self._end(connection, release, "stopped", outcome=reason, now=now, evidence=evidence)

    def roll_back(
        self, release: Release, *, actor: str, reason: str, now: datetime, evidence: Evidence | None = None
    ) -> Release:
        """Make the predecessor of a champion that is watched champion again, in one transaction.

        Raises:
            ConflictError: it has moved on meanwhile, or is not watched.
        """
        with self._state.write() as connection:
            self._require_unmoved(connection, release)
            if release.state != "watching":
                raise ConflictError("it is not champion", where=_where(release), mend="Stop it.")
            former = read_version(connection, self._artifacts, release.app, release.task, release.against)
            roles.refuse_unusable(former, "champion")
            roles.move(
                connection,
                self._artifacts,
                former,
                "champion",
                action="rollback",
                actor=actor,
                reason=reason,
                now=now,
                evidence=evidence,
            )
            return self._end(connection, release, "rolled_back", outcome=reason, now=now, evidence=evidence)

    def keep(
        self, release: Release, *, actor: str, reason: str, now: datetime, evidence: Evidence | None = None
    ) -> Release:
        """End a watch: the champion stays, its predecessor scores no more.

        Raises:
            ConflictError: it has moved on meanwhile, or is not watched.
        """
        with self._state.write() as connection:
            self._require_unmoved(connection, release)
            if release.state != "watching":
                raise ConflictError("it is not watched", where=_where(release))
            self._leave(connection, release, release.against, actor=actor, reason=reason, now=now, evidence=evidence)
            return self._end(connection, release, "kept", outcome=reason, now=now, evidence=evidence)

    def look(self, release: Release, evidence: Evidence) -> None:
        """Keep the figures of a look that moved nothing."""
        with self._state.write() as connection:
            _set(connection, release, **_evidence(evidence))

    def _insert(
        self,
        connection: Connection,
        version: Version,
        against: int,
        *,
        steps: Sequence[int],
        every_s: float | None,
        margin: float | None,
        actor: str,
        reason: str,
        now: datetime,
        watch_until: datetime | None,
    ) -> Release:
        connection.execute(
            insert(release_table).values(
                app=version.app,
                task=version.task,
                number=version.number,
                against=against,
                steps=msgspec.json.encode(tuple(steps)).decode(),
                step=0,
                every_s=every_s,
                margin=margin,
                salt=secrets.token_hex(8),
                state="running" if watch_until is None else "watching",
                started_us=to_us(now),
                step_us=to_us(now),
                watch_until_us=None if watch_until is None else to_us(watch_until),
                actor=actor,
                reason=reason,
                outcome="",
            )
        )
        made = active_release(connection, version.app, version.task)
        assert made is not None  # it was inserted a line above
        return made

    def _move(
        self, connection: Connection, version: Version, role: Role, *, actor: str, reason: str, now: datetime
    ) -> None:
        roles.move(connection, self._artifacts, version, role, action="release", actor=actor, reason=reason, now=now)

    def _note(
        self,
        connection: Connection,
        release: Release,
        role: Role,
        *,
        actor: str,
        reason: str,
        now: datetime,
        evidence: Evidence | None,
    ) -> None:
        """A ledger row of a step: roles stay, traffic moves; servers look closer when the ledger grows."""
        record_move(
            connection,
            release.app,
            release.task,
            release.number,
            action="release",
            role_from=role,
            role_to=role,
            now=now,
            actor=actor,
            reason=reason,
            evidence=evidence,
        )

    def _shadow_former(
        self, connection: Connection, app: str, task: str, number: int, *, actor: str, reason: str, now: datetime
    ) -> None:
        former = read_version(connection, self._artifacts, app, task, number)
        if former.role == "none" and former.removed_at is None:
            self._move(connection, former, "shadow", actor=actor, reason=reason, now=now)

    def _leave(
        self,
        connection: Connection,
        release: Release,
        number: int,
        *,
        actor: str,
        reason: str,
        now: datetime,
        evidence: Evidence | None,
    ) -> None:
        version = read_version(connection, self._artifacts, release.app, release.task, number)
        if version.role not in {"challenger", "shadow"}:
            return
        roles.move(
            connection,
            self._artifacts,
            version,
            "none",
            action="release",
            actor=actor,
            reason=reason,
            now=now,
            evidence=evidence,
        )

    def _end(
        self,
        connection: Connection,
        release: Release,
        state: EndState,
        *,
        outcome: str,
        now: datetime,
        evidence: Evidence | None,
    ) -> Release:
        _set(connection, release, state=state, ended_us=to_us(now), outcome=outcome, **_evidence(evidence))
        return self._read(connection, release)

    def _require_unmoved(self, connection: Connection, release: Release) -> None:
        """Whoever decided on an older state of it must look again."""
        present = active_release(connection, release.app, release.task)
        is_same = present is not None and (present.id, present.state, present.step) == (
            release.id,
            release.state,
            release.step,
        )
        if not is_same:
            raise ConflictError("it has moved on meanwhile", where=_where(release), mend="Look at it again.")

    def _read(self, connection: Connection, release: Release) -> Release:
        for one in read_releases(connection, app=release.app, task=release.task, limit=1_000_000):
            if one.id == release.id:
                return one
        raise NotFoundError(f"there is no release {release.id}", where=_where(release))


def end_overtaken(connection: Connection, artifacts: Artifacts, app: str, task: str, *, now: datetime) -> None:
    """End the active release of a task whose roles somebody else has moved; in the transaction of that move."""
    under_way = active_release(connection, app, task)
    if under_way is None:
        return
    version = read_version(connection, artifacts, app, task, under_way.number)
    champion = read_role(connection, artifacts, app, task, "champion")
    decides = None if champion is None else champion.number
    if under_way.state == "running":
        expected: Role = "shadow" if under_way.percent == 0 else "challenger"
        stands = version.role == expected and decides == under_way.against
    else:
        stands = decides == under_way.number
    if stands:
        return
    outcome = "a role was moved by hand or by another program"
    _set(connection, under_way, state="overtaken", ended_us=to_us(now), outcome=outcome)
    # What was only there for the release has nothing to do any more.
    rival = read_version(connection, artifacts, app, task, under_way.rival)
    if rival.role in {"challenger", "shadow"}:
        roles.move(
            connection, artifacts, rival, "none", action="release", actor=under_way.actor, reason=outcome, now=now
        )


def _check_steps(steps: Sequence[int], every_s: float | None, *, where: str) -> None:
    rises = all(low < high for low, high in pairwise(steps))
    if not steps or not rises or not 0 <= steps[0] < 100 or steps[-1] > 100 or (len(steps) > 1 and steps[0] == 0):
        raise UsageError(
            f"steps of {list(steps)} per cent", where=where, mend="Give rising ones from 1 to 100, such as 5,25,50,100."
        )
    if len(steps) > 1 and not (every_s is not None and every_s > 0):
        raise UsageError("a ramp needs to know how long a step lasts", where=where, mend="Add --every 1h.")


def _evidence(evidence: Evidence | None) -> dict[str, str]:
    return {} if evidence is None else {"evidence": msgspec.json.encode(evidence).decode()}


def _set(connection: Connection, release: Release, **values: object) -> None:
    connection.execute(update(release_table).where(release_table.c.id == release.id).values(**values))


def _where(release: Release) -> str:
    return f"{release.app}/{release.task}@{release.number}"
