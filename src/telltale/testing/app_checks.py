"""What every app promises (`telltale.contract.app`), beside what its trained versions do (`runtime_checks`)."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Final

import msgspec
import numpy as np
import polars as pl

from telltale.contract.app import App
from telltale.contract.errors import UsageError
from telltale.contract.plan import Plan
from telltale.contract.simulation import Simulation
from telltale.contract.split import LastOfEach
from telltale.evaluate.alarm_figures import ALARM_METRICS
from telltale.evaluate.clean_entities import CLEAN_FLAGGED
from telltale.evaluate.gate import judge
from telltale.evaluate.intervals import undefined
from telltale.evaluate.metrics import detection_metrics
from telltale.evaluate.verification_metrics import verification_metrics
from telltale.features.frame import feature_matrix
from telltale.models.estimators import estimator_named
from telltale.monitor.alarm.rules import RULES, limits_of
from telltale.retrain.cron import next_slot
from telltale.telemetry.frames import LABEL
from telltale.telemetry.raw_rows import rows_from_objects
from telltale.telemetry.validate import check_rows
from telltale.testing.processes import in_the_other_process
from telltale.testing.refusals import assert_refused
from telltale.testing.samples import known_labels, sample_rows
from telltale.train.sources import check_simulated, simulated

AppCheck = Callable[[App], None]

_NAME = re.compile(r"[a-z][a-z0-9_]*")
_N_ROWS = 600
_RATE = 0.1


def check_names_can_stand_in_an_address(app: App) -> None:
    """Names of the app, its events and its tasks are lower-case words, and none is there twice."""
    for names in ([app.name], [event.name for event in app.events], [task.name for task in app.tasks]):
        assert len(set(names)) == len(names), f"{names}: one is there twice"
        for name in names:
            assert _NAME.fullmatch(name), f"{name!r} cannot stand in an address such as app/task"
    assert app.title.strip(), "the app has no title"


def check_tasks_name_what_there_is(app: App) -> None:
    """A task names an event of the app, known estimators, metrics that are measured, and numbers that make sense."""
    assert app.tasks, "the app decides nothing"
    labels, scores = np.array([0, 1], dtype=np.int8), np.array([0.0, 1.0])
    measured = {
        **detection_metrics(labels, scores, 0.5).metrics,
        **verification_metrics(labels, scores, 0.5),
        **dict.fromkeys((*ALARM_METRICS, CLEAN_FLAGGED), undefined()),
    }
    names = {event.name for event in app.events}
    for task in app.tasks:
        assert task.event in names, f"{task.name} reads {task.event}, which {app.name} does not have"
        for name in task.every_estimator:
            kind = estimator_named(name).kind
            assert kind == task.kind, f"{task.name} is of kind {task.kind}, its estimator {name} of {kind}"
        if task.kind == "score":
            judge(task.targets, measured, n=2, n_positive=1)  # raises UsageError for a metric that is not measured
        assert task.minimum_rows > 0, f"{task.name}: a minimum of {task.minimum_rows} rows"
        assert task.false_alarms_per_day > 0, f"{task.name}: a budget of {task.false_alarms_per_day} false alarms a day"
        if task.schedule:
            next_slot(task.schedule, app.start)  # raises UsageError for one that cannot be read
        limits_of(RULES[0], app, task.name)  # raises UsageError for a limit that no rule of any alarm has
    for schedule in app.schedules:
        assert schedule.name not in {task.name for task in app.tasks}, f"schedule {schedule.name}: a task has that name"
        assert {*schedule.tasks} <= {task.name for task in app.tasks}, f"schedule {schedule.name}: {schedule.tasks}"


def check_start_is_a_monday_in_utc(app: App) -> None:
    """Simulated time starts on a Monday, 00:00 UTC, with which every weekly period begins."""
    assert app.start.utcoffset() == timedelta(0), f"{app.start} is not UTC"
    assert app.start.weekday() == 0, f"{app.start} is no Monday"
    assert app.start.replace(hour=0, minute=0, second=0, microsecond=0) == app.start, f"{app.start} is not midnight"


def check_simulator_is_seeded(app: App) -> None:
    """Same arguments, same rows, in another process too; another seed, other rows."""
    for event in app.events:
        rows = _simulate(app, event.name, seed=5)

        assert _simulate(app, event.name, seed=5).equals(rows), f"{event.name}: the same seed gave other rows"
        other = in_the_other_process(_simulate, app, event.name, seed=5)
        assert other.equals(rows), f"{event.name}: another process gave other rows"
        assert not _simulate(app, event.name, seed=6).equals(rows), f"{event.name}: another seed gave the same rows"


def check_simulated_rows_pass_their_own_schema(app: App) -> None:
    """Every declared column is there, and the check that real rows take quarantines none of them."""
    for event in app.events:
        for rate in (0.0, _RATE, 0.5) if event.label is not None else (None,):
            how = Simulation(n_rows=_N_ROWS, positive_rate=rate, seed=1)
            checked = check_simulated(app, event.name, how)

            assert checked.quarantined == (), f"{event.name}, a share of {rate}: {checked.quarantined[:3]}"
            assert checked.frame.height == checked.n_read == _N_ROWS, f"{checked.n_read} rows of {_N_ROWS}"
            declared = tuple(column.name for column in event.columns)
            measured = checked.columns[: len(declared)] if event.more_numeric else checked.columns
            assert measured == declared, f"{event.name} declares {declared}, simulated are {checked.columns}"


def check_simulated_rows_are_labelled(app: App) -> None:
    """Where the event has a label every row has one, and the share of positives is what was asked for."""
    for event in (event for event in app.events if event.label is not None):
        for rate in (0.0, 0.05, 0.2):
            checked = check_simulated(app, event.name, Simulation(n_rows=_N_ROWS, positive_rate=rate, seed=2))
            assert LABEL in checked.frame.columns, f"{event.name} is simulated without {event.label}"
            labels = checked.frame[LABEL]

            assert labels.null_count() == 0, f"{event.name}: {labels.null_count()} rows have no label"
            share = int(labels.sum()) / len(labels)
            assert abs(share - rate) <= 0.2 * rate, f"{event.name}: {share:.1%} positives, asked for {rate:.1%}"


def check_simulated_time_runs_forward(app: App) -> None:
    """Rows come in the order of time, and none is from before `start`, whatever that is."""
    start = datetime(2025, 3, 3, 6, 30, tzinfo=UTC)
    for event in app.events:
        times = app.simulate(event.name, Simulation(n_rows=_N_ROWS, seed=3, start=start))[event.time]

        assert times.is_sorted(), f"{event.name}: rows are not in the order of time"
        assert times[0] >= start, f"{event.name} begins at {times[0]}, before {start}"
        assert len(times) == _N_ROWS, f"{event.name}: {len(times)} rows of {_N_ROWS}"


def check_simulator_goes_on(app: App) -> None:
    """Where a version is judged on what comes next, more days begin with the same rows."""
    for name in {task.event for task in app.tasks if isinstance(task.split, LastOfEach)}:
        fewer, more = (simulated(app, name, Simulation(days=days, seed=4)) for days in (40.0, 60.0))

        assert more.height > fewer.height, f"{name}: more days are no more rows"
        assert more[: fewer.height].equals(fewer), f"{name}: with more days the first rows are others"


def check_simulator_refuses_nonsense(app: App) -> None:
    """An unknown event, no time at all, and a share that is none raise UsageError with the mend."""
    for event in app.events:
        for name, how in (
            ("nothing_of_that_name", Simulation()),
            (event.name, Simulation(days=0.0)),
            (event.name, Simulation(days=-1.0)),
            (event.name, Simulation(n_rows=0)),
            (event.name, Simulation(interval_s=0.0)),
            (event.name, Simulation(positive_rate=-0.1)),
            (event.name, Simulation(positive_rate=1.5)),
        ):
            assert_refused(UsageError, "", partial(simulated, app, name, how))


def check_plan_is_data(app: App) -> None:
    """A derived plan reads the rows' columns, comes back from JSON the same, and gives finite features that vary."""
    for task in app.tasks:
        if task.derive_plan is None:
            continue
        rows = sample_rows(app, task)
        plan = task.derive_plan(rows.train, rows.columns)

        assert {*plan.columns} <= {*rows.columns}, f"{task.name}: the plan reads {plan.columns}"
        assert len(set(plan.features)) == len(plan.features) > 0, f"{task.name}: features {plan.features}"
        assert msgspec.json.decode(msgspec.json.encode(plan), type=Plan) == plan, f"{task.name}: JSON changes the plan"
        features = feature_matrix(plan, rows.held_out)
        assert np.isfinite(features).all(), f"{task.name}: features are not finite"
        still = [name for name, spread in zip(plan.features, np.ptp(features, axis=0), strict=True) if spread == 0]
        assert not still, f"{task.name}: features {still} are the same in every row"


