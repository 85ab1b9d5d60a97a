"""The registry of a home: registering, looking up, and a transaction around every move."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, func, insert, select

from telltale.contract.errors import BundleError, NotFoundError, UsageError
from telltale.contract.verdict import Outcome
from telltale.registry import retention, roles
from telltale.registry.ledger import Move, champion_of, read_generation, read_history, record_move
from telltale.registry.release_moves import end_overtaken
from telltale.registry.standing import Standing, read_standing
from telltale.registry.versions import (
    Role,
    Version,
    encode_document,
    not_found,
    read_all_versions,
    read_role,
    read_version,
    read_versions,
    set_columns,
    verify_files,
)
from telltale.storage.artifacts import Artifacts
from telltale.storage.database import Database
from telltale.storage.instants import to_us
from telltale.storage.tables import version as version_table

_HOLDABLE: Final[dict[str, Role]] = {"champion": "champion", "challenger": "challenger", "shadow": "shadow"}
_LEFTOVER_AGE: Final = timedelta(days=1)


class Registry:
    """Versions of every task, their roles, and the ledger. Any thread and any process may use it at once.

    Args:
        state: the state database.
        artifacts: where bundles are kept.
    """

    def __init__(self, state: Database, artifacts: Artifacts) -> None:
        self._state = state
        self._artifacts = artifacts

    def register(
        self,
        app: str,
        task: str,
        *,
        bundle: Path,
        sha256: str,
        files: Mapping[str, str],
        estimator: str,
        data_kind: str,
        outcome: Outcome,
        metrics: Mapping[str, float],
        facts: Mapping[str, Any],
        actor: str,
        now: datetime,
    ) -> Version:
        """Take a bundle in and give it the next number, whatever its verdict; the gate blocks promotion, not this.

        Args:
            app: the app.
            task: the task.
            bundle: directory of the files; they are copied, and the directory stays.
            sha256: of the bundle as a whole.
            files: SHA-256 of each file, by name; other files in `bundle` are left out.
            estimator: the model's name.
            data_kind: "simulated", "store" or "file".
            outcome: what the gate said.
            metrics: figures by name.
            facts: a JSON object.
            actor: who registers.
            now: aware.

        Raises:
            BundleError: a file is missing, or is not what `files` says.
            UsageError: no actor, no files, or a name that cannot be a folder.
        """
        _check_name(app)
        _check_name(task)
        if not actor.strip() or not files:
            raise UsageError("a version needs an actor and files", where=f"{app}/{task}", mend="Give both.")
        # Copied, hashed and synced before the transaction, so that other writers do not wait for a large bundle.
        staged = self._artifacts.stage(bundle, names=files)
        try:
            verify_files(staged, files, where=str(bundle))
            with self._state.write() as connection:
                number = _next_number(connection, app, task)
                path = f"{app}/{task}/{number}"
                # Nobody else is in a write transaction, and no row has this number: whatever lies there was left by a
                # process that was killed between placing its files and committing its row.
                self._artifacts.remove(path)
                self._artifacts.place(staged, path)
                connection.execute(
                    insert(version_table).values(
                        app=app,
                        task=task,
                        number=number,
                        label=_free_label(connection, app, task, now),
                        sha256=sha256,
                        files=encode_document(files),
                        path=path,
                        created_us=to_us(now),
                        estimator=estimator,
                        data_kind=data_kind,
                        outcome=outcome,
                        metrics=encode_document(metrics),
                        facts=encode_document(facts),
                        pinned=False,
                    )
                )
                record_move(
                    connection,
                    app,
                    task,
                    number,
                    action="register",
                    role_from="",
                    role_to="none",
                    now=now,
                    actor=actor,
                    reason="registered",
                )
                return read_version(connection, self._artifacts, app, task, number)
        finally:
            self._artifacts.discard(staged)

    def versions(self, app: str, task: str) -> list[Version]:
        """Every version of a task, oldest first, removed ones included."""
        with self._state.read() as connection:
            return read_versions(connection, self._artifacts, app, task)

    def all_versions(self) -> list[Version]:
        """Every version of every task, by app, task and number."""
        with self._state.read() as connection:
            return read_all_versions(connection, self._artifacts)

    def get(self, app: str, task: str, number: int) -> Version:
        """One version, its files removed or not. Raises NotFoundError, naming those that exist."""
        with self._state.read() as connection:
            return read_version(connection, self._artifacts, app, task, number)

    def resolve(self, app: str, task: str, reference: str) -> Version:
        """The version that `reference` means, with its files.

        Args:
            app: the app.
            task: the task.
            reference: a number, "champion", "challenger", "shadow", "latest" (the highest number that is neither
                retired nor removed), or a label such as "20241201_143022".

        Raises:
            NotFoundError: nothing is meant, or its files were removed; the message names what exists.
        """
        versions = self.versions(app, task)
        there = [version for version in versions if version.removed_at is None]
        if reference == "latest":
            found = next((version for version in reversed(there) if version.role != "retired"), None)
        elif reference in _HOLDABLE:
            found = next((version for version in versions if version.role == reference), None)
        else:
            found = next((v for v in versions if reference in (str(v.number), v.label)), None)
        if found is None:
            wanted = reference if reference in {"latest", *_HOLDABLE} else f"version {reference!r}"
            raise not_found(wanted, there, where=f"{app}/{task}")
        if found.removed_at is not None:
            raise NotFoundError(
                f"its files were removed on {found.removed_at:%Y-%m-%d}",
                where=found.reference,
                mend=f"Versions with files: {', '.join(str(version.number) for version in there) or 'none'}.",
            )
        return found

    def champion(self, app: str, task: str) -> Version | None:
        """The version that decides, or None."""
        with self._state.read() as connection:
            return read_role(connection, self._artifacts, app, task, "champion")

    def standing(self, app: str, task: str) -> Standing:
        """The version that decides, the release under way, and the version beside: all of one moment."""
        with self._state.read() as connection:
            return read_standing(connection, self._artifacts, app, task)

    def promote(
        self, app: str, task: str, number: int, *, actor: str, reason: str, now: datetime, override: bool = False
    ) -> Version:
        """Make a version the champion; the former one gets the role "none". One transaction.

        Args:
            app: the app.
            task: the task.
            number: the version.
            actor: who asks.
            reason: why; must not be blank unless the gate said "pass".
            now: aware.
            override: promote although the gate said "fail", or it was withdrawn from a release.

        Raises:
            GateError: the gate said "fail" or it was withdrawn, and `override` is not set.
            ConflictError: it is champion already, or retired, or its files were removed.
            UsageError: no actor, or a reason is needed.
            NotFoundError: no such version.
        """
        with self._state.write() as connection:
            roles.promote(
                connection,
                self._artifacts,
                app,
                task,
                number,
                actor=actor,
                reason=reason,
                now=now,
                override=override,
            )
            end_overtaken(connection, self._artifacts, app, task, actor=actor, now=now)
            return read_version(connection, self._artifacts, app, task, number)

    def assign(
        self, app: str, task: str, number: int, role: roles.Assignable, *, actor: str, reason: str, now: datetime
    ) -> Version:
        """Make a version challenger or shadow (whoever was it gets "none"), or "none".

        A retired version comes back with "none".

        Raises:
            ConflictError: it is the champion, has the role, is retired, or its files were removed.
            NotFoundError: no such version.
        """
        with self._state.write() as connection:
            roles.assign(connection, self._artifacts, app, task, number, role=role, actor=actor, reason=reason, now=now)
            end_overtaken(connection, self._artifacts, app, task, actor=actor, now=now)
            return read_version(connection, self._artifacts, app, task, number)

    def rollback(
        self, app: str, task: str, *, actor: str, reason: str, now: datetime, to: int | None = None
    ) -> Version:
        """Make the champion before the present one champion again; twice goes two steps back.

        Retired versions and those without files are passed over.

        Args:
            app: the app.
            task: the task.
            actor: who asks.
            reason: why.
            now: aware.
            to: the earlier champion to go back to, over those between.

        Raises:
            ConflictError: there is nothing to go back to, or `to` is no earlier champion.
        """
        with self._state.write() as connection:
            number = roles.roll_back(connection, self._artifacts, app, task, actor=actor, reason=reason, now=now, to=to)
            end_overtaken(connection, self._artifacts, app, task, actor=actor, now=now)
            return read_version(connection, self._artifacts, app, task, number)

    def retire(self, app: str, task: str, number: int, *, actor: str, reason: str, now: datetime) -> Version:
        """Take a version out of use; its files stay until retention removes them.

        Raises:
            ConflictError: it is the champion, or retired already.
            NotFoundError: no such version.
        """
        with self._state.write() as connection:
            roles.retire(connection, self._artifacts, app, task, number, actor=actor, reason=reason, now=now)
            end_overtaken(connection, self._artifacts, app, task, actor=actor, now=now)
            return read_version(connection, self._artifacts, app, task, number)

    def pin(self, app: str, task: str, number: int) -> Version:
        """Keep a version's files whatever their age. Raises NotFoundError."""
        return self._set_pinned(app, task, number, pinned=True)

    def unpin(self, app: str, task: str, number: int) -> Version:
        """Let retention have it again. Raises NotFoundError."""
        return self._set_pinned(app, task, number, pinned=False)

    def history(self, app: str, task: str) -> list[Move]:
        """Every move of a task, oldest first."""
        with self._state.read() as connection:
            return read_history(connection, app, task)

    def champion_at(self, app: str, task: str, at: datetime) -> int | None:
        """The number of the version that was champion at a moment, or None."""
        return champion_of(self.history(app, task), at=at)

    def generation(self) -> int:
        """A number that rises with every move: ask it often, and look closer when it changed."""
        with self._state.read() as connection:
            return read_generation(connection)

    def sweep(self, app: str, task: str, *, keep: int = 10, max_age_days: float = 30, now: datetime) -> list[Version]:
        """Remove the files of versions beyond the newest `keep`, and of those older than `max_age_days`.

        Never of the champion, challenger, shadow, a pinned version, or the one that a rollback would return to. Rows
        stay, with `removed_at`.

        Args:
            app: the app.
            task: the task.
            keep: how many of the newest versions that have files are kept, protected ones counted.
            max_age_days: age since registration.
            now: aware.

        Returns:
            The versions that lost their files now, oldest first.
        """
        with self._state.write() as connection:
            numbers = retention.mark_removed(
                connection, self._artifacts, app, task, keep=keep, max_age_days=max_age_days, now=now
            )
            versions = read_versions(connection, self._artifacts, app, task)
        # All that are marked, not only those of now: a sweep that was killed left files behind.
        for version in versions:
            if version.removed_at is not None:
                self._artifacts.remove(f"{app}/{task}/{version.number}")
        self._artifacts.clear_leftovers(before=now - _LEFTOVER_AGE)
        return [version for version in versions if version.number in numbers]

    def verify(self, version: Version) -> None:
        """Hash a version's files again and compare them with what was registered.

        Raises:
            BundleError: a file is missing or was changed; the message names it.
        """
        if version.removed_at is not None:
            raise BundleError(
                f"its files were removed on {version.removed_at:%Y-%m-%d}",
                where=version.reference,
                mend="Train again, or restore a backup.",
            )
        verify_files(version.path, version.files, where=version.reference)

    def _set_pinned(self, app: str, task: str, number: int, *, pinned: bool) -> Version:
        with self._state.write() as connection:
            set_columns(connection, app, task, number, pinned=pinned)
            return read_version(connection, self._artifacts, app, task, number)


def _next_number(connection: Connection, app: str, task: str) -> int:
    query = select(func.max(version_table.c.number)).where(version_table.c.app == app, version_table.c.task == task)
    highest: int | None = connection.execute(query).scalar()
    return (highest or 0) + 1


def _free_label(connection: Connection, app: str, task: str, now: datetime) -> str:
    query = select(version_table.c.label).where(version_table.c.app == app, version_table.c.task == task)
    taken = set(connection.execute(query).scalars())
    second = f"{now.astimezone(UTC):%Y%m%d_%H%M%S}"
    label, n = second, 1
    while label in taken:
        n += 1
        label = f"{second}_{n}"
    return label


def _check_name(name: str) -> None:
    if not name.replace("_", "").replace("-", "").isalnum() or not name.isascii():
        raise UsageError(
            f"{name!r} cannot be the name of an app or a task",
            where="registry",
            mend="Use letters, digits, '-' and '_'.",
        )
