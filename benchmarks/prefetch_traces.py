"""Traces of block accesses as sequences of items, by the columns of a file; and made-up ones."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from telltale.apps.pakit import APP
from telltale.contract.errors import NotFoundError
from telltale.contract.simulation import Simulation

_SECTOR, _PAGE = 512, 4_096
_SECTORS: Final = _PAGE // _SECTOR
_MADE_UP: Final = 3
_MADE_UP_ROWS, _MADE_UP_ROWS_QUICK = 40_000, 12_000
_MOST_QUICK = 60_000

Numbers = NDArray[np.int64]


@dataclass(frozen=True)
class Trace:
    """Accesses in order: the first half to train on, the second to score. `n_distinct` items are in all of it."""

    name: str
    training: list[str]
    scored: list[str]
    n_distinct: int


def read_traces(data: Path | None, *, quick: bool) -> list[Trace]:
    """Every Parquet file of a folder that is a trace, in the order of names; made-up ones where there is no folder.

    - `lbn`, `size` (and `op`): SCSI requests in sectors of 512 bytes, as the pages of 4 KiB that they touch, in order, reads
      and writes alike. Where a page begins is taken from the requests: the most frequent `lbn` modulo 8 of the first half;
    - `lbn` alone: one block per row;
    - `start_block`, `n_blocks`: so many blocks from the first.

    Raises:
        NotFoundError: there is no trace in the folder.
    """
    if data is None:
        return [_made_up(seed, quick=quick) for seed in range(_MADE_UP)]
    found = []
    for path in sorted(data.glob("*.parquet")):
        reader = _reader_of(set(pl.read_parquet_schema(path)))
        if reader is not None:
            numbers = reader(pl.read_parquet(path))
            found.append(
                trace_of(path.stem, [str(number) for number in numbers[: _MOST_QUICK if quick else None].tolist()])
            )
    if not found:
        raise NotFoundError("no trace is there", where=str(data), mend="Give the folder block_traces, or one like it.")
    return found


def trace_of(name: str, items: list[str]) -> Trace:
    """Halves by the number of accesses."""
    half = len(items) // 2
    return Trace(name=name, training=items[:half], scored=items[half:], n_distinct=len(set(items)))


def _reader_of(columns: set[str]) -> Callable[[pl.DataFrame], Numbers] | None:
    if {"lbn", "size"} <= columns:
        return _pages
    if "lbn" in columns:
        return lambda rows: rows["lbn"].cast(pl.Int64).to_numpy()
    if {"start_block", "n_blocks"} <= columns:
        return lambda rows: expand(rows["start_block"].to_numpy(), rows["n_blocks"].to_numpy())
    return None


def _pages(rows: pl.DataFrame) -> Numbers:
    first = rows["lbn"].cast(pl.Int64).to_numpy()
    last = first + np.maximum(rows["size"].cast(pl.Int64).to_numpy() // _SECTOR, 1) - 1
    begins = int(np.bincount(first[: max(1, len(first) // 2)] % _SECTORS).argmax())
    first_page, last_page = (first - begins) // _SECTORS, (last - begins) // _SECTORS
    # The sectors before the first whole page are page 0.
    return expand(first_page + 1, last_page - first_page + 1)


def expand(starts: Numbers, counts: Numbers) -> Numbers:
    """So many numbers from each start, one after another.

    >>> expand(np.array([5, 9]), np.array([3, 1])).tolist()
    [5, 6, 7, 9]
    """
    before = np.repeat(np.cumsum(counts) - counts, counts)
    return np.asarray(np.repeat(starts, counts) + np.arange(int(counts.sum())) - before)


def _made_up(seed: int, *, quick: bool) -> Trace:
    n_rows = _MADE_UP_ROWS_QUICK if quick else _MADE_UP_ROWS
    rows = APP.simulate("access", Simulation(n_rows=n_rows, seed=seed, start=APP.start))
    return trace_of(f"simulated-{seed}", rows["block_hash"].to_list())
