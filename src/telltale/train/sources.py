"""Rows to train on and to be judged on, from a simulator, a file, or the event store."""

import math
from datetime import datetime, timedelta
from pathlib import Path

import polars as pl
from msgspec.structs import replace

from telltale.contract.app import App, Task
from telltale.contract.errors import NotEnoughDataError
from telltale.contract.schema import EventSchema
from telltale.contract.simulation import Simulation
from telltale.contract.split import LastOfEach
from telltale.models.manifest import Manifest
from telltale.telemetry.files import read_rows
from telltale.telemetry.frames import LABEL, LINE, TIME
from telltale.telemetry.mapped_rows import map_rows
from telltale.telemetry.mapping import SourceMapping
from telltale.telemetry.raw_rows import RawRows
from telltale.telemetry.validate import Checked, check_rows
from telltale.train.kinds import training_of
from telltale.train.split import hold_out
from telltale.train.version import TrainingRows

# Seeds of rows to be judged on lie far from those people give for training.
_JUDGED_SEED, TEST_SEED = 1_000_003, 2_000_003
# A Friday a year on: three days of it hold a working day and a weekend.
TEST_DAYS_LATER = 368.0
_WEEK = timedelta(days=7)


def simulated(app: App, event: str, how: Simulation, *, days_later: float = 0.0) -> pl.DataFrame:
    """Raw simulated rows in the event's own columns."""
    start = (how.start or app.start) + timedelta(days=days_later)
    return app.simulate(event, replace(how, start=start))


def check_simulated(app: App, event: str, how: Simulation, *, days_later: float = 0.0) -> Checked:
    """Simulated rows through the same check that real ones take."""
    frame = simulated(app, event, how, days_later=days_later)
    raw = RawRows(frame=frame.with_columns(pl.int_range(1, pl.len() + 1).alias(LINE)), source="simulation")
    return check_rows(app.event(event), raw, require_time=True)


def check_file(
    schema: EventSchema, path: Path, *, columns: tuple[str, ...] | None = None, mapping: SourceMapping | None = None
) -> Checked:
    """A file's rows, mapped first where a mapping is given; training and judging need no event time.

    Raises:
        SchemaError, NotFoundError, UsageError: as `read_rows`, `map_rows` and `check_rows` do.
    """
    raw = read_rows(path)
    return check_rows(schema, raw if mapping is None else map_rows(raw, mapping), columns=columns, require_time=False)


def judged_columns(manifest: Manifest, schema: EventSchema) -> tuple[str, ...] | None:
    """The columns that rows must have for a version to be judged on them; None for the event's own.

    A version of an event of any numeric columns is judged on those it was trained on.
    """
    return manifest.row_columns if schema.any_numeric or schema.more_numeric else None


def rows_simulated(app: App, task: Task, how: Simulation) -> TrainingRows:
    """A training span, and for the gate the weeks after it under another seed; or its own last rows."""
    train = check_simulated(app, task.event, how)
    if isinstance(task.split, LastOfEach):
        return rows_from_checked("simulated", train, task, where="simulation")
    last = train.frame[TIME].max()
    assert last is not None, "simulated rows have a time"
    weeks = max(1, math.ceil((last - (how.start or app.start)) / _WEEK))  # type: ignore[operator]  # an instant
    judged = replace(how, days=None, n_rows=None, seed=how.seed + _JUDGED_SEED)
    held_out = check_simulated(app, task.event, judged, days_later=7.0 * weeks)
    return TrainingRows(kind="simulated", train=train.frame, held_out=held_out.frame, columns=train.columns)


def rows_from_checked(kind: str, checked: Checked, task: Task, *, where: str) -> TrainingRows:
    """Rows, some kept back for the gate where they can be judged on.

    A task that judges by labels trains on all rows where there are none: nobody could say how well it does.
    """
    frame = checked.frame
    if frame.is_empty():
        raise NotEnoughDataError(
            f"none of {checked.n_read} rows can be used",
            where=where,
            mend="See the reasons with `telltale validate`.",
        )
    is_labelled = LABEL in frame.columns and frame[LABEL].null_count() < frame.height
    if is_labelled or not training_of(task.kind).judges_labels:
        train, held_out = hold_out(frame, task.split)
    else:
        train, held_out = frame, frame[:0]
    return TrainingRows(
        kind="store" if kind == "store" else "simulated" if kind == "simulated" else "file",
        train=train,
        held_out=held_out,
        columns=checked.columns,
        n_quarantined=len(checked.quarantined),
    )


def rows_to_test(
    app: App, task: Task, manifest: Manifest, *, days: float | None, seed: int, interval_s: float | None
) -> Checked:
    """Simulated rows that no version was trained or judged on: other seed, later days.

    A version that is asked about those it knows (a shopper, a series) is judged on what the same ones do next.
    """
    if isinstance(task.split, LastOfEach):
        return _what_comes_next(app, task, manifest, days=days)
    how = Simulation(days=days or task.test_days, interval_s=interval_s, seed=seed + TEST_SEED)
    return check_simulated(app, task.event, how, days_later=TEST_DAYS_LATER)


def _what_comes_next(app: App, task: Task, manifest: Manifest, *, days: float | None) -> Checked:
    """The rows that follow those a version of simulated rows was trained on, of the same seed."""
    until = datetime.fromisoformat(manifest.trained_on.last) if manifest.trained_on.last else app.start
    span_days = (until - app.start) / timedelta(days=1)
    how = Simulation(days=span_days + (days or span_days / 4), seed=manifest.seed)
    longer = check_simulated(app, task.event, how)
    newer = longer.frame.filter(pl.col(TIME) > until)
    return Checked(frame=newer, columns=longer.columns, quarantined=(), ignored={}, n_read=newer.height)
