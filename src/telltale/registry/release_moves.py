"""Moves of a release, each inside the transaction of whoever calls: the roles, the ledger and the release's row."""

from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Connection

from telltale.contract.errors import ConflictError
from telltale.registry import roles
from telltale.registry.ledger import Action, record_move
from telltale.registry.release import EndState, Release, active_release
from telltale.registry.release_rows import (
    Course,
    Grounds,
    change_release,
    check_course,
    check_unmoved,
    insert_release,
)
from telltale.registry.versions import Role, Version, read_role, read_version
from telltale.storage.artifacts import Artifacts
from telltale.storage.instants import to_us

_BESIDE: Final = frozenset({"challenger", "shadow"})


def begin(
    connection: Connection,
    artifacts: Artifacts,
    app: str,
    task: str,
    number: int,
    *,
    course: Course,
    grounds: Grounds,
    override: bool,
) -> Release:
    """Give a version traffic beside the champion; see `Releases.begin`."""
    where = f"{app}/{task}@{number}"
    check_course(course, where=where)
    role: Role = "shadow" if course.steps[0] == 0 else "challenger"
    version = read_version(connection, artifacts, app, task, number)
    roles.refuse_unusable(version, role)
    under_way = active_release(connection, app, task)
    if under_way is not None:
        raise ConflictError(
            f"version {under_way.number} is being released ({under_way.mode}, {under_way.state})",
            where=where,
            mend=f"Stop it first: telltale release {app}/{task} --stop.",
        )
    champion = read_role(connection, artifacts, app, task, "champion")
    if champion is None:
        raise ConflictError(
            "there is no champion to release it beside",
            where=where,
            mend=f"Promote it: telltale promote {app}/{task} --version {number}.",
        )
    if champion.number == number:
        raise ConflictError("it is the champion already", where=where)
    if role == "challenger":
        roles.refuse_unfit(connection, version, reason=grounds.reason, override=override)
    if version.role != role:
        _give(connection, artifacts, version, role, grounds=grounds)
    return insert_release(connection, version, champion.number, course=course, grounds=grounds)


def watch(
    connection: Connection, artifacts: Artifacts, app: str, task: str, *, former: int, span: timedelta, grounds: Grounds
) -> Release:
    """Watch a champion that was promoted without a ramp; see `Releases.watch`."""
    champion = read_role(connection, artifacts, app, task, "champion")
    if champion is None or champion.number == former or active_release(connection, app, task) is not None:
        raise ConflictError("there is no new champion to watch, or a release is under way", where=f"{app}/{task}")
    _shadow_former(connection, artifacts, read_version(connection, artifacts, app, task, former), grounds=grounds)
    course = Course(steps=(100,))
    return insert_release(connection, champion, former, course=course, grounds=grounds, watch_until=grounds.now + span)


def promote(
    connection: Connection, artifacts: Artifacts, app: str, task: str, number: int, *, span: timedelta, grounds: Grounds
) -> Release | None:
    """Make a version champion and watch it; see `Releases.promote`."""
    former = read_role(connection, artifacts, app, task, "champion")
    actor, reason, now = grounds.actor, grounds.reason, grounds.now
    roles.promote(connection, artifacts, app, task, number, actor=actor, reason=reason, now=now, override=False)
    end_overtaken(connection, artifacts, app, task, actor=actor, now=now)
    if former is None:
        return None
    return watch(connection, artifacts, app, task, former=former.number, span=span, grounds=grounds)


def advance(
    connection: Connection, artifacts: Artifacts, release: Release, *, span: timedelta, grounds: Grounds
) -> Release:
    """Go on to the next step, or make the version champion; see `Releases.advance`."""
    check_unmoved(connection, release)
    if release.state != "running" or release.mode == "shadow":
        raise ConflictError("it has no further step", where=release.where)
    version = read_version(connection, artifacts, release.app, release.task, release.number)
    if release.step + 1 < len(release.steps) and release.steps[release.step + 1] < 100:
        _note_step(connection, version, grounds=grounds)
        return change_release(
            connection, release, step=release.step + 1, step_us=to_us(grounds.now), evidence=grounds.evidence
        )
    roles.refuse_unusable(version, "champion")
    _give(connection, artifacts, version, "champion", grounds=grounds, action="promote")
    former = read_version(connection, artifacts, release.app, release.task, release.against)
    _shadow_former(connection, artifacts, former, grounds=grounds)
    return change_release(
        connection,
        release,
        state="watching",
        step=len(release.steps) - 1,
        step_us=to_us(grounds.now),
        watch_until_us=to_us(grounds.now + span),
        evidence=grounds.evidence,
    )


