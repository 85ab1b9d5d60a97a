"""Duties of drift and replay: the log is summarised hour by hour, held against the reference, and answered again."""

from datetime import datetime, timedelta
from typing import Final

from telltale.contract.app import Task
from telltale.contract.errors import BundleError
from telltale.models.runtimes import load_runtime
from telltale.monitor.alarms import raise_alarm, resolve_alarm
from telltale.monitor.drift.findings import latest_finding
from telltale.monitor.drift.rule import LIMITS
from telltale.monitor.drift.watch import DAY, look_at_drift, watched_version
from telltale.monitor.drift.windows import HOUR, Watched, keep_hours
from telltale.monitor.replay import Replay, replay
from telltale.registry.versions import Version
from telltale.retrain.duties import Desk

# Another worker, or this one before it was started anew, looked so lately that there is nothing new to see.
_LATELY: Final = timedelta(minutes=50)
_SAMPLE: Final = 500
_ROWS_TOLD: Final = 3


def summarise_predictions(desk: Desk, now: datetime) -> None:
    """Keep summaries of the hours of the last two days in which each champion answered."""
    for _, champion in _champions(desk):
        watched = _watched(champion)
        if watched is not None:
            keep_hours(desk.folder.events, watched, since=now - 2 * DAY - HOUR, now=now)


def check_drift(desk: Desk, now: datetime) -> None:
    """Look at every champion's last day; the alarm `drift` says what moved."""
    for app in desk.apps.values():
        for task in app.tasks:
            last = latest_finding(desk.folder.events, app.name, task.name)
            champion = desk.registry.champion(app.name, task.name)
            is_of_champion = last is not None and champion is not None and last.version == champion.number
            if last is not None and is_of_champion and now - last.at < _LATELY:
                continue
            try:
                look_at_drift(
                    desk.folder,
                    desk.registry,
                    app.name,
                    task.name,
                    now=now,
                    limit=desk.drift_limit,
                    significant={**LIMITS, **task.alarm_limits}["drift_mean_psi"],
                )
            except BundleError:
                continue  # the server that cannot load it raises an alarm of its own


def replay_sample(desk: Desk, now: datetime) -> None:
    """Answer the newest requests of every champion's last day again; the alarm `replay_differs` names those that differ."""
    for task, champion in _champions(desk):
        try:
            runtime = load_runtime(champion.path, expected=champion.files, where=champion.reference)
        except BundleError:
            continue  # as above
        found = replay(
            desk.folder.events,
            runtime,
            task,
            app=champion.app,
            version=champion.number,
            since=now - DAY,
            until=now,
            limit=_SAMPLE,
        )
        _tell(desk, found, now=now)


def _tell(desk: Desk, found: Replay, *, now: datetime) -> None:
    state, app, task = desk.folder.state, found.app, found.task
    if not found.n_differing:
        resolve_alarm(state, "replay_differs", app=app, task=task, now=now)
        return
    ids = ", ".join(one.prediction_id for one in found.differing[:_ROWS_TOLD])
    raise_alarm(
        state,
        "replay_differs",
        app=app,
        task=task,
        what=f"version {found.version} answers {found.n_differing} of {found.n} logged requests otherwise: {ids}",
        mend=f"See them with `telltale replay {app}/{task}`; if telltale was upgraded or a file restored, train anew.",
        now=now,
    )


def _champions(desk: Desk) -> list[tuple[Task, Version]]:
    found = [(task, desk.registry.champion(app.name, task.name)) for app in desk.apps.values() for task in app.tasks]
    return [(task, champion) for task, champion in found if champion is not None]


def _watched(champion: Version) -> Watched | None:
    try:
        return watched_version(champion)
    except BundleError:
        return None  # the server that cannot load it raises an alarm of its own
