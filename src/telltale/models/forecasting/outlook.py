"""What a way to continue a series says: expected values and the bounds around them."""

from collections.abc import Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


class Outlook(msgspec.Struct, frozen=True, kw_only=True):
    """A series continued: expected values and an interval around them, each of the shape (horizon,)."""

    values: Floats
    low: Floats
    high: Floats


def mean_outlook(outlooks: Sequence[Outlook]) -> Outlook:
    """The mean of values, and of bounds.

    Errors of two methods on one series are far from independent, so nothing is gained in width by averaging.
    """
    return Outlook(
        values=np.mean([one.values for one in outlooks], axis=0),
        low=np.mean([one.low for one in outlooks], axis=0),
        high=np.mean([one.high for one in outlooks], axis=0),
    )
