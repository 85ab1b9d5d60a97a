"""A task trained with one of its estimators: what the runtime checks are put to."""

import atexit
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import final

import polars as pl

from telltale.contract.app import App, Task
from telltale.contract.errors import UsageError
from telltale.models.bundle import BundleFiles, hash_bundle
from telltale.models.estimators import estimator_named, estimators, missing_modules
from telltale.models.runtimes import LoadedRuntime, load_runtime
from telltale.models.score_runtime import ScoreRuntime
from telltale.testing.cases import ExpectedFailures
from telltale.testing.quick_parameters import own_parameters
from telltale.testing.samples import sample_rows
from telltale.train.fitted import TrainingChoices
from telltale.train.version import TrainingRows, train_version


@final
class TrainedTask:
    """A task and an estimator, trained on simulated rows the first time that anything of it is asked for.

    Args:
        app: the app.
        task: one of its tasks.
        estimator: one of the task's estimators.
    """

    def __init__(self, app: App, task: Task, estimator: str) -> None:
        self.app = app
        self.task = task
        self.estimator = estimator

    @property
    def expected_failures(self) -> ExpectedFailures:
        """What the estimator says it cannot pass."""
        found: ExpectedFailures = getattr(estimator_named(self.estimator), "expected_failures", {})
        return found

    @cached_property
    def directory(self) -> Path:
        """The bundle; removed when the process ends."""
        scratch = Path(tempfile.mkdtemp(prefix="telltale-checks-"))
        atexit.register(shutil.rmtree, scratch, ignore_errors=True)
        train_sample(self.app, self.task, self.estimator, scratch / "bundle", seed=0)
        return scratch / "bundle"

    @cached_property
    def runtime(self) -> LoadedRuntime:
        """The version at work."""
        return load_runtime(self.directory)

    @property
    def scoring(self) -> ScoreRuntime:
        """The same, of a task that scores."""
        assert isinstance(self.runtime, ScoreRuntime), f"{self.task.name} does not score"
        return self.runtime

    @cached_property
    def files(self) -> BundleFiles:
        """The hashes a registry would keep."""
        return hash_bundle(self.directory)

    @cached_property
    def rows(self) -> TrainingRows:
        """The rows it was trained and judged on."""
        return rows_for(self.app, self.task, self.estimator)

    @property
    def held_out(self) -> pl.DataFrame:
        """Checked rows that it was judged on."""
        return self.rows.held_out


def rows_for(app: App, task: Task, estimator: str, *, seed: int = 0) -> TrainingRows:
    """Simulated rows; for an estimator of other columns than the event declares, some of the declared ones and no more."""
    rows = sample_rows(app, task, seed=seed)
    if estimator in task.estimators:
        return rows
    event = app.event(task.event)
    whole = tuple(column.name for column in event.columns if not column.nullable)
    kept = whole[:1] if estimator_named(estimator).traits.columns == "one" else whole[: len(event.columns) - 1]
    dropped = set(rows.columns) - set(kept)
    return replace(rows, train=rows.train.drop(dropped), held_out=rows.held_out.drop(dropped), columns=kept)


def train_sample(app: App, task: Task, estimator: str, directory: Path, *, seed: int) -> str:
    """Train on simulated rows into a directory, model and rows by the same seed; the bundle's SHA-256."""
    trained = train_version(
        app,
        task,
        rows_for(app, task, estimator, seed=seed),
        TrainingChoices(estimator=estimator, parameters=own_parameters(estimator_named(estimator)), seed=seed),
        directory=directory,
        progress=lambda _what, _done, _of: None,
    )
    return trained.files.sha256


def trained_tasks(apps: Mapping[str, App], *, kind: str) -> dict[str, TrainedTask]:
    """Every task of a kind with every estimator that it may use and that can be trained here, as `app/task-estimator`."""
    return {
        f"{app.name}/{task.name}-{name}": TrainedTask(app, task, name)
        for app in apps.values()
        for task in app.tasks
        if task.kind == kind
        for name in task.every_estimator
        if not missing_modules(estimator_named(name))
    }


def uncovered(apps: Mapping[str, App], *, kinds: frozenset[str]) -> list[str]:
    """What no suite reaches: tasks of a kind without a suite, apps without a task, estimators that no task uses.

    Args:
        apps: the apps under test.
        kinds: the kinds of task there is a suite for.

    Raises:
        UsageError: there is no app at all, so that every suite would pass by being empty.
    """
    if not apps:
        raise UsageError("no app is installed", where="conformance", mend="Install one: `pip install -e .`.")
    missed = [f"app {app.name}: has no task" for app in apps.values() if not app.tasks]
    used = set()
    for app in apps.values():
        for task in app.tasks:
            used |= set(task.every_estimator)
            if task.kind not in kinds:
                missed.append(f"task {app.name}/{task.name}: no suite for tasks of kind {task.kind!r}")
            if not task.estimators:
                missed.append(f"task {app.name}/{task.name}: has no estimator")
    missed += [f"estimator {name}: no task uses it" for name in sorted(estimators().keys() - used)]
    return missed
