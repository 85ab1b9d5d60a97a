"""Rows to train on and to be judged on, from a simulator, a file, or the event store."""

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import polars as pl

from telltale.contract.app import App, Task
from telltale.contract.errors import NotEnoughDataError
from telltale.contract.schema import EventSchema
from telltale.telemetry.files import read_rows
from telltale.telemetry.frames import LABEL, LINE
from telltale.telemetry.raw_rows import RawRows
from telltale.telemetry.validate import Checked, check_rows
from telltale.train.split import hold_out_last
from telltale.train.version import TrainingRows

# The share of labelled rows kept back for the gate: the last fifth.
HELD_OUT_SHARE = 0.2
# Rows between the two, so that no window reaches over: no plan looks further back.
GAP_ROWS = 12
# Days simulated for the gate: enough that about a hundred anomalies are judged at five per cent.
_JUDGED_DAYS = 7.0
# Seeds of rows to be judged on lie far from those people give for training.
_JUDGED_SEED, _TEST_SEED = 1_000_003, 2_000_003
# A Friday a year on: three days of it hold a working day and a weekend.
_TEST_DAYS_LATER = 368.0


@dataclass(frozen=True, kw_only=True)
class Simulation:
    """How rows are made up."""

    days: float = 7.0
    interval_s: float | None = None
    anomaly_rate: float = 0.05
    seed: int = 0


def simulated(app: App, event: str, how: Simulation, *, days_later: float = 0.0) -> pl.DataFrame:
    """Raw simulated rows in the event's own columns."""
    return app.simulate(
        event,
        days=how.days,
        interval_s=how.interval_s or app.interval_s,
        anomaly_rate=how.anomaly_rate,
        seed=how.seed,
        start=app.start + timedelta(days=days_later),
    )


def check_simulated(app: App, event: str, how: Simulation, *, days_later: float = 0.0) -> Checked:
    """Simulated rows through the same check that real ones take."""
    frame = simulated(app, event, how, days_later=days_later)
    raw = RawRows(frame=frame.with_columns(pl.int_range(1, pl.len() + 1).alias(LINE)), source="simulation")
    return check_rows(app.event(event), raw, require_time=True)


def check_file(schema: EventSchema, path: Path, *, columns: tuple[str, ...] | None = None) -> Checked:
    """A file's rows; training and judging need no event time. Raises SchemaError, NotFoundError, UsageError."""
    return check_rows(schema, read_rows(path), columns=columns, require_time=False)


def rows_simulated(app: App, task: Task, how: Simulation) -> TrainingRows:
    """A training span, and for the gate the week after it under another seed."""
    train = check_simulated(app, task.event, how)
    judged = Simulation(
        days=_JUDGED_DAYS, interval_s=how.interval_s, anomaly_rate=how.anomaly_rate, seed=how.seed + _JUDGED_SEED
    )
    held_out = check_simulated(app, task.event, judged, days_later=float(-(-how.days // 7) * 7))
    return TrainingRows(kind="simulated", train=train.frame, held_out=held_out.frame, columns=train.columns)


def rows_from_checked(kind: str, checked: Checked, *, where: str) -> TrainingRows:
    """Real rows: where they are labelled the last fifth is kept back for the gate, else all are trained on."""
    frame = checked.frame
    if LABEL in frame.columns and frame[LABEL].null_count() < frame.height:
        train, held_out = hold_out_last(frame, share=HELD_OUT_SHARE, gap_rows=GAP_ROWS)
    else:
        train, held_out = frame, frame[:0]
    if train.is_empty():
        raise NotEnoughDataError(
            f"none of {checked.n_read} rows can be used",
            where=where,
            mend="See the reasons with `telltale validate`.",
        )
    return TrainingRows(
        kind="store" if kind == "store" else "file",
        train=train,
        held_out=held_out,
        columns=checked.columns,
        n_quarantined=len(checked.quarantined),
    )


def rows_to_test(app: App, task: Task, *, days: float, seed: int, interval_s: float | None) -> Checked:
    """Simulated rows that no version was trained or judged on: other seed, later days."""
    how = Simulation(days=days, interval_s=interval_s, seed=seed + _TEST_SEED)
    return check_simulated(app, task.event, how, days_later=_TEST_DAYS_LATER)
