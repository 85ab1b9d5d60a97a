"""An app as a value: what it decides, on which events, and how rows of it can be made up."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

import polars as pl

from telltale.contract.attack import Attack
from telltale.contract.command import AppCommand, CommandOption
from telltale.contract.derivation import Derivation
from telltale.contract.errors import UsageError
from telltale.contract.estimator import Tell
from telltale.contract.kinds import (
    Acting,
    Choices,
    Forecasting,
    Kind,
    Ranking,
    Segmenting,
    Similarity,
    Succession,
    Verification,
)
from telltale.contract.plan import Plan
from telltale.contract.route import Route
from telltale.contract.schema import EventSchema
from telltale.contract.simulation import Simulation
from telltale.contract.split import LastShare, Split
from telltale.contract.verdict import Target


class Simulator(Protocol):
    """Makes rows of an event, in time order, in the event's own columns, labelled where it has a label."""

    def __call__(self, event: str, how: Simulation) -> pl.DataFrame:
        """`how.start` is given. Same arguments, same rows. Raises UsageError."""
        ...


class PlanDeriver(Protocol):
    """Derives and fits a plan on training rows alone.

    `frame` has the columns of `telltale.telemetry.frames`: `@entity`, `@time`, maybe `@label`, and `columns`, floats
    unless the schema says otherwise. Rows labelled positive are left out of every fitted table
    but those that say what labelled texts are like (`TextOdds`).
    """

    def __call__(self, frame: pl.DataFrame, columns: tuple[str, ...], *, sequence: int = 1) -> Plan:
        """A fitted plan. With `sequence` above 1 the model reads so many rows, and needs no windowed features."""
        ...


@dataclass(frozen=True, kw_only=True)
class RetrainingRules:
    """When a task is retrained beside its schedule, of itself; never on fewer rows than the task's minimum.

    Args:
        new_rows: so many rows stored since the latest version was trained are reason enough; None: no number is.
        on_drift: the alarm "drift" is.
        on_quality: the alarm "quality_low" is.
        at_least_every_s: a latest version older than this is, where anything new is stored; None: no age is.
        not_more_often_s: so long after a retraining no rule asks for another.
    """

    new_rows: int | None = None
    on_drift: bool = True
    on_quality: bool = True
    at_least_every_s: float | None = None
    not_more_often_s: float = 21_600.0


@dataclass(frozen=True, kw_only=True)
class Task:
    """One decision backed by one model, addressed `app/task`.

    Args:
        name: the task.
        kind: picks how it is trained, its metrics and its conformance checks.
        event: the event it reads.
        estimators: names of the models it may use; the first that can be trained here and now is the default.
        other_estimators: the same where rows have other columns than the event declares; () for `estimators`.
        targets: what the gate asks of a version.
        minimum_rows: fewer stored rows than this, and `train` simulates instead (and says so).
        schedule: when `telltale work` retrains it: a cron expression (UTC), or an interval such as "every 6h"; "" for
            never.
        derive_plan: the features, for kinds that answer rows (score, choose, segment).
        split: which rows the gate judges on.
        false_alarms_per_day: for "score": the alert budget where there are no labels to set the threshold with.
        thresholds: for "score": fixed ones, by the estimator whose score they are of; others are set on left-out rows.
        threshold_variable: environment variable that overrides the threshold in serving, or "".
        choices, ranking, forecasting, verification, similarity, succession, acting: what a task of kind "choose", "rank",
            "forecast", "verify", "similar", "next", "act" decides with.
        segmenting: for "segment": what its segments are to tell apart, if anything.
        attacks: for "verify": what attackers try, each measured where a version is evaluated.
        answer_names: names that fields of an answer are sent under too, by the field: `{"decision": "is_anomaly"}`;
            "time" is the time of the row that was decided.
        query_names: names that fields of a query are sent under in place of their own: `{"recent": "recent_accesses"}`.
        test_days: how many days `evaluate` makes up where no file is given; None for as many as are made up to train on.
        alarm_limits: limits of its alarms in place of those of `telltale.monitor.alarm.rules` and
            `telltale.monitor.drift.rule`, by their name.
        beforehand: for "act": makes rows of the event from what the app knows without any log, such as a closed form; a policy is
            fitted on these, and then learns the log.
        answer_changes_outcome: whether what comes of an entity depends on the answer, as of a recommendation: then two
            versions are compared by what came of the entities that each decided for, else on the same labelled rows.
        retraining: when it is retrained beside its schedule.
    """

    name: str
    kind: Kind
    event: str
    estimators: tuple[str, ...]
    targets: tuple[Target, ...]
    minimum_rows: int
    schedule: str
    other_estimators: tuple[str, ...] = ()
    derive_plan: PlanDeriver | None = None
    split: Split = field(default_factory=LastShare)
    false_alarms_per_day: float = 2.0
    thresholds: Mapping[str, float] = field(default_factory=dict)
    threshold_variable: str = ""
    choices: Choices | None = None
    ranking: Ranking | None = None
    forecasting: Forecasting | None = None
    verification: Verification | None = None
    similarity: Similarity | None = None
    succession: Succession | None = None
    acting: Acting | None = None
    segmenting: Segmenting | None = None
    attacks: tuple[Attack, ...] = ()
    answer_names: Mapping[str, str] = field(default_factory=dict)
    query_names: Mapping[str, str] = field(default_factory=dict)
    test_days: float | None = None
    alarm_limits: Mapping[str, float] = field(default_factory=dict)
    beforehand: Callable[[], pl.DataFrame] | None = None
    answer_changes_outcome: bool = False
    retraining: RetrainingRules = RetrainingRules()

    @property
    def every_estimator(self) -> tuple[str, ...]:
        """All that it may use, whatever the columns."""
        return tuple(dict.fromkeys((*self.estimators, *self.other_estimators)))

    def estimators_for(self, columns: Iterable[str], declared: Iterable[str]) -> tuple[str, ...]:
        """Those among which the default is, for rows of these columns where the event declares others, or the same."""
        return self.other_estimators if self.other_estimators and set(columns) != set(declared) else self.estimators


