"""Rows to train on and rows to be scored, from the simulator or from files of the event schema."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from benchmarks.catalogue import Progress
from telltale.apps.helios import ANOMALY, APP
from telltale.contract.errors import NotEnoughDataError, NotFoundError, SchemaError, UsageError
from telltale.contract.simulation import Simulation
from telltale.telemetry.frames import ENTITY, LABEL, TIME, sort_checked
from telltale.telemetry.validate import Checked
from telltale.train.prepared import labels_of
from telltale.train.sources import (
    TEST_DAYS_LATER,
    TEST_SEED,
    check_file,
    check_simulated,
    rows_from_checked,
    rows_simulated,
)
from telltale.train.version import TrainingRows

SCHEMA = APP.event(ANOMALY.event)
_SUFFIXES = frozenset({".csv", ".parquet", ".ndjson", ".jsonl"})


@dataclass(frozen=True, kw_only=True)
class Trial:
    """Rows that every method is fitted on once, and the cases that are scored then."""

    rows: TrainingRows
    seed: int
    cases: Mapping[str, pl.DataFrame]


def later_days(days: float, seed: int) -> pl.DataFrame:
    """Rows of other days and another seed, as `telltale evaluate` makes them up."""
    how = Simulation(days=days, seed=seed + TEST_SEED)
    return check_simulated(APP, ANOMALY.event, how, days_later=TEST_DAYS_LATER).frame


def simulated(*, seeds: Sequence[int], days: float, test_days: float) -> list[Trial]:
    """One trial per seed: the days that `telltale train` makes up, and later days of another seed, as `evaluate` does."""
    return [
        Trial(
            rows=rows_simulated(APP, ANOMALY, Simulation(days=days, seed=seed)),
            seed=seed,
            cases={f"seed {seed}": later_days(test_days, seed)},
        )
        for seed in seeds
    ]


def from_files(data: Path, *, progress: Progress) -> list[Trial]:
    """One trial per labelled file: fitted on what `telltale train --data` fits on, scored on what it holds out."""
    trials = []
    for path, checked in _read(data, None, progress).items():
        rows = rows_from_checked("file", checked, ANOMALY, where=str(path))
        if rows.held_out.is_empty():
            progress(f"{path.name} is left out: no row of it is labelled")
        else:
            trials.append(Trial(rows=rows, seed=0, cases={path.name: rows.held_out}))
    if not trials:
        raise NotEnoughDataError("no file has labels", where=str(data), mend="Add is_anomaly, or give --test as well.")
    return trials


def from_two_folders(data: Path, test: Path, *, progress: Progress) -> list[Trial]:
    """One trial: fitted on all rows of `data`, scored on each labelled file of `test`.

    Rows without a service are one series, unless two files have a row of the same moment: then each file is a series
    of its own, named for it.
    """
    train = _joined(_read(data, None, progress), progress)
    cases = {}
    for path, checked in _read(test, train.columns, progress).items():
        if labels_of(checked.frame) is None:
            progress(f"{path.name} is left out: no row of it is labelled")
        else:
            cases[path.name] = checked.frame
    if not cases:
        raise NotEnoughDataError("no file has labels", where=str(test), mend="Add the column is_anomaly.")
    rows = TrainingRows(kind="file", train=train.frame, held_out=train.frame[:0], columns=train.columns)
    return [Trial(rows=rows, seed=0, cases=cases)]


def _read(folder: Path, columns: tuple[str, ...] | None, progress: Progress) -> dict[Path, Checked]:
    """The files of a folder that are of the event; others are named and left out."""
    if not folder.is_dir():
        raise NotFoundError("there is no such folder", where=str(folder), mend="Name a folder with event files.")
    found = {}
    for path in sorted(path for path in folder.rglob("*") if path.suffix in _SUFFIXES):
        try:
            checked = check_file(SCHEMA, path, columns=columns)
        except (SchemaError, UsageError) as error:
            progress(f"{path.name} is left out: {error}")
            continue
        if checked.quarantined:
            progress(f"{path.name}: {len(checked.quarantined)} of {checked.n_read} rows cannot be used")
        if not checked.frame.is_empty():
            found[path] = checked
    if not found:
        raise NotFoundError("no file of the event is there", where=str(folder), mend=f"Give {sorted(_SUFFIXES)} files.")
    return found


def _joined(files: Mapping[Path, Checked], progress: Progress) -> Checked:
    columns = next(iter(files.values())).columns
    frames = {}
    for path, checked in files.items():
        if set(checked.columns) != set(columns):
            progress(f"{path.name} is left out: its columns are {list(checked.columns)}, not {list(columns)}")
        else:
            frames[path] = checked.frame
    joined = pl.concat(frames.values(), how="diagonal")
    if joined[TIME].null_count() == 0 and joined.select(ENTITY, TIME).is_duplicated().any():
        named = pl.when(pl.col(ENTITY) == "")
        joined = pl.concat(
            [
                frame.with_columns(named.then(pl.lit(path.stem)).otherwise(pl.col(ENTITY)).alias(ENTITY))
                for path, frame in frames.items()
            ],
            how="diagonal",
        )
    has_labels = LABEL in joined.columns and joined[LABEL].null_count() < joined.height
    frame = sort_checked(joined if has_labels else joined.drop(LABEL, strict=False))
    return Checked(frame=frame, columns=columns, quarantined=(), ignored={}, n_read=joined.height)
