"""Files of public sets in a folder, told by their columns and not by their names."""

from collections.abc import Callable, Mapping
from pathlib import Path

import polars as pl

from benchmarks.catalogue import Progress
from telltale.contract.errors import NotFoundError


def known_sets(
    folder: Path,
    known_by: Mapping[str, frozenset[str]],
    tidy: Mapping[str, Callable[[pl.DataFrame], pl.DataFrame]],
    *,
    progress: Progress,
) -> dict[str, pl.DataFrame]:
    """The sets that a folder holds, each in one frame.

    Args:
        folder: with Parquet and CSV files.
        known_by: of each set, columns that only its files have.
        tidy: of each set, what brings a file into the benchmark's form.
        progress: told which files are of none.

    Raises:
        NotFoundError: there is no such folder, or no file of these sets in it.
    """
    if not folder.is_dir():
        raise NotFoundError("there is no such folder", where=str(folder), mend="Name a folder with one of the sets.")
    found: dict[str, list[pl.DataFrame]] = {}
    for path in sorted(path for path in folder.rglob("*") if path.suffix in {".parquet", ".csv"}):
        names = set(pl.read_parquet_schema(path) if path.suffix == ".parquet" else pl.read_csv(path, n_rows=1).columns)
        name = next((name for name, columns in known_by.items() if columns <= names), None)
        if name is None:
            progress(f"{path.name} is left out: it is of none of {sorted(known_by)}")
            continue
        raw = pl.read_parquet(path) if path.suffix == ".parquet" else pl.read_csv(path, infer_schema_length=None)
        found.setdefault(name, []).append(tidy[name](raw))
    if not found:
        raise NotFoundError(f"no file of {sorted(known_by)} is there", where=str(folder), mend="Name another folder.")
    return {name: pl.concat(frames) for name, frames in found.items()}
