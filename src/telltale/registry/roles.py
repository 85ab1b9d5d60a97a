"""Who may become what: promotion, rollback, assignment, retirement. Each is one transaction with its ledger rows."""

from datetime import datetime
from typing import Literal

from sqlalchemy import Connection, delete, insert

from telltale.contract.errors import ConflictError, GateError, UsageError
from telltale.registry.ledger import Action, Evidence, former_champions, read_history, record_move
from telltale.registry.release import withdrawal
from telltale.registry.versions import Role, Version, read_role, read_version, read_versions, set_columns
from telltale.storage.artifacts import Artifacts
from telltale.storage.instants import to_us
from telltale.storage.tables import role as role_table

Assignable = Literal["challenger", "shadow", "none"]


def promote(
    connection: Connection,
    artifacts: Artifacts,
    app: str,
    task: str,
    number: int,
    *,
    actor: str,
    reason: str,
    now: datetime,
    override: bool,
) -> None:
    """Make a version the champion; see `Registry.promote`."""
    version = read_version(connection, artifacts, app, task, number)
    refuse_unusable(version, "champion")
    if version.role == "champion":
        raise ConflictError("it is the champion already", where=version.reference)
    refuse_unfit(connection, version, reason=reason, override=override)
    move(connection, artifacts, version, "champion", action="promote", actor=actor, reason=reason, now=now)


def roll_back(
    connection: Connection,
    artifacts: Artifacts,
    app: str,
    task: str,
    *,
    actor: str,
    reason: str,
    now: datetime,
    to: int | None = None,
) -> int:
    """Make the champion before the present one champion again; its number. See `Registry.rollback`."""
    present = read_role(connection, artifacts, app, task, "champion")
    former = _usable_former(connection, artifacts, app, task)
    if present is None or not former:
        raise ConflictError(
            "there is no earlier champion to go back to",
            where=f"{app}/{task}",
            mend=f"Promote a version by number; telltale versions {app}/{task} lists them.",
        )
    number = former[-1] if to is None else to
    if number not in former:
        raise ConflictError(
            f"version {number} is not among the earlier champions, {', '.join(map(str, former))}",
            where=f"{app}/{task}",
            mend="Roll back to one of those, or promote it.",
        )
    version = read_version(connection, artifacts, app, task, number)
    move(connection, artifacts, version, "champion", action="rollback", actor=actor, reason=reason, now=now)
    return number


def rollback_target(connection: Connection, artifacts: Artifacts, app: str, task: str) -> int | None:
    """The last good version: the one a rollback would return to, or None."""
    return next(reversed(_usable_former(connection, artifacts, app, task)), None)


def _usable_former(connection: Connection, artifacts: Artifacts, app: str, task: str) -> list[int]:
    usable = {
        version.number
        for version in read_versions(connection, artifacts, app, task)
        if version.role not in ("champion", "retired") and version.removed_at is None
    }
    return [number for number in former_champions(read_history(connection, app, task)) if number in usable]


def assign(
    connection: Connection,
    artifacts: Artifacts,
    app: str,
    task: str,
    number: int,
    *,
    role: Assignable,
    actor: str,
    reason: str,
    now: datetime,
) -> None:
    """Make a version challenger, shadow or nothing; see `Registry.assign`."""
    version = read_version(connection, artifacts, app, task, number)
    if version.role == "champion":
        raise _champion_must_stay(version)
    if role == version.role:
        raise ConflictError(f"its role is {role!r} already", where=version.reference)
    if role == "none":
        _refuse_removed(version, role)
    else:
        refuse_unusable(version, role)
    move(connection, artifacts, version, role, action="assign", actor=actor, reason=reason, now=now)


def retire(
    connection: Connection,
    artifacts: Artifacts,
    app: str,
    task: str,
    number: int,
    *,
    actor: str,
    reason: str,
    now: datetime,
) -> None:
    """Take a version out of use; see `Registry.retire`."""
    version = read_version(connection, artifacts, app, task, number)
    if version.role == "champion":
        raise _champion_must_stay(version)
    if version.role == "retired":
        raise ConflictError("it is retired already", where=version.reference)
    move(connection, artifacts, version, "retired", action="retire", actor=actor, reason=reason, now=now)


def move(
    connection: Connection,
    artifacts: Artifacts,
    version: Version,
    role: Role,
    *,
    action: Action,
    actor: str,
    reason: str,
    now: datetime,
    evidence: Evidence | None = None,
) -> None:
    """Give `version` the role, take it from whoever has it, and tell the ledger of both."""
    if not actor.strip():
        raise UsageError("a move needs an actor", where=version.reference, mend="Say who asks for it.")
    app, task = version.app, version.task
    if role in ("champion", "challenger", "shadow"):
        holder = read_role(connection, artifacts, app, task, role)
        if holder is not None:
            _leave_role(connection, holder)
            record_move(
                connection,
                app,
                task,
                holder.number,
                action=action,
                role_from=role,
                role_to="none",
                now=now,
                actor=actor,
                reason=reason,
                evidence=evidence,
            )
    _leave_role(connection, version)
    if role in ("champion", "challenger", "shadow"):
        connection.execute(insert(role_table).values(app=app, task=task, role=role, number=version.number))
    set_columns(connection, app, task, version.number, retired_us=to_us(now) if role == "retired" else None)
    record_move(
        connection,
        app,
        task,
        version.number,
        action=action,
        role_from=version.role,
        role_to=role,
        now=now,
        actor=actor,
        reason=reason,
        evidence=evidence,
    )


def _leave_role(connection: Connection, version: Version) -> None:
    connection.execute(
        delete(role_table).where(
            role_table.c.app == version.app, role_table.c.task == version.task, role_table.c.number == version.number
        )
    )


def refuse_unfit(connection: Connection, version: Version, *, reason: str, override: bool) -> None:
    """Raise GateError for a version that may not decide without `override`, UsageError for one that needs a reason."""
    withdrawn = withdrawal(connection, version.app, version.task, version.number)
    if withdrawn is not None and not override:
        raise GateError(
            f"it was withdrawn: {withdrawn.outcome}",
            where=version.reference,
            mend="Take another version, or override that and say why.",
        )
    if version.outcome == "fail" and not override:
        raise GateError(
            "it failed the gate",
            where=version.reference,
            mend="Take a version that passed, or override the gate and say why (--override --reason).",
        )
    if (version.outcome != "pass" or withdrawn is not None) and not reason.strip():
        was = f"a version whose gate says {version.outcome!r}" if withdrawn is None else "a version that was withdrawn"
        raise UsageError(
            f"{was} needs a reason", where=version.reference, mend="Say in `reason` why it may decide all the same."
        )


def refuse_unusable(version: Version, role: Role) -> None:
    """Raise ConflictError for a version that is retired or has no files."""
    _refuse_removed(version, role)
    if version.role == "retired":
        raise ConflictError(
            f"it is retired and cannot become {role}",
            where=version.reference,
            mend="Give it the role 'none' first, which brings it back.",
        )


def _refuse_removed(version: Version, role: Role) -> None:
    if version.removed_at is not None:
        raise ConflictError(
            f"its files were removed on {version.removed_at:%Y-%m-%d} and it cannot become {role}",
            where=version.reference,
            mend="Train again, or restore a backup.",
        )


def _champion_must_stay(version: Version) -> ConflictError:
    return ConflictError(
        "it is the champion, and without one nothing answers",
        where=version.reference,
        mend="Promote another version, or roll back; then do this.",
    )
