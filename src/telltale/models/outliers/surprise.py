"""How rare a value is among normal rows: the decimal logarithm of "one in so many scores higher"."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_STEP: Final = 0.05
# Fewer rows than this beyond a quantile say little about where it is.
_LEAST_BEYOND: Final = 2.0
_DECADE: Final = 20  # entries


def surprise_table(values: Floats, *, least_beyond: float = _LEAST_BEYOND) -> Floats:
    """Values at the surprises 0, 0.05, 0.10, …, of normal rows that the model was not fitted on; shape (m,).

    The last entry is the spread of the upper tenth, in which values beyond the table are counted. So many rows at least lie
    beyond the last value but that.

    >>> surprise_table(np.arange(1_001.0))[[0, 20, 40]].round().tolist()
    [0.0, 900.0, 990.0]
    """
    most = max(np.log10(len(values) / least_beyond), 1.0)
    levels = 1.0 - 10.0 ** -np.arange(0.0, most + _STEP / 2, _STEP)
    quantiles = np.quantile(values, levels)
    spread = max(float(quantiles[-1] - np.quantile(values, 0.9)), 1e-6 * max(1.0, abs(float(quantiles[-1]))))
    return np.append(quantiles, spread)


def surprise(values: Floats, table: Floats) -> Floats:
    """0 for the usual, 1 for what one normal row in ten exceeds, 3 for one in a thousand, and on; shape as `values`.

    Beyond the table it grows with the logarithm of how far beyond.
    """
    known, spread = table[:-1], table[-1]
    within = np.interp(values, known, _STEP * np.arange(len(known)))
    return np.asarray(within + np.log10(1.0 + np.maximum(values - known[-1], 0.0) / spread), dtype=np.float64)


def rarity(values: Floats, table: Floats) -> Floats:
    """As `surprise`, but beyond the table it goes on as the last decade of the table went: an exponential tail.

    >>> table = surprise_table(np.random.default_rng(0).exponential(size=100_000), least_beyond=50)
    >>> rarity(np.log(10.0) * np.array([1.0, 3.0, 6.0]), table).round(1).tolist()
    [1.0, 3.0, 5.8]
    """
    known = table[:-1]
    back = min(_DECADE, len(known) - 1)
    width = max(float(known[-1] - known[-1 - back]), 1e-6 * max(1.0, abs(float(known[-1]))))
    within = np.interp(values, known, _STEP * np.arange(len(known)))
    return np.asarray(within + np.maximum(values - known[-1], 0.0) * (_STEP * back / width), dtype=np.float64)
