"""What a report says: figures only, from which the page is drawn."""

from datetime import datetime

import msgspec

from telltale.contract.verdict import Target
from telltale.monitor.alarms import Alarm
from telltale.monitor.live_quality import LiveQuality
from telltale.monitor.service import ServiceLevel
from telltale.registry.ledger import Move
from telltale.registry.release import Release


class TimeRange(msgspec.Struct, frozen=True, kw_only=True):
    """From `since` on, before `until`."""

    since: datetime
    until: datetime


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """The report in four figures.

    Args:
        avg_latency: mean time of an answer, in milliseconds; None where nothing was answered.
        p95_latency: what 95 % of the answers took at most, in milliseconds.
        avg_drift: population stability index of features and score, mean over them and over all looks; None without
            looks. It carries no error rate: whether anything drifted, the looks say.
        alert_count: alarms that lasted at any time of the range.
    """

    avg_latency: float | None
    p95_latency: float | None
    avg_drift: float | None
    alert_count: int


class Bucket(msgspec.Struct, frozen=True, kw_only=True):
    """A part of the range, from `at` on: requests, those that failed, and how long answers took."""

    at: datetime
    n: int
    n_failed: int
    p50_ms: float | None
    p95_ms: float | None


class DriftLook(msgspec.Struct, frozen=True, kw_only=True):
    """One look at what moved: `psi` is the mean over features and score; `moved` names those that drifted."""

    at: datetime
    version: int
    drifted: bool | None
    psi: float | None
    moved: tuple[str, ...]


class ScoreShape(msgspec.Struct, frozen=True, kw_only=True):
    """Answers of a version by score: bin i is from `edges[i - 1]` to `edges[i]`, the outer ones are open."""

    edges: tuple[float, ...]
    flagged: tuple[int, ...]
    passed: tuple[int, ...]
    threshold: float


class VersionReport(msgspec.Struct, frozen=True, kw_only=True):
    """What one version did in the range, in the shadow of another or by itself."""

    version: int
    service: ServiceLevel
    quality: LiveQuality
    scores: ScoreShape | None = None


class TaskReport(msgspec.Struct, frozen=True, kw_only=True):
    """One task.

    Args:
        app, task, kind: which.
        targets: what its gate asks.
        champion_before: when the range began; None where none was.
        champion: at the end of the range.
        service: over all versions.
        step_s: length of a bucket.
        buckets: the range in parts; none where nothing was asked.
        drift: every look.
        avg_drift: mean of their PSI.
        versions: those that answered, oldest first.
        alarms: that lasted at any time of the range.
        timeline: moves of versions in the range, oldest first.
        releases: under way at any time of the range, oldest first.
    """

    app: str
    task: str
    kind: str
    targets: tuple[Target, ...]
    champion_before: int | None
    champion: int | None
    service: ServiceLevel
    step_s: float
    buckets: tuple[Bucket, ...]
    drift: tuple[DriftLook, ...]
    avg_drift: float | None
    versions: tuple[VersionReport, ...]
    alarms: tuple[Alarm, ...]
    timeline: tuple[Move, ...]
    releases: tuple[Release, ...]

    @property
    def address(self) -> str:
        """How people write it."""
        return f"{self.app}/{self.task}"


class Details(msgspec.Struct, frozen=True, kw_only=True):
    """Every task that was asked for, and alarms that are no task's."""

    tasks: tuple[TaskReport, ...]
    alarms: tuple[Alarm, ...]


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """A report; `timestamp` is when it was made. `id` is its number once it is stored."""

    timestamp: datetime
    time_range: TimeRange
    summary: Summary
    details: Details
    id: int | None = None
