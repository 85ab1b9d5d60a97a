"""Statistics over windows of time: on sorted arrays for frames, and on the values of one window for serving.

A window is `(t - window_s, t]` and ends with the row itself, also where rows after it carry the same time. Both paths
compare the same float seconds, so that they agree on every row at the edge of a window.
"""

import math
from collections.abc import Callable, Collection, Iterator, Sequence
from functools import cached_property
from itertools import pairwise
from typing import Final, final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Places = NDArray[np.int64]

# Values of windows laid side by side at a time: half a megabyte, as what does not fit the cache takes twice as long.
_AT_ONCE = 60_000
_LEAST = 128  # however wide they are


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


def stats_of_windows(
    values: Floats, starts: Places, stats: Collection[str], *, lasts: Places | None = None
) -> dict[str, Floats]:
    """Statistics of windows by name, each of shape (n windows,).

    Several at once are cheaper than one after the other: the windows are laid out once for all of them.

    Args:
        values: of every row.
        starts: the first row of each window, as of `window_starts`.
        stats: each as of `WindowStat`, or "median".
        lasts: the last row of each window, ascending; None where there is one for every row, that ends with it.
    """
    ends = np.arange(len(values)) if lasts is None else lasts
    found = {stat: np.empty(len(ends)) for stat in stats}
    for part, windows in _side_by_side(values, starts, ends):
        for stat, of_all in found.items():
            of_all[part] = _OF_WINDOWS[stat](windows)
    return found


@final
class _Windows:
    """Windows side by side, one a column; behind its end a column repeats its last value.

    NumPy adds up columns several at a time, and lines one by one: of 30 values that is five times as fast.

    Args:
        values: shape (widest, n windows).
        n: values of each window, shape (n windows,).
        is_in: which values are; None where every window is as wide as the widest.
    """

    def __init__(self, values: Floats, n: Places, is_in: NDArray[np.bool_] | None) -> None:
        self.values = values
        self.n = n
        self._is_in = is_in

    def only(self, values: Floats, otherwise: float) -> Floats:
        """A matrix of the same shape with another number behind the end of each window."""
        return values if self._is_in is None else np.where(self._is_in, values, otherwise)

    @cached_property
    def mean(self) -> Floats:
        """Shares are added, and no sum is divided: it might not be a float."""
        return np.asarray(self.only(self.values / self.n, 0.0).sum(axis=0))

    @cached_property
    def ordered(self) -> Floats:
        """Each window's values ascending."""
        return np.sort(self.only(self.values, np.inf), axis=0)


def _side_by_side(values: Floats, starts: Places, ends: Places) -> Iterator[tuple[slice, _Windows]]:
    """A share of the windows at a time."""
    widths = ends - starts + 1
    n_at_once = max(_LEAST, _AT_ONCE // int(widths.max(initial=1)))
    for first in range(0, len(ends), n_at_once):
        part = slice(first, first + n_at_once)
        own = widths[part]
        offsets = np.arange(own.max())
        at = starts[part] + offsets[:, None]
        if (own == len(offsets)).all():
            yield part, _Windows(values.take(at), own, None)
        else:
            yield part, _Windows(values.take(np.minimum(at, ends[part])), own, at <= ends[part])


def _std(windows: _Windows) -> Floats:
    apart = windows.only(windows.values - windows.mean, 0.0)
    # In units of the furthest value, so that no square is too large or too small for a float.
    furthest = np.maximum(np.abs(apart).max(axis=0), np.finfo(np.float64).tiny)
    squares = ((apart / furthest) ** 2).sum(axis=0)
    return np.where(windows.n > 1, furthest * np.sqrt(squares / np.maximum(windows.n - 1, 1)), 0.0)


def _quantile(windows: _Windows, share: float) -> Floats:
    """Linear between ranks."""
    rank = share * (windows.n - 1)
    low = np.floor(rank).astype(np.int64)
    window = np.arange(len(windows.n))
    below, above = windows.ordered[low, window], windows.ordered[np.ceil(rank).astype(np.int64), window]
    return np.asarray(below + (above - below) * (rank - low))


def _distinct(windows: _Windows) -> Floats:
    differs = windows.ordered[1:] != windows.ordered[:-1]
    return np.asarray(1.0 + (differs & np.isfinite(windows.ordered[1:])).sum(axis=0))


_OF_WINDOWS: Final[dict[str, Callable[[_Windows], Floats]]] = {
    "mean": lambda windows: windows.mean,
    "std": _std,
    "min": lambda windows: np.asarray(windows.values.min(axis=0)),
    "max": lambda windows: np.asarray(windows.values.max(axis=0)),
    "median": lambda windows: _quantile(windows, 0.5),
    "q75": lambda windows: _quantile(windows, 0.75),
    "count": lambda windows: windows.n.astype(np.float64),
    "distinct": _distinct,
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


def count_of(values: Sequence[float]) -> float:
    """How many values a window holds."""
    return float(len(values))


def distinct_of(values: Sequence[float]) -> float:
    """How many that differ.

    >>> distinct_of([2.0, 1.0, 2.0])
    2.0
    """
    return float(len(set(values)))


OF_VALUES: Final[dict[str, Callable[[Sequence[float]], float]]] = {
    "mean": mean_of,
    "std": std_of,
    "min": min,
    "max": max,
    "q75": quantile_75_of,
    "count": count_of,
    "distinct": distinct_of,
}