def stop(
    connection: Connection, artifacts: Artifacts, release: Release, *, withdraw: bool, grounds: Grounds
) -> Release:
    """End a release before the version is champion; see `Releases.stop`."""
    check_unmoved(connection, release)
    if release.state != "running":
        raise ConflictError("it is champion already", where=release.where, mend="Roll it back.")
    _leave(connection, artifacts, release, release.number, grounds=grounds)
    return _end(connection, release, "stopped", withdrawn=withdraw, grounds=grounds)


def roll_back(connection: Connection, artifacts: Artifacts, release: Release, *, grounds: Grounds) -> Release:
    """Make the predecessor of a watched champion champion again; see `Releases.roll_back`."""
    check_unmoved(connection, release)
    if release.state != "watching":
        raise ConflictError("it is not champion", where=release.where, mend="Stop it.")
    former = read_version(connection, artifacts, release.app, release.task, release.against)
    roles.refuse_unusable(former, "champion")
    _give(connection, artifacts, former, "champion", grounds=grounds, action="rollback")
    return _end(connection, release, "rolled_back", withdrawn=True, grounds=grounds)


def keep(connection: Connection, artifacts: Artifacts, release: Release, *, grounds: Grounds) -> Release:
    """End a watch; see `Releases.keep`."""
    check_unmoved(connection, release)
    if release.state != "watching":
        raise ConflictError("it is not watched", where=release.where)
    _leave(connection, artifacts, release, release.against, grounds=grounds)
    return _end(connection, release, "kept", withdrawn=False, grounds=grounds)


def end_overtaken(
    connection: Connection, artifacts: Artifacts, app: str, task: str, *, actor: str, now: datetime
) -> None:
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
    # Whoever goes back from a watched version to the one before it has found it wanting.
    went_back = under_way.state == "watching" and decides == under_way.against
    reason = "it was rolled back by hand" if went_back else "a role was moved by hand or by another program"
    grounds = Grounds(actor=actor, reason=reason, now=now)
    _end(connection, under_way, "rolled_back" if went_back else "overtaken", withdrawn=went_back, grounds=grounds)
    # What was only there for the release has nothing to do any more.
    _leave(connection, artifacts, under_way, under_way.rival, grounds=grounds)


def _give(
    connection: Connection,
    artifacts: Artifacts,
    version: Version,
    role: Role,
    *,
    grounds: Grounds,
    action: Action = "release",
) -> None:
    roles.move(
        connection,
        artifacts,
        version,
        role,
        action=action,
        actor=grounds.actor,
        reason=grounds.reason,
        now=grounds.now,
        evidence=grounds.evidence,
    )


def _note_step(connection: Connection, version: Version, *, grounds: Grounds) -> None:
    """A ledger row of a step: roles stay, traffic moves; servers look closer when the ledger grows."""
    record_move(
        connection,
        version.app,
        version.task,
        version.number,
        action="release",
        role_from=version.role,
        role_to=version.role,
        now=grounds.now,
        actor=grounds.actor,
        reason=grounds.reason,
        evidence=grounds.evidence,
    )


def _shadow_former(connection: Connection, artifacts: Artifacts, former: Version, *, grounds: Grounds) -> None:
    if former.role == "none" and former.removed_at is None:
        _give(connection, artifacts, former, "shadow", grounds=grounds)


def _leave(connection: Connection, artifacts: Artifacts, release: Release, number: int, *, grounds: Grounds) -> None:
    version = read_version(connection, artifacts, release.app, release.task, number)
    if version.role in _BESIDE:
        _give(connection, artifacts, version, "none", grounds=grounds)


def _end(connection: Connection, release: Release, state: EndState, *, withdrawn: bool, grounds: Grounds) -> Release:
    return change_release(
        connection,
        release,
        state=state,
        ended_us=to_us(grounds.now),
        outcome=grounds.reason,
        withdrawn=withdrawn,
        evidence=grounds.evidence,
    )
