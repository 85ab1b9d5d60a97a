"""What was found, kept: each look at a window, and how it is told."""

from datetime import datetime

import msgspec

from telltale.monitor.drift.decide import Drift, FeatureDrift
from telltale.monitor.drift.rule import mean_psi
from telltale.storage.database import Database
from telltale.storage.instants import from_us, to_us

_TOLD = 5  # features that an alarm names; the rest are counted


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One look at the newest window of a version.

    Args:
        app, task, version: whose.
        at: when it was looked at.
        drifted: by the rule over repeated looks; None where it cannot be decided.
        drift: the comparison; `drifted` in it is by the same rule.
    """

    app: str
    task: str
    version: int
    at: datetime
    drifted: bool | None
    drift: Drift


def keep_finding(events: Database, finding: Finding) -> None:
    """Keep what was found."""
    with events.write() as connection:
        connection.exec_driver_sql(
            "INSERT INTO drift_finding (app, task, version, at_us, drifted, document) VALUES (?, ?, ?, ?, ?, ?)",
            (
                finding.app,
                finding.task,
                finding.version,
                to_us(finding.at),
                finding.drifted,
                msgspec.json.encode(finding.drift).decode(),
            ),
        )


def newest_findings(events: Database, app: str, task: str, *, limit: int = 100) -> list[Finding]:
    """The newest first."""
    rows = events.fetch(
        "SELECT version, at_us, drifted, document FROM drift_finding WHERE app = ? AND task = ? "
        "ORDER BY at_us DESC, id DESC LIMIT ?",
        (app, task, limit),
    )
    return [
        Finding(
            app=app,
            task=task,
            version=version,
            at=from_us(at_us),
            drifted=None if drifted is None else bool(drifted),
            drift=msgspec.json.decode(document, type=Drift),
        )
        for version, at_us, drifted, document in rows
    ]


def latest_finding(events: Database, app: str, task: str) -> Finding | None:
    """The newest; None where there is none."""
    return next(iter(newest_findings(events, app, task, limit=1)), None)


def told(finding: Finding, *, significant: float) -> str:
    """What moved, by how much, with its interval; first that it is significant, where the mean PSI is above that limit."""
    mean = mean_psi(finding.drift)
    is_significant = mean is not None and mean > significant
    head = (
        f"Significant feature drift detected: mean PSI {mean:.2f}, the limit is {significant:g}; "
        if is_significant
        else ""
    )
    moved = [one for one in finding.drift.features if one.drifted]
    rest = f", and {len(moved) - _TOLD} more" if len(moved) > _TOLD else ""
    whole = ", ".join(map(_of_feature, moved[:_TOLD])) + rest
    return f"{head}version {finding.version}, {finding.drift.n_rows:,} rows: {whole or 'all columns a little'}"


def _of_feature(one: FeatureDrift) -> str:
    if one.aspect == "missing":
        return f"missing values of {one.name} ({one.n_missing:,} of {one.n + one.n_missing:,})"
    if one.shift is None or one.low is None or one.high is None:
        return one.name
    by = f"{one.shift:+.2f} sd ({one.low:+.2f} to {one.high:+.2f})"
    where = {"spread": "the spread of ", "shape": "single values of "}.get(one.aspect or "", "")
    return f"{where}{one.name} (its middle by {by})" if where else f"{one.name} by {by}"
