"""Seasonal tables read at many rows: whose table, and where in it, is worked out once for all steps that cut time alike."""

from typing import final

import msgspec
import numpy as np
import polars as pl
from numpy.typing import NDArray

from telltale.contract.plan import Seasonal
from telltale.features.calendar import MONDAY_OFFSET_S

Floats = NDArray[np.float64]
Places = NDArray[np.int64]


class Joined(msgspec.Struct, frozen=True):
    """The tables of a step as one, and where that of each entity begins."""

    table: Floats
    begins: dict[str | None, int]


@final
class SeasonalTables:
    """Joined tables of steps, made when a step is read first: kept by whoever runs one plan again and again."""

    def __init__(self) -> None:
        self._made: dict[str, tuple[Seasonal, Joined]] = {}

    def of(self, step: Seasonal) -> Joined:
        """The tables of a step."""
        made = self._made.get(step.out)
        if made is None or made[0] is not step:
            n = len(step.tables[""])
            begins: dict[str | None, int] = {name: place * n for place, name in enumerate(step.tables)}
            # Steps of one plan mostly know the same entities: then rows need to be looked up once for all of them.
            begins = next((one.begins for _, one in self._made.values() if one.begins == begins), begins)
            table = np.array([*step.tables.values()], dtype=np.float64).ravel()
            made = self._made[step.out] = (step, Joined(table, begins))
        return made[1]


@final
class SeasonalRows:
    """The rows of a frame, as tables of levels and spreads are read at them. It keeps what steps have in common.

    The arithmetic is that of `telltale.features.levels.read_table` and of a plan on one row, in the same order: Polars'
    own remainder is another one, and differs in the last bit.

    Args:
        entities: of every row. The rows of one stand together in a frame sorted as it should be; where they do not, this
            is only slower.
        times_s: epoch seconds, shape (n,), a number in every row.
        tables: kept from run to run of a plan.
    """

    def __init__(self, entities: pl.Series, times_s: Floats, tables: SeasonalTables) -> None:
        self._times_s = times_s
        self._tables = tables
        runs = entities.rle().struct.unnest()
        self._names: list[str | None] = runs["value"].to_list()
        self._lengths = runs["len"].to_numpy()
        self._firsts: dict[int, Places] = {}
        self._slots: dict[tuple[float, int], Floats] = {}

    def read(self, step: Seasonal) -> Floats:
        """What the step says at each row, shape (n rows,)."""
        joined, n = self._tables.of(step), len(step.tables[""])
        # One long table for all entities; a row reads where its entity's begins, and so many slots on.
        table, first = joined.table, self._first(joined)
        if step.period_s == 0:
            return table.take(first)
        slot = self._slot(step.period_s, n)
        if not step.smooth:
            return table.take(first + slot.astype(np.int64) % n)
        left = np.floor(slot - 0.5)
        share = slot - 0.5 - left
        at = left.astype(np.int64)
        return table.take(first + at % n) * (1.0 - share) + table.take(first + (at + 1) % n) * share

    def _first(self, joined: Joined) -> Places:
        """Where the table of each row's entity begins, or the one of strangers where it has none of its own."""
        key = id(joined.begins)  # of one plan, whose tables outlive these rows
        if key not in self._firsts:
            begins = joined.begins
            of_runs = np.array([begins.get(name, begins[""]) for name in self._names], dtype=np.int64)
            self._firsts[key] = np.repeat(of_runs, self._lengths)
        return self._firsts[key]

    def _slot(self, period_s: float, n: int) -> Floats:
        """How many slots of the period have gone by at each row."""
        if (period_s, n) not in self._slots:
            self._slots[period_s, n] = ((self._times_s + MONDAY_OFFSET_S) % period_s) * n / period_s
        return self._slots[period_s, n]