def check_plan_is_fitted_on_normal_rows(app: App) -> None:
    """What rows labelled positive measured has no part in the plan."""
    for task in app.tasks:
        if task.derive_plan is None or app.event(task.event).label is None:
            continue
        rows = sample_rows(app, task)
        is_positive = pl.Series(known_labels(rows.train) == 1)
        numbers = [name for name in rows.columns if rows.train[name].dtype == pl.Float64]
        values = [pl.when(is_positive).then(pl.col(name) * 0.5).otherwise(pl.col(name)) for name in numbers]
        moved = rows.train.with_columns(values)

        assert not moved.equals(rows.train), f"{task.name}: no simulated row is labelled positive"
        plan = task.derive_plan(rows.train, rows.columns)
        assert task.derive_plan(moved, rows.columns) == plan, f"{task.name}: rows labelled positive moved the plan"


def check_collections_yield_rows_of_their_event(app: App) -> None:
    """A source of real rows is listed under its own name and names an event of the app."""
    for name, collection in app.collections.items():
        assert name == collection.name, f"{collection.name} is listed as {name}"
        app.event(collection.event)
        assert collection.title.strip(), f"{name} has no title"


def check_derived_rows_pass_the_schema_of_what_they_are(app: App) -> None:
    """Rows made from simulated rows of another event are rows of the event that they are said to be; same rows, same result."""
    for derivation in app.derivations:
        assert derivation.event != derivation.source, f"{derivation.event} is made from itself"
        schema = app.event(derivation.event)
        rows = check_simulated(app, derivation.source, Simulation(n_rows=_N_ROWS, positive_rate=_RATE, seed=1)).frame
        derived = derivation.derive(rows)
        assert not derived.frame.is_empty(), f"no {derivation.event} came of {_N_ROWS} simulated {derivation.source}"

        raw = rows_from_objects(derived.frame.to_dicts())
        bad = check_rows(schema, raw, require_time=True).quarantined
        assert bad == (), f"{derivation.event} from {derivation.source}: {bad[:3]}"
        assert derivation.derive(rows).frame.equals(derived.frame), f"{derivation.event}: the same rows gave others"


APP_CHECKS: Final[tuple[AppCheck, ...]] = (
    check_names_can_stand_in_an_address,
    check_tasks_name_what_there_is,
    check_start_is_a_monday_in_utc,
    check_simulator_is_seeded,
    check_simulated_rows_pass_their_own_schema,
    check_simulated_rows_are_labelled,
    check_simulated_time_runs_forward,
    check_simulator_goes_on,
    check_simulator_refuses_nonsense,
    check_plan_is_data,
    check_plan_is_fitted_on_normal_rows,
    check_collections_yield_rows_of_their_event,
    check_derived_rows_pass_the_schema_of_what_they_are,
)


def _simulate(app: App, event: str, *, seed: int) -> pl.DataFrame:
    return simulated(app, event, Simulation(n_rows=_N_ROWS, seed=seed))