@dataclass(frozen=True, kw_only=True)
class Collection:
    """A source of real rows on this machine.

    `collect(interval_s, n_rows)` yields rows as dictionaries in the event's columns, one per interval; for ever where
    `n_rows` is None. In its place `collect_path(path, n_rows)` reads what lies at a path, and with a parameter `tell`
    says what it passed over; `collect_entity(entity, tell)` records somebody, or something, that is named, until whoever does
    it ends it; it tells people how, and what came of it.
    `options` of the command line are passed to `collect` and `collect_path` by their name where they are given; of two sources that have one of
    the same name it means the same.
    `output` is the file below TELLTALE_HOME that rows go to where nobody names another; "-" for standard output.
    """

    name: str
    event: str
    title: str
    collect: Callable[..., Iterator[dict[str, float | str | None]]] | None = None
    collect_path: Callable[..., Iterator[Mapping[str, object]]] | None = None
    collect_entity: Callable[[str, Tell], Iterator[Mapping[str, object]]] | None = None
    output: str = "-"
    options: tuple[CommandOption, ...] = ()


@dataclass(frozen=True, kw_only=True)
class AppSchedule:
    """Several tasks retrained together, beside their own schedules. `cron` is as a task's schedule."""

    name: str
    cron: str
    tasks: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class App:
    """An application on the kernel. The kernel receives it as an argument and imports none.

    Args:
        name: as in `app/task`.
        title: one line for people.
        events: schemas.
        tasks: decisions.
        simulate: makes rows up.
        start: when simulated time starts (a Monday, UTC).
        collections: real sources on this machine, by name.
        derivations: events whose rows can be made from those of another.
        schedules: retraining of several tasks together.
        routes: paths of its own.
        commands: of its own, on the command line.
        simulated_kinds: what `simulate` labels 1, by kind, of the events where it has kinds: attacks, of which one can be asked for.
        backend_paths: where under API_URL a backend has the rows of an event, by its name, unless an operator says otherwise.
    """

    name: str
    title: str
    events: tuple[EventSchema, ...]
    tasks: tuple[Task, ...]
    simulate: Simulator
    start: datetime
    collections: Mapping[str, Collection] = field(default_factory=dict)
    derivations: tuple[Derivation, ...] = ()
    schedules: tuple[AppSchedule, ...] = ()
    routes: tuple[Route, ...] = ()
    commands: tuple[AppCommand, ...] = ()
    backend_paths: Mapping[str, str] = field(default_factory=dict)
    simulated_kinds: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def event(self, name: str) -> EventSchema:
        """The event of that name. Raises UsageError."""
        for event in self.events:
            if event.name == name:
                return event
        raise UsageError.not_one_of(name, (event.name for event in self.events), where=f"event of {self.name}")

    def task(self, name: str) -> Task:
        """The task of that name. Raises UsageError."""
        for task in self.tasks:
            if task.name == name:
                return task
        raise UsageError.not_one_of(name, (task.name for task in self.tasks), where=f"task of {self.name}")
