"""Looks at every release that is under way, and does what follows; several processes may do it at once."""

from datetime import datetime, timedelta
from typing import Final

import structlog

from telltale.contract.errors import ConflictError, UnavailableError
from telltale.monitor.alarms import Alarm, active_alarms, raise_alarm, resolve_alarm
from telltale.registry.registry import Registry
from telltale.registry.release import Release
from telltale.registry.releases import Releases
from telltale.retrain.duties import Desk
from telltale.retrain.release.look import Look, as_evidence, last_look, look_at
from telltale.retrain.release.policy import AWAY, decide

ACTOR: Final = "controller"
EVERY_S: Final = 10.0
_TOLD_FOR: Final = timedelta(days=1)

_logger = structlog.get_logger("telltale.retrain.release.controller")


def control_releases(desk: Desk, now: datetime) -> None:
    """Look at every active release of the desk's apps and do what follows; end alarms of those that are long over."""
    _end_alarms(desk, now=now)
    for release in desk.releases.under_way():
        app = desk.apps.get(release.app)
        if app is None or all(task.name != release.task for task in app.tasks):
            continue
        try:
            control_release(desk, release, now=now)
        except UnavailableError:
            raise
        except Exception:  # one task's fault must not leave the others without a look
            _logger.exception("release_not_looked_at", app=release.app, task=release.task, release=release.id)


def inspect_release(desk: Desk, release: Release, *, now: datetime) -> Look:
    """Look at one active release, and say what follows; nothing moves.

    Args:
        desk: of the worker; its `rollback` says whether a version may be taken away by itself.
        release: as it was read.
        now: aware.
    """
    app = desk.apps[release.app]
    sight = look_at(desk.folder.events, desk.registry, app, app.task(release.task), release, now=now)
    decision = decide(release, sight.seen, now=now)
    would = decision.action if decision.action in AWAY and desk.rollback != "on" else None
    return Look(
        action="wait" if would is not None else decision.action,
        reason=decision.reason,
        would=would,
        seen=sight.seen,
        state=release.state,
        step=release.step,
        compared_at=sight.compared_at,
        took_s=sight.took_s,
        last_feedback=sight.last_feedback,
    )


def control_release(desk: Desk, release: Release, *, now: datetime) -> Look:
    """Look at one active release and do what follows; the look that it rests on."""
    look, before = inspect_release(desk, release, now=now), last_look(release)
    log = _logger.bind(app=release.app, task=release.task, version=release.number, release=release.id)
    if look.would is not None and (before is None or before.would != look.would):
        log.warning("release_would_move", action=look.would, why=look.reason, auto_rollback=desk.rollback)
    if look.action == "wait":
        if look != before:
            desk.releases.look(release, as_evidence(look))
        return look
    try:
        _move(desk.releases, release, look, now=now)
    except ConflictError as error:
        _tell_refused(desk, release, look, error, now=now)
        return look
    log.info("release_moved", action=look.action, why=look.reason)
    if look.action in AWAY and not _is_draw(look):
        _raise(desk, release, f"{_told(release, look)}: {look.reason}", now=now)
    return look


def _move(releases: Releases, release: Release, look: Look, *, now: datetime) -> None:
    reason, evidence = look.reason, as_evidence(look)
    if look.action in {"advance", "promote"}:
        releases.advance(release, actor=ACTOR, reason=reason, now=now, evidence=evidence)
    elif look.action in {"stop", "recommend"}:
        withdraw = look.action == "stop"
        releases.stop(release, actor=ACTOR, reason=reason, now=now, evidence=evidence, withdraw=withdraw)
    elif look.action == "roll_back":
        releases.roll_back(release, actor=ACTOR, reason=reason, now=now, evidence=evidence)
    else:
        releases.keep(release, actor=ACTOR, reason=reason, now=now, evidence=evidence)


def _is_draw(look: Look) -> bool:
    """Whether a version was stopped only because it is no better: nothing is wrong then."""
    answer = look.seen.comparison.answer
    return answer is not None and answer.conclusion == "no_difference" and look.reason == answer.reason


def _tell_refused(desk: Desk, release: Release, look: Look, error: ConflictError, *, now: datetime) -> None:
    """Somebody was quicker: then the next look is at what is there now. Or it cannot be done at all: then a person must."""
    if not release.is_still(desk.releases.active(release.app, release.task)):
        return
    _logger.warning("release_cannot_move", app=release.app, task=release.task, action=look.action, why=str(error))
    if look.action in AWAY:
        what = f"Version {release.number} must not go on ({look.reason}), and cannot be taken back: {error.what}"
        _raise(desk, release, what, now=now)


def _told(release: Release, look: Look) -> str:
    if look.action == "roll_back":
        return f"Version {release.number} was rolled back to version {release.against}"
    return f"The release of version {release.number} was stopped"


def _raise(desk: Desk, release: Release, what: str, *, now: datetime) -> None:
    address = f"{release.app}/{release.task}"
    mend = f"See what it rests on (telltale release {address}), then train a version that is better there."
    raise_alarm(
        desk.folder.state, "release_rolled_back", app=release.app, task=release.task, what=what, mend=mend, now=now
    )


def _end_alarms(desk: Desk, *, now: datetime) -> None:
    for alarm in active_alarms(desk.folder.state):
        if alarm.name == "release_rolled_back" and _is_over(desk.registry, desk.releases, alarm, now=now):
            resolve_alarm(desk.folder.state, "release_rolled_back", app=alarm.app, task=alarm.task, now=now)


def _is_over(registry: Registry, releases: Releases, alarm: Alarm, *, now: datetime) -> bool:
    if now - alarm.seen_at >= _TOLD_FOR:
        return True
    newer = (one.started_at for one in releases.all(app=alarm.app, task=alarm.task, limit=1))
    promoted = (
        move.at
        for move in registry.history(alarm.app, alarm.task)
        if move.action == "promote" and move.role_to == "champion"
    )
    return any(at > alarm.seen_at for at in (*newer, *promoted))
