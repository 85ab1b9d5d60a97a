"""Promised paths about versions: which there are, which is best, and back to an earlier one.

What a client reports of a version is kept as `evidence: client` and shown. It never makes a version best, and it moves one
only on a server that asks for the operator's key, which the client then had.
"""

import math
from datetime import UTC, datetime
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta

from telltale.apps.storefront.model_types import ALL, APP_NAME, metric_of, model_type_of, status_of, task_of, tasks_of
from telltale.contract.errors import ConflictError, NotFoundError, UsageError
from telltale.contract.route import Route, RouteRequest
from telltale.models.runtimes import load_runtime
from telltale.registry.reported_metrics import ReportedMetrics, read_reported, report_metrics
from telltale.registry.versions import Version
from telltale.serve.routes.route_context import RouteContext

VersionId = str | int
LOWER_IS_BETTER: Final = frozenset(
    {"false_positive_rate", "false_negative_rate", "far", "frr", "eer", "smape", "mase", "rmse", "mae", "owa"}
)


class TypeQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which models: anomaly, clustering, recommendation, trend, or all."""

    model_type: str = ALL


class BestQuery(msgspec.Struct, frozen=True, kw_only=True):
    """The best by which figure."""

    model_type: str
    metric: str = "accuracy"


class RollbackBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which version is to decide again: its id, as in "20241201_143022", or its number."""

    model_type: str
    version_id: VersionId
    reason: str = ""


class PerformanceBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Figures that the client measured of a version."""

    model_type: str
    version_id: VersionId
    performance_metrics: dict[str, float]


class AutoRollbackBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Figures that the client measured of the version in production, and how much worse they may be."""

    model_type: str
    current_metrics: dict[str, float]
    threshold_metric: str = "accuracy"
    degradation_threshold: Annotated[float, Meta(ge=0)] = 0.05


class Reported(msgspec.Struct, frozen=True, kw_only=True):
    """What a client said of a version."""

    performance_metrics: dict[str, float]
    evidence: str
    actor: str
    reported_at: datetime


class ShownVersion(msgspec.Struct, frozen=True, kw_only=True):
    """A version.

    Args:
        model_type: the client's word for its task.
        version_id: UTC time of registration; of a second one in that second it ends in "_2".
        number: 1, 2, 3, ... within the task.
        status: staging, production or archived.
        created_at: when it was registered.
        data_kind: what it was trained and judged on: simulated rows, the store, or a file.
        verdict: what the gate said.
        metrics: its own figures, on rows held out of its training.
        is_kept: its files are there, so that it can be gone back to.
        reported: what clients said, newest first.
    """

    model_type: str
    version_id: str
    number: int
    status: str
    created_at: datetime
    data_kind: str
    verdict: str
    metrics: dict[str, float | None]
    is_kept: bool
    reported: tuple[Reported, ...] = ()


class Versions(msgspec.Struct, frozen=True, kw_only=True):
    """Versions, newest first."""

    model_type: str
    versions: tuple[ShownVersion, ...]


class RolledBack(msgspec.Struct, frozen=True, kw_only=True):
    """The version that decides now, and the one that did."""

    rolled_back: bool
    version: ShownVersion
    before: str | None


class Stored(msgspec.Struct, frozen=True, kw_only=True):
    """A report that was kept; nothing is decided by it."""

    model_type: str
    version_id: str
    performance_metrics: dict[str, float]
    evidence: str
    reported_at: datetime


class Best(msgspec.Struct, frozen=True, kw_only=True):
    """The best version by its own figure, and what that rests on."""

    model_type: str
    metric: str
    value: float
    judged_on: str
    version: ShownVersion


