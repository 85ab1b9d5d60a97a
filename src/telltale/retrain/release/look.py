"""A look at an active release: what is gathered of it, and how it is kept in its row."""

from datetime import datetime, timedelta
from time import perf_counter
from typing import Final

import msgspec

from telltale.contract.app import App, Task
from telltale.monitor.live_quality import live_quality
from telltale.monitor.service import ServiceLevel, measure_service
from telltale.monitor.shadow_log import shadow_report
from telltale.registry.ledger import Evidence
from telltale.registry.registry import Registry
from telltale.registry.release import Release
from telltale.retrain.release.comparison import LiveComparison, compare_release
from telltale.retrain.release.policy import Action, Seen
from telltale.retrain.release.quality_harm import quality_harm
from telltale.storage.database import Database

_SERVED: Final = timedelta(hours=1)  # what is newer counts of how a version serves: a bad hour must not drown in a week
# A comparison reads all that came since the release began: not at every look, and without a new label seldom.
_COMPARED_AGAIN: Final = timedelta(seconds=30)
_WITHOUT_LABELS: Final = timedelta(minutes=10)
_REST: Final = 20  # times as long as it took: however much there is to read, a worker has time for other things


class Look(msgspec.Struct, frozen=True, kw_only=True):
    """One look.

    Args:
        action: what follows from it.
        reason: why, or what is waited for.
        would: what would have been done where nothing may be taken back by itself; else None.
        seen: what it rests on.
        state, step: of the release.
        compared_at: when the comparison and the quality were made.
        took_s: how long that took.
        last_feedback: the newest label that they know of.
    """

    action: Action
    reason: str
    would: Action | None = None
    seen: Seen
    state: str
    step: int
    compared_at: datetime
    took_s: float
    last_feedback: int


class Sight(msgspec.Struct, frozen=True, kw_only=True):
    """What is seen, and how new what rests on labels is; see `Look`."""

    seen: Seen
    compared_at: datetime
    took_s: float
    last_feedback: int


def look_at(events: Database, registry: Registry, app: App, task: Task, release: Release, *, now: datetime) -> Sight:
    """Gather what is known of an active release.

    Args:
        events: the events database.
        registry: of the home.
        app: whose.
        task: whose.
        release: as it was read.
        now: aware.
    """
    last_feedback: int = events.fetch("SELECT coalesce(max(id), 0) FROM feedback")[0][0]
    before = last_look(release)
    if before is not None and _still_holds(before, release, last_feedback, now=now):
        comparison, quality, compared_at = before.seen.comparison, before.seen.quality, before.compared_at
        took_s, last_feedback = before.took_s, before.last_feedback
    else:
        began_s = perf_counter()
        comparison = compare_release(events, task, release, now=now)
        quality, compared_at = _quality(events, registry, app, task, release, comparison=comparison, now=now), now
        took_s = perf_counter() - began_s
    seen = Seen(
        comparison=comparison,
        new=_new_service(events, release, now=now),
        old=_old_service(events, release, now=now),
        n_step=_n_step(events, release, now=now),
        quality=quality,
    )
    return Sight(seen=seen, compared_at=compared_at, took_s=took_s, last_feedback=last_feedback)


def last_look(release: Release) -> Look | None:
    """The last look that was kept in the release's row; None where there was none, or another release of telltale's."""
    if release.evidence is None:
        return None
    try:
        return msgspec.convert(release.evidence, Look)
    except msgspec.ValidationError:
        return None


def as_evidence(look: Look) -> Evidence:
    """A look as the ledger and the release's row keep it."""
    evidence: Evidence = msgspec.to_builtins(look)
    return evidence


def _still_holds(before: Look, release: Release, last_feedback: int, *, now: datetime) -> bool:
    if (before.state, before.step) != (release.state, release.step):
        return False
    lasts = _WITHOUT_LABELS if before.last_feedback == last_feedback else _COMPARED_AGAIN
    return timedelta() <= now - before.compared_at < max(lasts, _REST * timedelta(seconds=before.took_s))


def _quality(
    events: Database,
    registry: Registry,
    app: App,
    task: Task,
    release: Release,
    *,
    comparison: LiveComparison,
    now: datetime,
) -> str:
    """Where no comparison can tell of a watched version, what came of its decisions can."""
    is_told = comparison.how == "paired" and comparison.answer is not None and comparison.answer.conclusion != "refused"
    if release.state != "watching" or is_told:
        return ""
    quality = live_quality(events, registry, app, task, version=release.number, since=release.step_at, until=now)
    return quality_harm(quality.realised, task.targets)


def _new_service(events: Database, release: Release, *, now: datetime) -> ServiceLevel:
    since = max(release.step_at, now - _SERVED)
    if release.mode == "shadow":
        shadow = shadow_report(events, release.app, release.task, version=release.number, since=since, until=now)
        n = shadow.n + shadow.n_failed
        # Its latency is of the model alone, and nobody waits for it.
        return ServiceLevel(
            n=n,
            n_failed=shadow.n_failed,
            error_rate=shadow.n_failed / n if n else None,
            mean_ms=None,
            last_100_mean_ms=None,
            p50_ms=None,
            p95_ms=None,
            p99_ms=None,
        )
    return measure_service(events, release.app, release.task, version=release.number, since=since, until=now)


def _old_service(events: Database, release: Release, *, now: datetime) -> ServiceLevel:
    if release.state == "watching":  # it decides nothing any more: as it was before it was replaced
        since, until = release.step_at - _SERVED, release.step_at
    else:
        since, until = max(release.step_at, now - _SERVED), now
    return measure_service(events, release.app, release.task, version=release.against, since=since, until=until)


def _n_step(events: Database, release: Release, *, now: datetime) -> int:
    if release.mode != "ramp" or release.state != "running":
        return 0
    found = measure_service(events, release.app, release.task, version=release.number, since=release.step_at, until=now)
    return found.n - found.n_failed
