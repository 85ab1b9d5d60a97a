"""One series as a case: times, values, and which rows people call anomalous."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from benchmarks.catalogue import Progress
from benchmarks.known_sets import known_sets
from benchmarks.nab_score import Window
from telltale.contract.errors import NotFoundError, UsageError

Floats = NDArray[np.float64]

_NAB: Final = {"nab": frozenset({"category", "series", "timestamp", "value", "in_anomaly_window"})}
_KPI: Final = {
    "ms_cloud_monitoring": frozenset({"domain", "series", "TimeStamp", "Value", "Label"}),
    "kpi_netman": frozenset({"timestamp", "time", "value", "label"}),
}


@dataclass(frozen=True, kw_only=True)
class Series:
    """One series, in the order of its rows.

    Args:
        name: of the case.
        times_s: epoch seconds, shape (n,).
        values: finite, shape (n,).
        labels: 0 or 1, shape (n,).
        windows: first and last rows of labelled windows; empty where rows are labelled and not windows.
    """

    name: str
    times_s: Floats
    values: Floats
    labels: NDArray[np.int8]
    windows: tuple[Window, ...] = ()

    @property
    def interval_s(self) -> float:
        """The usual time between rows."""
        return float(np.median(np.diff(self.times_s)))


def read_nab(folder: Path, *, progress: Progress) -> list[Series]:
    """The series of the Numenta benchmark, with the windows of a `*windows*.json` beside them.

    Raises:
        NotFoundError: the folder holds no such series.
        UsageError: a window's end is not the time of a row.
    """
    rows = known_sets(folder, _NAB, {"nab": lambda frame: frame}, progress=progress)["nab"]
    windows = _windows(folder)
    found = []
    for (category, name), own in rows.group_by("category", "series", maintain_order=True):
        times = own["timestamp"].cast(pl.Datetime("us"))
        key = f"{category}/{name}"
        if f"{key}.csv" not in windows:
            progress(f"{key} is left out: no windows are given for it")
            continue
        limits = tuple((_row_of(times, start, key), _row_of(times, end, key)) for start, end in windows[f"{key}.csv"])
        found.append(
            Series(
                name=key,
                times_s=_seconds(times),
                values=own["value"].to_numpy().astype(np.float64),
                labels=own["in_anomaly_window"].cast(pl.Int8).to_numpy(),
                windows=limits,
            )
        )
    return found


def _windows(folder: Path) -> Mapping[str, list[tuple[str, str]]]:
    found: dict[str, list[tuple[str, str]]] = {}
    for path in sorted(folder.glob("*windows*.json")):
        found |= json.loads(path.read_text())
    if not found:
        raise NotFoundError(
            "no *windows*.json is there",
            where=str(folder),
            mend="Put the benchmark's combined_windows.json beside the series.",
        )
    return found


def _row_of(times: pl.Series, moment: str, name: str) -> int:
    """The first row of that time."""
    place = times.index_of(datetime.fromisoformat(moment))
    if place is None:
        raise UsageError(f"no row of {name} is of {moment}", where="nab", mend="Take windows and rows of one release.")
    return place


def read_kpi(folder: Path, *, progress: Progress) -> list[Series]:
    """Series with a label per row: those of kpi_netman, a file each, or those of ms_cloud_monitoring.

    A missing value is the one before it.

    Raises:
        NotFoundError: the folder holds neither.
    """
    tidy: dict[str, Callable[[pl.DataFrame], pl.DataFrame]] = {
        "ms_cloud_monitoring": _of_cloud,
        "kpi_netman": _of_netman,
    }
    found = []
    for path in sorted(folder.rglob("*.parquet")):
        if not any(columns <= set(pl.read_parquet_schema(path)) for columns in _KPI.values()):
            progress(f"{path.name} is left out: it is of none of {sorted(_KPI)}")
            continue
        frame = pl.read_parquet(path)
        name = next(name for name, columns in _KPI.items() if columns <= set(frame.columns))
        for (series,), own in tidy[name](frame).group_by("series", maintain_order=True):
            values = own["value"].fill_nan(None).forward_fill().fill_null(0.0)
            found.append(
                Series(
                    name=str(series) or path.stem,
                    times_s=_seconds(own["time"]),
                    values=values.to_numpy().astype(np.float64),
                    labels=own["label"].cast(pl.Int8).to_numpy(),
                )
            )
    if not found:
        raise NotFoundError(f"no series of {sorted(_KPI)} is there", where=str(folder), mend="Name another folder.")
    return found


def _of_cloud(frame: pl.DataFrame) -> pl.DataFrame:
    name = pl.concat_str("domain", "series", separator="/")
    return frame.select(series=name, time="TimeStamp", value=pl.col("Value").cast(pl.Float64), label="Label")


def _of_netman(frame: pl.DataFrame) -> pl.DataFrame:
    own = frame.sort("timestamp")
    return own.select(series=pl.lit(""), time="time", value=pl.col("value").cast(pl.Float64), label="label")


def _seconds(times: pl.Series) -> Floats:
    return times.cast(pl.Datetime("us")).to_physical().to_numpy().astype(np.float64) / 1e6