class AutoRollback(msgspec.Struct, frozen=True, kw_only=True):
    """What was compared, and what was done.

    Args:
        rolled_back: whether another version decides now.
        reason: why, or why not.
        metric: the figure compared.
        current: as reported.
        own: of the version in production, on rows held out of its training; None where there is none.
        drop: by how much the reported one is worse; None where nothing could be compared.
        version: the one that decides now, or None.
        evidence: what the current figure is.
    """

    rolled_back: bool
    reason: str
    metric: str
    current: float
    own: float | None = None
    drop: float | None = None
    version: ShownVersion | None = None
    evidence: str = "client"


def versions(context: RouteContext, request: RouteRequest) -> Versions:
    """Every version of a model, or of all."""
    asked: TypeQuery = request.query
    found = []
    for task in tasks_of(asked.model_type):
        reported = read_reported(context.state, APP_NAME, task)
        found += [_shown(one, reported) for one in reversed(context.registry.versions(APP_NAME, task))]
    return Versions(model_type=asked.model_type, versions=tuple(found))


def rollback(context: RouteContext, request: RouteRequest) -> RolledBack:
    """Let an earlier version decide again; one that never did is promoted, which the gate may refuse."""
    asked: RollbackBody = request.body
    task = task_of(asked.model_type)
    version = _resolve(context, task, asked.version_id)
    before = context.registry.champion(APP_NAME, task)
    if before is not None and before.number == version.number:
        raise ConflictError("it is in production already", where=version.reference, mend="Name an earlier version.")
    # The present one goes on serving where this one cannot be loaded.
    load_runtime(version.path, expected=version.files, where=version.reference).self_test()
    move: dict[str, Any] = {
        "actor": context.actor,
        "reason": asked.reason or f"POST /models/rollback to {version.label}",
        "now": datetime.now(UTC),
    }
    try:
        now_live = context.registry.rollback(APP_NAME, task, to=version.number, **move)
    except ConflictError:
        now_live = context.registry.promote(APP_NAME, task, version.number, **move)
    context.refresh()
    return RolledBack(rolled_back=True, version=_shown(now_live), before=None if before is None else before.label)


def performance(context: RouteContext, request: RouteRequest) -> Stored:
    """Keep what a client measured of a version."""
    asked: PerformanceBody = request.body
    version = _resolve(context, task_of(asked.model_type), asked.version_id)
    told = _report(context, version, asked.performance_metrics)
    return Stored(
        model_type=asked.model_type,
        version_id=version.label,
        performance_metrics=told.metrics,
        evidence=told.evidence,
        reported_at=told.at,
    )


def best(context: RouteContext, request: RouteRequest) -> Best:
    """The best version that can be gone to, by its own held-out figure.

    Versions judged on real rows come before those judged on simulated ones, whatever their figures; the newer of equals.
    """
    asked: BestQuery = request.query
    task, metric = task_of(asked.model_type), metric_of(asked.model_type, asked.metric)
    there = [
        version
        for version in context.registry.versions(APP_NAME, task)
        if version.removed_at is None and version.role != "retired"
    ]
    if not there:
        raise NotFoundError("there is no version", where=asked.model_type, mend="Ask for one: POST /scheduler/trigger.")
    known = [version for version in there if math.isfinite(version.metrics.get(metric, math.nan))]
    if not known:
        raise UsageError.not_one_of(asked.metric, {name for one in there for name in one.metrics}, where="metric")
    sign = -1.0 if metric in LOWER_IS_BETTER else 1.0
    found = max(known, key=lambda one: (one.data_kind != "simulated", sign * one.metrics[metric], one.number))
    return Best(
        model_type=asked.model_type,
        metric=metric,
        value=found.metrics[metric],
        judged_on=f"{found.data_kind} rows held out of its own training",
        version=_shown(found, read_reported(context.state, APP_NAME, task)),
    )


