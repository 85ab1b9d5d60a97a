"""Statistics over windows of time: on sorted arrays for frames, and on the values of one window for serving.

A window is `(t - window_s, t]` and ends with the row itself, also where rows after it carry the same time. Both paths
compare the same float seconds, so that they agree on every row at the edge of a window.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Places = NDArray[np.int64]

# Values of windows laid side by side at a time: 32 MB.
_AT_ONCE = 4_000_000


def window_starts(entity_starts: Places, times_s: Floats, window_s: float) -> Places:
    """The first row of each row's window.

    Args:
        entity_starts: the first row of each row's entity, shape (n,); an entity's rows stand together.
        times_s: epoch seconds, shape (n,), ascending within an entity; NaN where a row has no time: it stands alone.
        window_s: length in seconds; at 0 every row stands alone.
    """
    n = len(times_s)
    found = np.arange(n)
    bounds = [*np.unique(entity_starts).tolist(), n]
    for first, end in pairwise(bounds):
        own = times_s[first:end]
        found[first:end] = first + np.searchsorted(own, own - window_s, side="right")
    return np.where(np.isnan(times_s), np.arange(n), np.minimum(found, np.arange(n)))


def stat_of_windows(values: Floats, starts: Places, stat: str, *, lasts: Places | None = None) -> Floats:
    """A statistic of windows, shape (n windows,).

    Args:
        values: of every row.
        starts: the first row of each window, as of `window_starts`.
        stat: as of `WindowStat`.
        lasts: the last row of each window, ascending; None where there is one for every row, that ends with it.
    """
    ends = np.arange(len(values)) if lasts is None else lasts
    found = np.empty(len(ends))
    for rows, window, is_in in _side_by_side(values, starts, ends):
        found[rows] = _OF_MATRIX[stat](window, is_in)
    return found


def _side_by_side(values: Floats, starts: Places, ends: Places) -> Iterator[tuple[slice, Floats, NDArray[np.bool_]]]:
    """Windows as lines of a matrix, a share of them at a time; behind its end a line repeats its last value."""
    n = len(ends)
    widths = ends - starts + 1
    first = 0
    while first < n:
        # The widest window seen from here on bounds how many lines fit.
        end = min(n, first + max(1, _AT_ONCE // int(widths[first:].max())))
        offsets = np.arange(widths[first:end].max())
        last = ends[first:end, None]
        at = starts[first:end, None] + offsets
        yield slice(first, end), values[np.minimum(at, last)], at <= last
        first = end


def _mean(window: Floats, is_in: NDArray[np.bool_]) -> Floats:
    shares: Floats = np.where(is_in, window / is_in.sum(axis=1, keepdims=True), 0.0)
    return np.asarray(shares.sum(axis=1))


def _std(window: Floats, is_in: NDArray[np.bool_]) -> Floats:
    apart = np.where(is_in, window - _mean(window, is_in)[:, None], 0.0)
    # In units of the furthest value, so that no square is too large or too small for a float.
    furthest = np.maximum(np.abs(apart).max(axis=1), np.finfo(np.float64).tiny)
    squares = ((apart / furthest[:, None]) ** 2).sum(axis=1)
    n = is_in.sum(axis=1)
    return np.where(n > 1, furthest * np.sqrt(squares / np.maximum(n - 1, 1)), 0.0)


def _quantile_75(window: Floats, is_in: NDArray[np.bool_]) -> Floats:
    ordered = np.sort(np.where(is_in, window, np.inf), axis=1)
    rank = 0.75 * (is_in.sum(axis=1) - 1)
    low = np.floor(rank).astype(np.int64)
    lines = np.arange(len(window))
    below, above = ordered[lines, low], ordered[lines, np.ceil(rank).astype(np.int64)]
    return np.asarray(below + (above - below) * (rank - low))


_OF_MATRIX: Final[dict[str, Callable[[Floats, NDArray[np.bool_]], Floats]]] = {
    "mean": _mean,
    "std": _std,
    "min": lambda window, _: np.asarray(window.min(axis=1)),
    "max": lambda window, _: np.asarray(window.max(axis=1)),
    "q75": _quantile_75,
}


def mean_of(values: Sequence[float]) -> float:
    """The mean of one window."""
    n = len(values)
    return sum([value / n for value in values])


def std_of(values: Sequence[float]) -> float:
    """The standard deviation of one window, 0 of one value.

    >>> std_of([1.0, 3.0, 5.0])
    2.0
    """
    n = len(values)
    if n == 1:
        return 0.0
    mean = mean_of(values)
    return math.hypot(*[value - mean for value in values]) / math.sqrt(n - 1)


def quantile_75_of(values: Sequence[float]) -> float:
    """The upper quartile of one window.

    >>> quantile_75_of([3.0, 1.0, 2.0])
    2.5
    """
    ordered = sorted(values)
    rank = 0.75 * (len(ordered) - 1)
    low = int(rank)
    share = rank - low
    return ordered[low] + (ordered[low + 1] - ordered[low]) * share if share else ordered[low]


OF_VALUES: Final[dict[str, Callable[[Sequence[float]], float]]] = {
    "mean": mean_of,
    "std": std_of,
    "min": min,
    "max": max,
    "q75": quantile_75_of,
}
