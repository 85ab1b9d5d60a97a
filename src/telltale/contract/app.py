"""An app as a value: what it decides, on which events, and how rows of it can be made up."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, Protocol

import polars as pl

from telltale.contract.errors import UsageError
from telltale.contract.plan import Plan
from telltale.contract.schema import EventSchema
from telltale.contract.verdict import Target

Kind = Literal["score"]


class Simulator(Protocol):
    """Makes labelled rows of an event, in time order, in the event's own columns. Same arguments, same rows."""

    def __call__(
        self, event: str, *, days: float, interval_s: float, anomaly_rate: float, seed: int, start: datetime
    ) -> pl.DataFrame:
        """`start` is aware; rows are `interval_s` apart."""
        ...


class PlanDeriver(Protocol):
    """Derives and fits a plan on training rows alone.

    `frame` has the columns of `telltale.telemetry.frames`: `@entity`, `@time`, maybe `@label`, and `columns` as floats.
    Rows labelled positive are left out of every fitted table.
    """

    def __call__(self, frame: pl.DataFrame, columns: tuple[str, ...]) -> Plan:
        """A fitted plan."""
        ...


@dataclass(frozen=True, kw_only=True)
class Task:
    """One decision backed by one model, addressed `app/task`.

    Args:
        name: the task.
        kind: picks metrics and conformance checks.
        event: the event it reads.
        derive_plan: the features.
        estimators: names of the models it may use; the first is the default.
        targets: what the gate asks of a version.
        minimum_rows: fewer stored rows than this, and `train` simulates instead (and says so).
        false_alarms_per_day: the alert budget where there are no labels to set the threshold with.
        schedule: cron expression (UTC) of the retraining that `telltale work` runs.
        threshold_variable: environment variable that overrides the threshold in serving, or "".
    """

    name: str
    kind: Kind
    event: str
    derive_plan: PlanDeriver
    estimators: tuple[str, ...]
    targets: tuple[Target, ...]
    minimum_rows: int
    false_alarms_per_day: float
    schedule: str
    threshold_variable: str = ""


@dataclass(frozen=True, kw_only=True)
class Collection:
    """A source of real rows on this machine.

    `collect(interval_s, n_rows)` yields rows as dictionaries in the event's columns, one per interval; for ever where
    `n_rows` is None.
    """

    name: str
    event: str
    title: str
    collect: Callable[[float, int | None], Iterator[dict[str, float | str]]]


@dataclass(frozen=True, kw_only=True)
class App:
    """An application on the kernel. The kernel receives it as an argument and imports none.

    Args:
        name: as in `app/task`.
        title: one line for people.
        events: schemas.
        tasks: decisions.
        simulate: makes rows up.
        interval_s: the usual distance between simulated rows.
        start: when simulated time starts (a Monday, UTC).
        collections: real sources on this machine, by name.
    """

    name: str
    title: str
    events: tuple[EventSchema, ...]
    tasks: tuple[Task, ...]
    simulate: Simulator
    interval_s: float
    start: datetime
    collections: Mapping[str, Collection] = field(default_factory=dict)

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
