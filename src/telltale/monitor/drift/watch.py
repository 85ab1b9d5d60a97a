"""A look at the champion's newest window: what it says, kept, and the alarm that follows from it."""

from datetime import datetime, timedelta
from typing import Final

from telltale.models.bundle import load_bundle
from telltale.monitor.alarms import raise_alarm, resolve_alarm
from telltale.monitor.drift.decide import Drift, compare
from telltale.monitor.drift.findings import Finding, keep_finding, latest_finding, told
from telltale.monitor.drift.rule import LEVEL, LIMITS, is_quiet, judge_by_limit, judge_windows
from telltale.monitor.drift.windows import Watched, window_summary
from telltale.registry.registry import Registry
from telltale.registry.versions import Version
from telltale.storage.database import Database
from telltale.storage.folder import Folder

DAY: Final = timedelta(days=1)
LEAST_ROWS: Final = 50


def watched_version(version: Version) -> Watched | None:
    """A version with its reference; None where its bundle has none. Raises BundleError."""
    reference = load_bundle(version.path, expected=version.files, where=version.reference).drift_reference()
    if reference is None:
        return None
    return Watched(app=version.app, task=version.task, version=version.number, reference=reference)


def measure_drift(
    events: Database,
    watched: Watched,
    *,
    now: datetime,
    window: timedelta = DAY,
    least_rows: int = LEAST_ROWS,
    level: float = LEVEL,
    limit: float | None = None,
) -> Drift | None:
    """What the window that ends now says of a version; None where it has fewer than `least_rows` rows.

    Args:
        events: the database.
        watched: whose log.
        now: the end of the window, aware.
        window: its length.
        least_rows: fewer say nothing.
        level: of false alarms of a single window.
        limit: the classic rule in place of the calibrated one: drift where the mean PSI is above it.
    """
    summary = window_summary(events, watched, since=now - window, until=now)
    if summary.n_rows < least_rows:
        return None
    drift = compare(watched.reference, summary, level=level)
    if limit is not None:
        return judge_by_limit(drift, limit)
    before = window_summary(events, watched, since=now - 2 * window, until=now - window)
    is_enough = before.n_rows >= least_rows
    return judge_windows(drift, compare(watched.reference, before, level=level) if is_enough else None)


def look_at_drift(
    folder: Folder,
    registry: Registry,
    app: str,
    task: str,
    *,
    now: datetime,
    window: timedelta = DAY,
    least_rows: int = LEAST_ROWS,
    level: float = LEVEL,
    limit: float | None = None,
    significant: float = LIMITS["drift_mean_psi"],
) -> Finding | None:
    """Measure the champion's drift, keep the finding, and raise the alarm `drift` or end it.

    The alarm ends when a later window is quiet, or when another version is champion. Other arguments are those of
    `measure_drift`, and `significant`: from which mean PSI on the alarm says that the drift is significant; `limit` stands in
    its place where there is one.

    Returns:
        The finding; None where there is no champion, no reference, or too few rows.

    Raises:
        BundleError: the champion's files are missing or were changed.
    """
    champion = registry.champion(app, task)
    last = latest_finding(folder.events, app, task)
    if last is not None and (champion is None or last.version != champion.number):
        resolve_alarm(folder.state, "drift", app=app, task=task, now=now)
    watched = None if champion is None else watched_version(champion)
    if watched is None:
        return None
    drift = measure_drift(
        folder.events, watched, now=now, window=window, least_rows=least_rows, level=level, limit=limit
    )
    if drift is None:
        return None
    finding = Finding(app=app, task=task, version=watched.version, at=now, drifted=drift.drifted, drift=drift)
    keep_finding(folder.events, finding)
    if finding.drifted:
        raise_alarm(
            folder.state,
            "drift",
            app=app,
            task=task,
            what=told(finding, significant=significant if limit is None else limit),
            mend=f"See what moved with `telltale drift {app}/{task}`; correct the source, or train on newer rows.",
            now=now,
        )
    elif drift.drifted is False and (limit is not None or is_quiet(drift)):
        resolve_alarm(folder.state, "drift", app=app, task=task, now=now)
    return finding
