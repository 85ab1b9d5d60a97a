"""The table behind tabular Q-learning: rows summed by state and action, and the same as stored parts."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from telltale.contract.errors import BundleError
from telltale.contract.estimator import Floats, Parts

Ints = NDArray[np.int64]

_ACTIONS: Final = "actions"
_AXES, _EDGES, _EDGE_STARTS, _SETTINGS = "axes", "edges", "edge_starts", "settings"
_CELLS, _SUMS = "{}_cells", "{}_sums"
_TABLES: Final = ("fitted", "learned")


@dataclass(frozen=True, kw_only=True)
class Settings:
    """See `telltale.models.tabular_q.TabularQ`."""

    floor: float
    explore: float
    prior_weight: float
    caution: float
    half_life: float


@dataclass(frozen=True, kw_only=True)
class Cells:
    """Rows, summed by state and action.

    Args:
        places: shape (c, k + 1), each row once: the level of each column of the context, -1 where it was not known, and the number
            of the action.
        sums: shape (c, 3): weights of the rows, and weighted sums of what they were worth and of the squares of that.
    """

    places: Ints
    sums: Floats

    def with_rows(self, places: Ints, worths: Floats, *, half_life: float) -> "Cells":
        """These and some more, oldest first; a row counts half as much after `half_life` more."""
        n = len(worths)
        weights = 0.5 ** (np.arange(n - 1, -1, -1) / half_life)
        sums = weights[:, None] * np.column_stack([np.ones(n), worths, np.square(worths)])
        different, where = np.unique(np.concatenate([self.places, places]), axis=0, return_inverse=True)
        merged = np.zeros((len(different), sums.shape[1]))
        np.add.at(merged, where.ravel(), np.concatenate([self.sums * 0.5 ** (n / half_life), sums]))
        return Cells(places=different, sums=merged)


@dataclass(frozen=True, kw_only=True)
class QTable:
    """What actions are worth by the rows that were fitted on, and by how much those learned from since differ from that.

    Args:
        actions: a names, the last axis varying quickest.
        axes: how many values each numeric column of the action may take; their product is a.
        edges: where the levels of each column of the context meet; k of them.
        fitted: rewards.
        learned: rewards less what the table had said.
        settings: how actions are drawn, and rows weighed and forgotten.
    """

    actions: tuple[str, ...]
    axes: tuple[int, ...]
    edges: tuple[Floats, ...]
    fitted: Cells
    learned: Cells
    settings: Settings


def empty_cells(n_columns: int) -> Cells:
    """No rows."""
    return Cells(places=np.empty((0, n_columns + 1), dtype=np.int64), sums=np.empty((0, 3)))


def levels_of(contexts: Floats, edges: Sequence[Floats]) -> Ints:
    """The level of each value, -1 where it is not known; shape (n, k)."""
    columns = [
        np.where(np.isfinite(column), np.searchsorted(ends, column, side="right"), -1)
        for column, ends in zip(contexts.T, edges, strict=True)
    ]
    return np.column_stack(columns).astype(np.int64) if columns else np.empty((len(contexts), 0), dtype=np.int64)


def parts_of(table: QTable) -> Parts:
    """The whole table, for `table_of_parts`."""
    settings = table.settings
    arrays = {
        _AXES: np.array(table.axes, dtype=np.int64),
        _EDGES: np.concatenate([np.empty(0), *table.edges]),
        _EDGE_STARTS: np.cumsum([0, *(len(ends) for ends in table.edges)]).astype(np.int64),
        _SETTINGS: np.array([getattr(settings, field.name) for field in fields(settings)], dtype=np.float64),
    }
    for name, cells in zip(_TABLES, (table.fitted, table.learned), strict=True):
        arrays |= {_CELLS.format(name): cells.places.astype(np.int16), _SUMS.format(name): cells.sums}
    return Parts(arrays=arrays, names={_ACTIONS: table.actions})


def table_of_parts(parts: Parts, *, where: str) -> QTable:
    """A table from `parts_of`. Raises BundleError where the parts are none, or do not fit each other."""
    arrays, actions = parts.arrays, parts.names.get(_ACTIONS, ())
    needed = {
        _AXES,
        _EDGES,
        _EDGE_STARTS,
        _SETTINGS,
        *(form.format(name) for form in (_CELLS, _SUMS) for name in _TABLES),
    }
    missing = needed - arrays.keys()
    if missing or not actions:
        lacking = f"lack {sorted(missing)}" if missing else f"have no names of {_ACTIONS}"
        raise BundleError(f"the table's parts {lacking}", where=where, mend="Train the version again.")
    edges = tuple(arrays[_EDGES][low:high] for low, high in pairwise(arrays[_EDGE_STARTS].tolist()))
    axes = tuple(int(size) for size in arrays[_AXES])
    both = [
        Cells(places=arrays[_CELLS.format(name)].astype(np.int64), sums=arrays[_SUMS.format(name)]) for name in _TABLES
    ]
    fits = (
        all(_fits(cells, len(edges), len(actions)) for cells in both)
        and arrays[_SETTINGS].shape == (len(fields(Settings)),)
        and int(np.prod(axes)) == len(actions)
    )
    if not fits:
        raise BundleError("the table's parts do not fit each other", where=where, mend="Train the version again.")
    settings = Settings(
        **dict(zip((field.name for field in fields(Settings)), arrays[_SETTINGS].tolist(), strict=True))
    )
    return QTable(actions=actions, axes=axes, edges=edges, fitted=both[0], learned=both[1], settings=settings)


def _fits(cells: Cells, n_columns: int, n_actions: int) -> bool:
    numbers = cells.places[:, -1]
    return (
        cells.places.shape == (len(cells.sums), n_columns + 1)
        and cells.sums.shape[1:] == (3,)
        and bool(((numbers >= 0) & (numbers < n_actions)).all())
    )