def auto_rollback(context: RouteContext, request: RouteRequest) -> AutoRollback:
    """Go back to the champion before where the reported figure is worse than the present one's own by more than allowed.

    Anybody can report anything: without an operator's key the answer says what would be done, and nothing is.
    """
    asked: AutoRollbackBody = request.body
    task, metric = task_of(asked.model_type), metric_of(asked.model_type, asked.threshold_metric)
    if asked.threshold_metric not in asked.current_metrics:
        raise UsageError.not_one_of(asked.threshold_metric, asked.current_metrics, where="current_metrics")
    current = asked.current_metrics[asked.threshold_metric]
    champion = context.registry.champion(APP_NAME, task)
    if champion is None:
        return AutoRollback(rolled_back=False, reason="no version is in production", metric=metric, current=current)
    _report(context, champion, asked.current_metrics)
    own = champion.metrics.get(metric, math.nan)
    if not math.isfinite(own):
        raise UsageError.not_one_of(asked.threshold_metric, champion.metrics, where="threshold_metric")
    drop = current - own if metric in LOWER_IS_BETTER else own - current
    told = {"metric": metric, "current": current, "own": own, "drop": drop}
    figures = f"{metric} {current:.4g} as reported, {own:.4g} when it was judged"
    if drop <= asked.degradation_threshold:
        return AutoRollback(rolled_back=False, reason=f"{figures}: not worse by more than allowed", **told)  # type: ignore[arg-type]
    if not context.has_key:
        why = f"{figures}; what a client reports moves nothing on a server without an operator key: telltale rollback"
        return AutoRollback(rolled_back=False, reason=f"{why} {APP_NAME}/{task}", **told)  # type: ignore[arg-type]
    reason = f"evidence: client; {figures}, allowed {asked.degradation_threshold:g}"
    try:
        now_live = context.registry.rollback(APP_NAME, task, actor=context.actor, reason=reason, now=datetime.now(UTC))
    except ConflictError as error:
        return AutoRollback(rolled_back=False, reason=f"{figures}; {error.what}", **told)  # type: ignore[arg-type]
    context.refresh()
    return AutoRollback(rolled_back=True, reason=reason, version=_shown(now_live), **told)  # type: ignore[arg-type]


def _resolve(context: RouteContext, task: str, version_id: VersionId) -> Version:
    return context.registry.resolve(APP_NAME, task, str(version_id))


def _report(context: RouteContext, version: Version, metrics: dict[str, float]) -> ReportedMetrics:
    now = datetime.now(UTC)
    return report_metrics(
        context.state, version.app, version.task, version.number, metrics, actor=context.actor, now=now
    )


def _shown(version: Version, reported: list[ReportedMetrics] | None = None) -> ShownVersion:
    return ShownVersion(
        model_type=model_type_of(version.task),
        version_id=version.label,
        number=version.number,
        status=status_of(version),
        created_at=version.created_at,
        data_kind=version.data_kind,
        verdict=version.outcome,
        metrics={name: value if math.isfinite(value) else None for name, value in version.metrics.items()},
        is_kept=version.removed_at is None,
        reported=tuple(
            Reported(performance_metrics=one.metrics, evidence=one.evidence, actor=one.actor, reported_at=one.at)
            for one in reported or ()
            if one.number == version.number
        ),
    )


VERSION_ROUTES = (
    Route(
        method="GET",
        path="/models/versions",
        summary="Versions of a model, newest first",
        handle=versions,
        query=TypeQuery,
        answer=Versions,
    ),
    Route(
        method="POST",
        path="/models/rollback",
        summary="Let an earlier version decide again",
        handle=rollback,
        body=RollbackBody,
        answer=RolledBack,
        scope="operate",
    ),
    Route(
        method="POST",
        path="/models/performance",
        summary="Report what was measured of a version",
        handle=performance,
        body=PerformanceBody,
        answer=Stored,
        scope="ingest",
    ),
    Route(
        method="GET",
        path="/models/best",
        summary="The best version by its own held-out figure",
        handle=best,
        query=BestQuery,
        answer=Best,
    ),
    Route(
        method="POST",
        path="/models/auto-rollback",
        summary="Go back where the version in production does worse than it did",
        handle=auto_rollback,
        body=AutoRollbackBody,
        answer=AutoRollback,
        scope="operate",
    ),
)
