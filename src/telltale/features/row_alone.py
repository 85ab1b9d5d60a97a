"""What a statistic of the last rows is taken to be where the rows before are not at hand."""

from typing import Literal

import numpy as np
from numpy.typing import NDArray


def window_of_row_alone(
    now: NDArray[np.float64], found: NDArray[np.float64], stat: Literal["mean", "std"]
) -> tuple[float, float]:
    """Slope and constant of what a row's value says of the statistic: a mean by linear regression, a spread the usual one.

    A row's own value in place of the mean would be far out where rows differ, and no spread at all always is.

    Args:
        now: the column in training rows, shape (n,).
        found: the statistic there, shape (n,).
        stat: which one.

    >>> window_of_row_alone(np.array([0.0, 2.0, 4.0]), np.array([1.0, 2.0, 3.0]), "mean")
    (0.5, 1.0)
    """
    if stat == "std":
        return 0.0, float(np.median(found))
    apart = now - now.mean()
    square = float(apart @ apart)
    slope = float(apart @ found) / square if square > 0 else 0.0
    return slope, float(found.mean()) - slope * float(now.mean())
