"""The last rows of one entity with many columns, scaled: as they are, and less their slow level."""

from typing import Final, final

import numpy as np
from numpy.typing import NDArray

from telltale.models.series.columns_level import slow_level
from telltale.models.series.columns_windows import KEPT

Floats = NDArray[np.float64]

_FURTHEST: Final = 1e3


@final
class RecentRows:
    """Fourteen rows of both kinds, and the slow level. What changes is replaced, never written over.

    Args:
        middle, unit: what rows are scaled by, shape (k,).
    """

    __slots__ = ("_middle", "_recent", "_total", "_unit", "n_seen")

    def __init__(self, middle: Floats, unit: Floats) -> None:
        self._middle = middle[:, None]
        self._unit = unit[:, None]
        self._recent = np.zeros((2, len(middle), KEPT))
        self._total = np.zeros(len(middle))
        self.n_seen = 0

    def follow(self, rows: Floats) -> Floats:
        """Both kinds of value of the rows that follow, of shape (k, n), behind fourteen before; shape (2, k, 14 + n)."""
        k, n = rows.shape
        values = np.empty((2, k, KEPT + n))
        values[:, :, :KEPT] = self._recent
        scaled, drift = values[:, :, KEPT:]
        with np.errstate(over="ignore"):  # what is too far away is brought back
            np.subtract(rows, self._middle, out=scaled)
            scaled /= self._unit
        np.maximum(scaled, -_FURTHEST, out=scaled)
        np.minimum(scaled, _FURTHEST, out=scaled)
        levels, self._total = slow_level(scaled, self._total, self.n_seen)
        np.subtract(scaled, levels, out=drift)
        self._recent = values[:, :, n:].copy()
        self.n_seen += n
        return values

    def begun_anew(self) -> "RecentRows":
        """Another one in the same scale, without a row."""
        return RecentRows(self._middle[:, 0], self._unit[:, 0])

    def copy(self) -> "RecentRows":
        """Another one that goes its own way."""
        other = RecentRows.__new__(RecentRows)
        for name in RecentRows.__slots__:
            setattr(other, name, getattr(self, name))
        return other

    def pack(self) -> Floats:
        """All of it, shape (1 + 31 k,)."""
        return np.concatenate(
            [[self.n_seen], self._middle[:, 0], self._unit[:, 0], self._total, self._recent.ravel()], dtype=np.float64
        )

    @staticmethod
    def unpack(packed: Floats) -> "RecentRows":
        """Again, from what `pack` gave. Raises ValueError where it cannot be."""
        k, rest = divmod(len(packed) - 1, 3 + 2 * KEPT)
        middle, unit, total = packed[1 : 1 + 3 * k].reshape(3, k).copy()
        if rest or k < 1 or packed[0] < 0 or (unit <= 0).any() or not np.isfinite(packed).all():
            raise ValueError(len(packed))
        rows = RecentRows(middle, unit)
        rows.n_seen = int(packed[0])
        rows._total = total
        rows._recent = packed[1 + 3 * k :].reshape(2, k, KEPT).copy()
        return rows

    @property
    def n_columns(self) -> int:
        """How many columns."""
        return len(self._total)
