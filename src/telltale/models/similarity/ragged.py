"""Rows of unequal length, one after another in one array: `starts` says where each begins and where the last one ends."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Starts = NDArray[np.int64]


def places_of(begins: Starts, lengths: Starts) -> NDArray[np.int64]:
    """The places of several runs in the array, one run after another.

    >>> places_of(np.array([5, 0]), np.array([2, 3])).tolist()
    [5, 6, 0, 1, 2]
    """
    ends = np.cumsum(lengths)
    n = int(ends[-1]) if len(ends) else 0
    return np.repeat(begins - (ends - lengths), lengths) + np.arange(n, dtype=np.int64)


def starts_of(lengths: Starts) -> Starts:
    """Where rows of these lengths begin, and where the last one ends; shape (n + 1,).

    >>> starts_of(np.array([2, 3])).tolist()
    [0, 2, 5]
    """
    starts = np.zeros(len(lengths) + 1, dtype=np.int64)
    np.cumsum(lengths, out=starts[1:])
    return starts


def take_rows(flat: NDArray[Any], starts: Starts, which: NDArray[np.int64]) -> tuple[NDArray[Any], Starts]:
    """Some rows, in the order asked for, and where they begin.

    >>> [part.tolist() for part in take_rows(np.array([1, 2, 3, 4, 5]), np.array([0, 2, 2, 5]), np.array([2, 0]))]
    [[3, 4, 5, 1, 2], [0, 3, 5]]
    """
    begins = starts[which]
    lengths = starts[which + 1] - begins
    return flat[places_of(begins, lengths)], starts_of(lengths)
