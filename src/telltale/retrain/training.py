"""A training run: from rows to a registered version."""

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
import structlog

from telltale.contract.app import App, Task
from telltale.contract.estimator import Tell, silent
from telltale.contract.verdict import Verdict
from telltale.models.manifest import Manifest
from telltale.registry.registry import Registry
from telltale.registry.versions import Version
from telltale.telemetry.frames import LINE
from telltale.train.fitted import Progress, TrainingChoices
from telltale.train.version import TrainingRows, train_version

_logger = structlog.get_logger("telltale.retrain.training")


@dataclass(frozen=True, kw_only=True)
class TrainedVersion:
    """A version just trained and registered, the rows, and how long it took."""

    version: Version
    manifest: Manifest
    rows: TrainingRows
    seconds: float

    def as_document(self) -> dict[str, object]:
        """As `train --json` prints it."""
        manifest = self.manifest
        return {
            "app": manifest.app,
            "task": manifest.task,
            "version": self.version.number,
            "label": self.version.label,
            "data_kind": manifest.trained_on.kind,
            "n_train": manifest.trained_on.n_rows,
            "n_held_out": self.rows.held_out.height,
            "n_quarantined": self.rows.n_quarantined,
            "columns": list(self.rows.columns),
            "features": [] if manifest.plan is None else list(manifest.plan.features),
            "estimator": manifest.estimator,
            "parameters": manifest.parameters,
            "threshold": manifest.threshold,
            "threshold_from": None if manifest.operating_point is None else manifest.operating_point.method,
            "metrics": manifest.metrics,
            "targets": targets_document(manifest.verdict),
            "verdict": manifest.verdict.outcome,
            "bundle_sha256": self.version.sha256,
            "path": str(self.version.path),
            "seconds": round(self.seconds, 3),
        }


def train_and_register(
    registry: Registry,
    app: App,
    task: Task,
    rows: TrainingRows,
    choices: TrainingChoices,
    *,
    actor: str,
    progress: Progress,
    tell: Tell = silent,
) -> TrainedVersion:
    """Train, judge and register a version, whatever the verdict: the gate blocks promotion, not registration.

    Raises:
        UsageError, NotEnoughDataError: as `telltale.train.version.train_version`.
    """
    started = time.perf_counter()
    log = _logger.bind(app=app.name, task=task.name, actor=actor)
    log.info("training_started", data_kind=rows.kind, n_train=rows.train.height, n_held_out=rows.held_out.height)
    with TemporaryDirectory(prefix="telltale-") as scratch:
        trained = train_version(
            app, task, rows, choices, directory=Path(scratch) / "bundle", progress=progress, tell=tell
        )
        manifest = trained.manifest
        version = registry.register(
            app.name,
            task.name,
            bundle=trained.directory,
            sha256=trained.files.sha256,
            files=trained.files.files,
            estimator=manifest.estimator,
            data_kind=manifest.trained_on.kind,
            outcome=manifest.verdict.outcome,
            metrics={name: float("nan") if value is None else value for name, value in manifest.metrics.items()},
            facts={
                "threshold": manifest.threshold,
                "n_train": manifest.trained_on.n_rows,
                "n_held_out": rows.held_out.height,
                "columns": list(rows.columns),
                "targets": targets_document(manifest.verdict),
                "fitted_upto_id": _newest_fitted(rows),
            },
            actor=actor,
            now=datetime.now(UTC),
        )
    seconds = time.perf_counter() - started
    log.info("training_done", version=version.number, verdict=manifest.verdict.outcome, seconds=round(seconds, 3))
    return TrainedVersion(version=version, manifest=manifest, rows=rows, seconds=seconds)


def _newest_fitted(rows: TrainingRows) -> int | None:
    """The stored event that came last of those it was fitted on; None where its rows were not stored."""
    if rows.kind != "store" or rows.train.is_empty():
        return None
    newest = rows.train[LINE].max()
    return newest if isinstance(newest, int) else None


def targets_document(verdict: Verdict) -> list[dict[str, object]]:
    """Targets as JSON objects."""
    documents: list[dict[str, object]] = msgspec.to_builtins(verdict.targets)
    return documents
