"""Rows, features and manifests that the checks work on."""

from collections.abc import Sequence
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from telltale.contract.answer import Input
from telltale.contract.app import App, Task
from telltale.contract.estimator import Features, Scores
from telltale.contract.plan import Plan
from telltale.contract.schema import Column, EventSchema
from telltale.contract.simulation import Simulation
from telltale.contract.split import LastOfEach
from telltale.contract.verdict import Verdict
from telltale.models.manifest import Manifest, OperatingPoint, TrainedOn
from telltale.models.score_runtime import ScoreRuntime
from telltale.telemetry.frames import ENTITY, LABEL, TIME, sort_checked
from telltale.train.sources import check_simulated, rows_from_checked
from telltale.train.version import TrainingRows

N_FEATURES: Final = 5
# Enough for daily levels and ten labelled anomalies a fold at the usual interval; few enough for a second a version.
_N_TRAIN, _N_HELD_OUT = 900, 500
_N_PEOPLE: Final = 48


def sample_features(seed: int, *, n_rows: int = 800) -> tuple[Features, NDArray[np.int8]]:
    """Autocorrelated normal rows with incidents of one to four rows outside the bulk, about 6 %; and the labels."""
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(n_rows, N_FEATURES))
    for i in range(1, n_rows):
        values[i] = 0.7 * values[i - 1] + np.sqrt(1 - 0.7**2) * values[i]
    labels = np.zeros(n_rows, dtype=np.int8)
    for start in rng.choice(n_rows // 5 - 1, size=n_rows // 40, replace=False) * 5:
        rows = slice(start, start + int(rng.integers(1, 5)))
        which = rng.choice(N_FEATURES, size=int(rng.integers(1, 4)), replace=False)
        values[rows, which] += rng.choice((-1, 1), size=len(which)) * rng.uniform(6, 10)
        labels[rows] = 1
    return values.astype(np.float32), labels


def last_value_scores(values: NDArray[np.floating]) -> Scores:
    """The baseline that only looks back one row: the largest change of any column, in robust deviations of its changes."""
    changes = np.abs(np.diff(values.astype(np.float64), axis=0, prepend=values[:1]))
    spread = np.median(changes, axis=0)
    return np.asarray((changes / np.where(spread > 0, spread, 1.0)).max(axis=1), dtype=np.float64)


def sample_manifest(estimator: str) -> Manifest:
    """A manifest that says as little as one can, for storing parts without a task."""
    columns = tuple(f"x{i}" for i in range(N_FEATURES))
    return Manifest(
        app="check",
        task="task",
        kind="score",
        event=EventSchema(name="event", columns=tuple(Column(name=name) for name in columns)),
        plan=Plan(columns=columns, steps=(), features=columns, explained=(), history=0, interval_s=0.0),
        estimator=estimator,
        parameters={},
        seed=0,
        threshold=0.5,
        operating_point=OperatingPoint(method="given", n=0, n_positive=0),
        trained_on=TrainedOn(kind="simulated", sha256="", n_rows=0, n_positive=None, first="", last=""),
        reference={},
        verdict=Verdict(outcome="not_enough_evidence", targets=(), n=0, n_positive=0),
        metrics={},
        libraries={},
    )


def sample_rows(app: App, task: Task, *, seed: int = 0) -> TrainingRows:
    """Simulated rows of a task: some to train on, and fewer, two weeks later, to be judged on; or their own last ones."""
    train = check_simulated(app, task.event, Simulation(n_rows=_N_TRAIN, seed=seed))
    if isinstance(task.split, LastOfEach):
        return rows_from_checked("simulated", train, task, where="sample")
    if task.verification is not None:
        return _sample_people(app, task, seed=seed)
    is_labelled = app.event(task.event).label is not None
    later = Simulation(n_rows=_N_HELD_OUT, seed=seed + 1, positive_rate=_rate(app, task) if is_labelled else None)
    held_out = check_simulated(app, task.event, later, days_later=14.0)
    return TrainingRows(kind="simulated", train=train.frame, held_out=held_out.frame, columns=train.columns)


def _sample_people(app: App, task: Task, *, seed: int) -> TrainingRows:
    """Two weeks of some people, and of others under another seed: what is verified is told by many rows of few."""
    parts = []
    for place, n_people in enumerate((_N_PEOPLE, _N_PEOPLE // 2)):
        rows = check_simulated(app, task.event, Simulation(days=14.0, seed=seed + place), days_later=14.0 * place)
        names = rows.frame[ENTITY].unique().sort()[:n_people]
        parts.append(rows.frame.filter(pl.col(ENTITY).is_in(names.implode())))
    train, held_out = parts
    return TrainingRows(kind="simulated", train=train, held_out=held_out, columns=rows.columns)


def _rate(app: App, task: Task) -> float | None:
    """One in ten where the event is rare, so that few rows hold enough of it; else as often as it is."""
    usual = check_simulated(app, task.event, Simulation(n_rows=_N_HELD_OUT)).frame[LABEL]
    return 0.1 if int(usual.sum()) < 0.1 * len(usual) else None


def two_entities(frame: pl.DataFrame) -> pl.DataFrame:
    """The same rows, every other of them of one entity, the rest of another; no training has seen either."""
    names = pl.when(pl.int_range(pl.len()) % 2 == 0).then(pl.lit("check-a")).otherwise(pl.lit("check-b"))
    return sort_checked(frame.with_columns(names.alias(ENTITY)))


def disturbed(app: App, task: Task, frame: pl.DataFrame, columns: tuple[str, ...], *, seed: int) -> pl.DataFrame:
    """Rows as they come on a bad day: every third value moved by up to three decades, or to an end of its range."""
    rng = np.random.default_rng(seed)
    done: dict[str, pl.Series | NDArray[np.float64]] = {}
    for name in columns:
        declared = app.event(task.event).column(name)
        if frame[name].dtype == pl.String:  # every third is one that no training has seen, or none
            drawn = pl.Series(rng.random(frame.height))
            strange = pl.when(drawn < 1 / 6).then(pl.lit("never seen"))
            done[name] = frame.select(strange.when(drawn > 5 / 6).then(None).otherwise(pl.col(name))).to_series()
            continue
        low = -np.inf if declared is None or declared.low is None else declared.low
        high = np.inf if declared is None or declared.high is None else declared.high
        values = frame[name].to_numpy().astype(np.float64)
        shifted = values * 10.0 ** rng.uniform(-3, 3, len(values))
        ends = np.array([low if np.isfinite(low) else -1e300, high if np.isfinite(high) else 1e300, 0.0])
        shifted = np.where(rng.random(len(values)) < 0.1, rng.choice(ends, len(values)), shifted)
        done[name] = np.clip(np.where(rng.random(len(values)) < 1 / 3, shifted, values), low, high)
    # What has no value stays without one.
    moved = {name: pl.Series(values) for name, values in done.items()}
    return frame.with_columns(
        (values if values.dtype == pl.String else values.fill_nan(None)).alias(name) for name, values in moved.items()
    )


def epoch_s(frame: pl.DataFrame) -> list[float]:
    """Event times in epoch seconds; 0 where rows carry none."""
    return [time_us / 1e6 for time_us in frame[TIME].dt.epoch("us").fill_null(0).to_list()]


def known_labels(frame: pl.DataFrame) -> NDArray[np.int8]:
    """Labels of simulated rows, which all have one."""
    return frame[LABEL].to_numpy().astype(np.int8)


def windows(runtime: ScoreRuntime, frame: pl.DataFrame, places: Sequence[int]) -> list[Input]:
    """Inputs for the rows at these places of a checked frame, each with the history that its entity has there."""
    rows, times, entities = frame.select(runtime.columns).rows(), epoch_s(frame), frame[ENTITY].to_list()
    starts = {entity: entities.index(entity) for entity in set(entities)}
    found = []
    for i in places:
        first = max(starts[entities[i]], i - runtime.history)
        found.append(Input(rows=rows[first : i + 1], times=times[first : i + 1], entity=entities[i] or None))
    return found
