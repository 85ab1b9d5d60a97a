"""Machines as cases: rows to fit on, and labelled rows to score, from pairs of files."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from benchmarks.catalogue import Progress
from telltale.apps.eyenet.schema import SAMPLE
from telltale.contract.errors import NotFoundError, UsageError
from telltale.telemetry.files import FORMATS, read_rows
from telltale.telemetry.frames import LABEL, LINE
from telltale.telemetry.raw_rows import RawRows
from telltale.telemetry.validate import check_rows

_PART: Final = re.compile(r"(.+)\.(train|test)$")
_LABELS: Final = ("label", "is_anomaly")


@dataclass(frozen=True, kw_only=True)
class Machine:
    """One machine.

    Args:
        name: of the case.
        columns: measured columns.
        train: checked rows to fit on, in order; without labels.
        test: checked rows to score, in order.
        labels: of those, 0 or 1, shape (n,).
    """

    name: str
    columns: tuple[str, ...]
    train: pl.DataFrame
    test: pl.DataFrame
    labels: NDArray[np.int8]

    def matrices(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """The measured columns of both parts."""
        train, test = (part.select(self.columns).to_numpy().astype(np.float64) for part in (self.train, self.test))
        return train, test


def read_machines(data: Path, test: Path | None, *, progress: Progress) -> list[Machine]:
    """The machines of `test` where it is given, else of `data`.

    Files are called `NAME.train.*` and `NAME.test.*`; a column of text says whose rows are, where a file holds several. A
    machine is fitted on its own rows: of the same folder, else of the same name in `data`; where there are none, on all rows
    of `data` that have its columns. Test rows need labels.

    Raises:
        NotFoundError: no machine has rows to fit on and labelled rows to score.
        UsageError: a file is not one that can be read.
    """
    fitted = _parts(data, "train")
    scored = _parts(data if test is None else test, "test")
    if test is not None:
        fitted |= _parts(test, "train")
    machines = []
    for name, rows in scored.items():
        label = next((column for column in _LABELS if column in rows.columns), None)
        own = _rows_to_fit(name, rows, fitted)
        if label is None or own is None:
            progress(f"{name} is left out: {'no column label' if label is None else 'no rows to fit on'}")
            continue
        machines.append(machine_of(name, own, rows.drop(label), rows[label].to_numpy().astype(np.int8)))
    if not machines:
        raise NotFoundError(
            f"no machine in {data if test is None else test}",
            where="multivariate",
            mend="Give a folder with files NAME.train.parquet and NAME.test.parquet, the latter with a column label.",
        )
    return machines


def machine_of(name: str, train: pl.DataFrame, test: pl.DataFrame, labels: NDArray[np.int8]) -> Machine:
    """A machine of raw rows, checked as the product checks a file of `eyenet/sample`."""
    names = [column for column in test.columns if test[column].dtype.is_numeric()]
    checked = [
        check_rows(
            SAMPLE,
            RawRows(
                frame=part.select(pl.col(names).cast(pl.Float64), pl.int_range(1, pl.len() + 1).alias(LINE)),
                source=name,
            ),
            require_time=False,
        )
        for part in (train, test)
    ]
    for part in checked:
        if part.quarantined:
            raise UsageError(f"{len(part.quarantined)} rows are set aside: {part.quarantined[0].reason}", where=name)
    fitted, scored = checked
    return Machine(
        name=name,
        columns=fitted.columns,
        train=fitted.frame.drop(LABEL, strict=False),
        test=scored.frame,
        labels=labels,
    )


def _parts(folder: Path, part: str) -> dict[str, pl.DataFrame]:
    """Raw rows by machine, of one part."""
    found: dict[str, pl.DataFrame] = {}
    for path in sorted(folder.iterdir()) if folder.is_dir() else []:
        named = _PART.match(path.stem)
        if named is None or named[2] != part or path.suffix not in FORMATS:
            continue
        rows = pl.read_csv(path) if path.suffix == ".csv" else read_rows(path).frame.drop(LINE)
        whose = [column for column in rows.columns if rows[column].dtype == pl.String]
        if not whose:
            found[named[1]] = rows
            continue
        for key, own in rows.partition_by(whose[0], as_dict=True, include_key=False).items():
            found[f"{named[1]}/{key[0]}"] = own
    return found


def _rows_to_fit(name: str, rows: pl.DataFrame, fitted: dict[str, pl.DataFrame]) -> pl.DataFrame | None:
    if name in fitted:
        return fitted[name]
    measured = [column for column in rows.columns if column not in _LABELS]
    alike = [own.select(measured) for own in fitted.values() if set(measured) <= set(own.columns)]
    return pl.concat(alike) if alike else None
