"""A home: one folder, its apps, and the verbs."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Self

import structlog

from telltale.contract.app import App, Task
from telltale.contract.errors import BundleError, NotFoundError
from telltale.contract.estimator import Tell
from telltale.contract.estimator import silent as untold
from telltale.contract.schema import EventSchema
from telltale.contract.simulation import Simulation
from telltale.home.apps import find_event, find_task, installed_apps
from telltale.home.backend import is_address
from telltale.home.evaluation import Evaluation, evaluate_rows
from telltale.home.exports import write_training
from telltale.home.pulls import Freshness, pull_events
from telltale.home.settings import model_folder, read_settings
from telltale.models.bundle import load_bundle
from telltale.models.runtimes import LoadedRuntime, load_runtime, runtime_of
from telltale.registry.registry import Registry
from telltale.registry.versions import Version
from telltale.retrain.stored_rows import stored_rows
from telltale.retrain.training import TrainedVersion, train_and_register
from telltale.serve.logs import configure_logs
from telltale.storage.folder import Folder, open_folder
from telltale.telemetry.backend.pulling import Pulled, Source
from telltale.telemetry.event_store import EventStore, Stored
from telltale.telemetry.mapping import SourceMapping
from telltale.telemetry.raw_rows import RawRows
from telltale.telemetry.validate import Checked
from telltale.train.cross_validation import CrossValidated, cross_validate
from telltale.train.fitted import Progress, TrainingChoices
from telltale.train.sources import (
    check_file,
    judged_columns,
    rows_from_checked,
    rows_simulated,
    rows_to_test,
)
from telltale.train.version import TrainingRows


def silent(_what: str, _done: int, _of: int) -> None:
    """Progress that nobody watches."""


class Home:
    """Everything telltale keeps, and the verbs on it.

    Args:
        folder: an open folder.
        apps: the apps it serves, by name.
    """

    def __init__(self, folder: Folder, apps: Mapping[str, App]) -> None:
        self.folder = folder
        self.apps = apps
        self.registry = Registry(folder.state, folder.artifacts)

    @cached_property
    def events(self) -> EventStore:
        """The stored events."""
        return EventStore(self.folder.events)

    def close(self) -> None:
        """Close the databases."""
        self.folder.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def train(
        self,
        task: str,
        *,
        data: Path | None = None,
        mapping: SourceMapping | None = None,
        choices: TrainingChoices | None = None,
        simulation: Simulation | None = None,
        actor: str = "api",
        progress: Progress = silent,
        tell: Tell = untold,
    ) -> TrainedVersion:
        """Train a version, judge it on held-out rows and register it, whatever the verdict.

        Args:
            task: `app/task`.
            data: a file; None for stored events where they are enough, else simulated ones.
            mapping: how the file's columns become the event's (`telltale.telemetry.mapping`); None where they are.
            choices: estimator, parameters, tuning, seed.
            simulation: how to make rows up; given, rows are simulated even where events are stored.
            actor: who asks, for the ledger.
            progress: told after each step.
            tell: given lines for people: what a model says while it trains.

        Raises:
            UsageError, SchemaError, NotEnoughDataError, NotFoundError: as their messages say.
        """
        app, found = find_task(self.apps, task)
        chosen = choices or TrainingChoices()
        rows = self.training_rows(app, found, data=data, mapping=mapping, simulation=simulation, seed=chosen.seed)
        return self.train_on(app, found, rows, chosen, actor=actor, progress=progress, tell=tell)

    def training_rows(
        self,
        app: App,
        task: Task,
        *,
        data: Path | None,
        simulation: Simulation | None,
        seed: int,
        mapping: SourceMapping | None = None,
    ) -> TrainingRows:
        """The rows `train` would use; `seed` is for rows made up because nothing else is there."""
        if data is not None:
            checked = check_file(app.event(task.event), data, mapping=mapping)
            return rows_from_checked("file", checked, task, where=str(data))
        stored = None if simulation is not None else stored_rows(self.folder.events, app, task)
        if stored is not None:
            return rows_from_checked("store", stored, task, where=f"{app.name}/{task.event}")
        return rows_simulated(app, task, simulation or Simulation(seed=seed))

    def train_on(
        self,
        app: App,
        task: Task,
        rows: TrainingRows,
        choices: TrainingChoices,
        *,
        actor: str,
        progress: Progress,
        tell: Tell = untold,
    ) -> TrainedVersion:
        """Train, judge and register from rows at hand; a search of parameters that was cut off goes on."""
        if choices.n_trials:
            choices = replace(choices, study=str(self.folder.path / "tuning.db"))
        return train_and_register(self.registry, app, task, rows, choices, actor=actor, progress=progress, tell=tell)

    def cross_validate(
        self,
        app: App,
        task: Task,
        rows: TrainingRows,
        choices: TrainingChoices,
        *,
        n_folds: int,
        progress: Progress = silent,
        tell: Tell = untold,
    ) -> CrossValidated:
        """What training is worth on every part of the rows at hand, each left out once; nothing is registered."""
        return cross_validate(app, task, rows, choices, n_folds=n_folds, progress=progress, tell=tell)

    def write_training(self, trained: TrainedVersion, directory: Path, *, save_data: bool) -> dict[str, str]:
        """Write the bundle, `training_metrics.json` and `model_config.json`, and with `save_data` the rows."""
        return write_training(trained, self.apps[trained.version.app], directory, save_data=save_data)

    def load(self, task: str, reference: str = "", *, threshold: float | None = None) -> tuple[str, LoadedRuntime]:
        """A version ready to answer, and how it is written.

        Args:
            task: `app/task`.
            reference: a number, a role, a label, or the directory of a bundle; "" for the champion, else the latest.
            threshold: in place of the version's own.

        Raises:
            NotFoundError: nothing is meant by it.
            BundleError: its files are missing, changed or broken.
        """
        app, found = find_task(self.apps, task)
        directory = Path(reference) if reference else None
        if directory is not None and (directory / "manifest.json").is_file():
            bundle = load_bundle(directory)
            if (bundle.manifest.app, bundle.manifest.task) != (app.name, found.name):
                raise BundleError(
                    f"the bundle is of {bundle.manifest.app}/{bundle.manifest.task}, not of {app.name}/{found.name}",
                    where=reference,
                    mend="Name the task that it was trained for, or another directory.",
                )
            runtime = runtime_of(bundle, threshold=threshold)
            runtime.self_test()  # no registry says what its files should be, and whether they belong together
            return reference, runtime
        version = self._resolve(app, found, reference)
        return version.reference, load_runtime(version.path, expected=version.files, threshold=threshold)

    def evaluate(
        self,
        task: str,
        *,
        reference: str = "",
        data: Path | None = None,
        mapping: SourceMapping | None = None,
        days: float | None = None,
        seed: int = 0,
        interval_s: float | None = None,
    ) -> tuple[Evaluation, LoadedRuntime]:
        """Judge a version on a file, or on simulated rows of other days and another seed.

        A version that knows those it is asked about (shoppers, series) is judged on what the same ones do next.

        Raises:
            OverlapError: rows of the file were trained on.
        """
        app, found = find_task(self.apps, task)
        name, runtime = self.load(task, reference)
        if data is not None:
            schema = app.event(found.event)
            checked = check_file(schema, data, columns=judged_columns(runtime.manifest, schema), mapping=mapping)
        else:
            checked = rows_to_test(app, found, runtime.manifest, days=days, seed=seed, interval_s=interval_s)
            if set(checked.columns) != set(runtime.manifest.row_columns):
                raise NotFoundError(
                    f"it was trained on {list(runtime.manifest.row_columns)}, which no simulator makes",
                    where=name,
                    mend="Give rows with --data FILE.",
                )
        kind = "simulated" if data is None else "file"
        evaluation = evaluate_rows(
            found,
            runtime,
            checked.frame,
            reference=name,
            data_kind=kind,
            n_quarantined=len(checked.quarantined),
        )
        return evaluation, runtime

    def validate(
        self, event: str, source: Path | str, *, mapping: SourceMapping | None = None, require_time: bool = False
    ) -> Checked:
        """Check the rows of a file against an event, storing nothing; mapped first, if need be."""
        from telltale.telemetry.files import read_rows
        from telltale.telemetry.mapped_rows import map_rows
        from telltale.telemetry.validate import check_rows

        _, schema = find_event(self.apps, event)
        rows = read_rows(Path(source))
        return check_rows(schema, rows if mapping is None else map_rows(rows, mapping), require_time=require_time)

    def ingest(
        self, event: str, source: Path | str, *, mapping: SourceMapping | None = None, api_key: str = ""
    ) -> tuple[Checked, Stored]:
        """Store the good rows of a file or an http address, and the bad ones with their reasons in the quarantine.

        `api_key` is sent to the address as `X-API-Key`. Where it is away, nothing is stored: `pull` has more to say.
        """
        app, schema = find_event(self.apps, event)
        if is_address(str(source)):
            asked = Source(app=app.name, schema=schema, url=str(source), key_of=lambda _: api_key, mapping=mapping)
            pulled, stored, _ = self.pull(asked, allow_stale=False)
            return pulled.checked, stored
        checked = self.validate(event, source, mapping=mapping, require_time=True)
        return checked, self.store(app, schema, checked, source=str(source))

    def pull(
        self, source: Source, *, at_once: bool = False, allow_stale: bool = True
    ) -> tuple[Pulled, Stored, Freshness]:
        """Store the rows of a source; where it is away, those of its last good answer, and say so: see `telltale.home.pulls`."""
        return pull_events(self.folder, source, now=datetime.now(UTC), at_once=at_once, allow_stale=allow_stale)

    def ingest_sql(
        self, event: str, parts: Iterable[RawRows], *, mapping: SourceMapping | None = None
    ) -> Iterator[tuple[Checked, Stored]]:
        """Store the rows of a database, part by part, as `telltale.telemetry.sql_rows` gives them."""
        from telltale.telemetry.mapped_rows import map_rows
        from telltale.telemetry.validate import check_rows

        app, schema = find_event(self.apps, event)
        for raw in parts:
            rows = raw if mapping is None else map_rows(raw, mapping)
            checked = check_rows(schema, rows, require_time=True)
            yield checked, self.store(app, schema, checked, source=raw.source)

    def store(self, app: App, schema: EventSchema, checked: Checked, *, source: str) -> Stored:
        """Store checked rows and quarantine the bad ones."""
        now = datetime.now(UTC)
        stored = self.events.add(app.name, schema.name, checked.frame, checked.columns, source=source, now=now)
        self.events.quarantine(app.name, schema.name, checked.quarantined, source=source, now=now)
        return stored

    def score(
        self, task: str, data: Path, *, mapping: SourceMapping | None = None, reference: str = ""
    ) -> tuple[str, LoadedRuntime, Checked]:
        """A version, and a file's rows checked for it."""
        app, found = find_task(self.apps, task)
        name, runtime = self.load(task, reference)
        # What a version does not read need not be there.
        checked = check_file(app.event(found.event), data, columns=runtime.columns, mapping=mapping)
        return name, runtime, checked

    def promote(self, task: str, reference: str, *, actor: str, reason: str, override: bool = False) -> Version:
        """Make a version the champion, once its files are whole and it has answered a self-test.

        Raises:
            GateError: the gate said "fail" and `override` is not set.
            BundleError: it cannot be loaded; the present champion stays.
        """
        app, found = find_task(self.apps, task)
        version = self._resolve(app, found, reference)
        load_runtime(version.path, expected=version.files).self_test()
        return self.registry.promote(
            app.name,
            found.name,
            version.number,
            actor=actor,
            reason=reason,
            now=datetime.now(UTC),
            override=override,
        )

    def rollback(self, task: str, *, actor: str, reason: str) -> Version:
        """Make the champion before the present one champion again."""
        app, found = find_task(self.apps, task)
        # The running server loads and tests it before it takes it up, and goes on with the old one if that fails.
        return self.registry.rollback(app.name, found.name, actor=actor, reason=reason, now=datetime.now(UTC))

    def _resolve(self, app: App, task: Task, reference: str) -> Version:
        if reference:
            return self.registry.resolve(app.name, task.name, reference)
        champion = self.registry.champion(app.name, task.name)
        return champion or self.registry.resolve(app.name, task.name, "latest")


def open_home(path: str | Path | None = None) -> Home:
    """Open a home with every installed app.

    Args:
        path: the folder; None for TELLTALE_HOME, else `.telltale` here, with the versions' files in MODEL_DIR and the
            databases at DATABASE_URL where those are set: they belong to one home, so that a path given here comes without.
    """
    if not structlog.is_configured():
        configure_logs(level="warning")  # a program that has set up its own logs keeps them
    if path is not None:
        return Home(open_folder(Path(path)), installed_apps())
    settings = read_settings(Path.cwd())
    folder = open_folder(
        Path(settings["TELLTALE_HOME"]), artifacts=model_folder(settings), database=settings["DATABASE_URL"]
    )
    return Home(folder, installed_apps())
