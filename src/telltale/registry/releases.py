"""Releases of every task, as other stages hold them: a transaction around every move."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from telltale.registry import release_moves
from telltale.registry.ledger import Evidence
from telltale.registry.release import Release, active_release, read_active, read_releases, withdrawal
from telltale.registry.release_rows import Course, Grounds, change_release
from telltale.storage.artifacts import Artifacts
from telltale.storage.database import Database

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

    def under_way(self) -> list[Release]:
        """Every release that is under way, the oldest first."""
        with self._state.read() as connection:
            return read_active(connection)

    def all(self, *, app: str | None = None, task: str | None = None, limit: int = 100) -> list[Release]:
        """Releases, active and ended, newest first."""
        with self._state.read() as connection:
            return read_releases(connection, app=app, task=task, limit=limit)

    def was_withdrawn(self, app: str, task: str, number: int) -> bool:
        """Whether a version was found wanting in a release: then no program promotes or releases it again."""
        with self._state.read() as connection:
            return withdrawal(connection, app, task, number) is not None

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
            override: release although the gate said "fail", or the version was withdrawn before; a shadow decides
                nothing and needs none.

        Raises:
            UsageError: the steps are none, or a reason is needed.
            GateError: the gate said "fail" or it was withdrawn, it is to decide, and `override` is not set.
            ConflictError: there is no champion, it is the champion, it is retired, its files were removed, or another
                release of the task is under way.
            NotFoundError: no such version.
        """
        course = Course(steps=tuple(steps), every_s=every_s, margin=margin)
        grounds = Grounds(actor=actor, reason=reason, now=now)
        with self._state.write() as connection:
            return release_moves.begin(
                connection, self._artifacts, app, task, number, course=course, grounds=grounds, override=override
            )

    def promote(
        self, app: str, task: str, number: int, *, actor: str, reason: str, now: datetime, watch: timedelta = WATCH
    ) -> Release | None:
        """Make a version champion as a program may, and watch it, in one transaction: no crash leaves it unwatched.

        Args:
            app: the app.
            task: the task.
            number: the version.
            actor: who asks.
            reason: why.
            now: aware.
            watch: for how long.

        Returns:
            The watch; None where there was no champion to go back to.

        Raises:
            GateError: the gate said "fail", or it was withdrawn before.
            ConflictError, UsageError, NotFoundError: as `Registry.promote`.
        """
        grounds = Grounds(actor=actor, reason=reason, now=now)
        with self._state.write() as connection:
            return release_moves.promote(connection, self._artifacts, app, task, number, span=watch, grounds=grounds)

    def watch(
        self, app: str, task: str, *, former: int, actor: str, reason: str, now: datetime, watch: timedelta = WATCH
    ) -> Release:
        """Watch a champion that was promoted without a ramp: its predecessor scores in its shadow meanwhile.

        Raises:
            ConflictError: there is no champion, it is `former` itself, or a release is under way.
        """
        grounds = Grounds(actor=actor, reason=reason, now=now)
        with self._state.write() as connection:
            return release_moves.watch(
                connection, self._artifacts, app, task, former=former, span=watch, grounds=grounds
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
        grounds = Grounds(actor=actor, reason=reason, now=now, evidence=evidence)
        with self._state.write() as connection:
            return release_moves.advance(connection, self._artifacts, release, span=watch, grounds=grounds)

    def stop(
        self,
        release: Release,
        *,
        actor: str,
        reason: str,
        now: datetime,
        evidence: Evidence | None = None,
        withdraw: bool = False,
    ) -> Release:
        """End a release before the version is champion: it decides nothing any more.

        Args:
            release: as it was read.
            actor: who stops it.
            reason: why; its outcome.
            now: aware.
            evidence: the figures.
            withdraw: whether the version was found wanting, so that no program gives it traffic again.

        Raises:
            ConflictError: it has moved on meanwhile, or is champion already.
        """
        grounds = Grounds(actor=actor, reason=reason, now=now, evidence=evidence)
        with self._state.write() as connection:
            return release_moves.stop(connection, self._artifacts, release, withdraw=withdraw, grounds=grounds)

    def roll_back(
        self, release: Release, *, actor: str, reason: str, now: datetime, evidence: Evidence | None = None
    ) -> Release:
        """Make the predecessor of a champion that is watched champion again, in one transaction; it is withdrawn.

        Raises:
            ConflictError: it has moved on meanwhile, is not watched, or its predecessor is retired or has no files.
        """
        grounds = Grounds(actor=actor, reason=reason, now=now, evidence=evidence)
        with self._state.write() as connection:
            return release_moves.roll_back(connection, self._artifacts, release, grounds=grounds)

    def keep(
        self, release: Release, *, actor: str, reason: str, now: datetime, evidence: Evidence | None = None
    ) -> Release:
        """End a watch: the champion stays, its predecessor scores no more.

        Raises:
            ConflictError: it has moved on meanwhile, or is not watched.
        """
        grounds = Grounds(actor=actor, reason=reason, now=now, evidence=evidence)
        with self._state.write() as connection:
            return release_moves.keep(connection, self._artifacts, release, grounds=grounds)

    def look(self, release: Release, evidence: Evidence) -> None:
        """Keep the figures of a look that moved nothing."""
        with self._state.write() as connection:
            change_release(connection, release, evidence=evidence)
