"""The nearest of many rows of figures: rows lie in cells around some of them, and only the cells nearest by are looked at."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from telltale.contract.estimator import Floats
from telltale.models.similarity.ragged import Starts, places_of, starts_of

# Up to so many rows are all looked at; of more about so many are, in the cells nearest by.
_LOOKED_AT: Final = 2_048
# Of one cell no more than this: a thousand rows of one kind say no more than the first of them.
_MOST_OF_CELL: Final = 1_024
_MOST_CELLS: Final = 16
_TOGETHER: Final = 8_192

Rows = NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class FigureCells:
    """Rows by the cell that they lie in.

    Args:
        rows: scaled figures, shape (n, m): 0 where one is missing, NaN in all of a row that has none.
        centres: shape (cells, m).
        items: the numbers of rows that have figures, cell by cell.
        starts: where each cell's begin among them.
    """

    rows: Rows
    centres: Rows
    items: NDArray[np.uint32]
    starts: Starts


def make_cells(rows: Rows, *, seed: int) -> FigureCells:
    """Cells around rows drawn at random, as many as the root of their number: one of a few thousand or fewer.

    References:
        Jégou, Douze & Schmid, "Product quantization for nearest neighbor search", IEEE TPAMI 33 (2011), for the inverted
        file; centres are drawn, not fitted, which costs little where cells are looked at for a fall-back.
    """
    known = np.flatnonzero(~np.isnan(rows).all(axis=1)) if rows.shape[1] else np.empty(0, dtype=np.int64)
    n_cells = 1 if len(known) <= _LOOKED_AT else round(len(known) ** 0.5)
    drawn = np.random.default_rng(seed).choice(known, n_cells, replace=False) if n_cells > 1 else known[:1]
    centres = rows[np.sort(drawn)]
    cells = _nearest_centres(rows[known], centres)
    order = np.argsort(cells, kind="stable")
    return FigureCells(
        rows=rows,
        centres=centres,
        items=known[order].astype(np.uint32),
        starts=starts_of(np.bincount(cells, minlength=len(centres))),
    )


def nearest(
    cells: FigureCells, figures: Floats, *, top: int, alive: NDArray[np.bool_]
) -> tuple[NDArray[np.int64], Floats]:
    """The numbers of the nearest rows, and how far they are: root mean square over the figures that are known.

    Args:
        cells: rows.
        figures: scaled, shape (m,), NaN where not known.
        top: how many at most.
        alive: which rows count, shape (n,).
    """
    is_known = ~np.isnan(figures)
    if not is_known.any() or not len(cells.items):
        return np.empty(0, dtype=np.int64), np.empty(0)
    asked = figures.astype(np.float32)
    near = np.argsort(_squares(cells.centres, asked, is_known), kind="stable")[:_MOST_CELLS]
    lengths = np.minimum(np.diff(cells.starts)[near], max(_MOST_OF_CELL, _LOOKED_AT if len(cells.centres) == 1 else 0))
    n_cells = int(np.searchsorted(np.cumsum(lengths), _LOOKED_AT)) + 1
    places = places_of(cells.starts[:-1][near[:n_cells]], lengths[:n_cells])
    items = cells.items[places].astype(np.int64)
    items = items[alive[items]]
    distances = np.sqrt(_squares(cells.rows[items], asked, is_known).astype(np.float64) / is_known.sum())
    order = np.lexsort((items, distances))[:top]
    return items[order], distances[order]


def _squares(rows: Rows, asked: Rows, is_known: NDArray[np.bool_]) -> Rows:
    """Squared distances, shape (n,)."""
    if not is_known.all():
        rows, asked = rows[:, is_known], asked[is_known]
    apart = rows - asked
    return np.asarray(np.einsum("ij,ij->i", apart, apart))


def _nearest_centres(rows: Rows, centres: Rows) -> NDArray[np.int64]:
    found = np.zeros(len(rows), dtype=np.int64)
    if len(centres) < 2:
        return found
    halves = (centres**2).sum(axis=1) / 2.0
    for start in range(0, len(rows), _TOGETHER):
        part = rows[start : start + _TOGETHER]
        found[start : start + len(part)] = np.argmax(part @ centres.T - halves, axis=1)
    return found
