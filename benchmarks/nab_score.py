"""The score of the Numenta Anomaly Benchmark, version 1.1: early detections gain, late and false ones cost.

Within a labelled window only the best detection counts, the earlier the better; a window without one costs; a detection
outside costs, less so just behind a window. The first rows of a series are for learning and count for nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Window = tuple[int, int]  # the first row and the last one

_LEARNING_SHARE: Final = 0.15
_MOST_LEARNING: Final = 750  # 15 % of 5,000 rows
_FAR_BEHIND: Final = 3.0  # in window widths: a detection there, or before any window, costs in full
NO_WINDOW: Final = -1


@dataclass(frozen=True, kw_only=True)
class Profile:
    """What a hit, a false alarm and a miss weigh."""

    hit: float = 1.0
    false_alarm: float = 0.11
    miss: float = 1.0


PROFILES: Final = {
    "standard": Profile(),
    "low_fp": Profile(false_alarm=0.22),
    "low_fn": Profile(miss=2.0),
}


@dataclass(frozen=True, kw_only=True)
class Marked:
    """The rows of a series that count.

    Args:
        first: the first row that counts.
        worth: of each row from there on what a detection there is worth, -1 to 1; shape (n,).
        window: the number of the window that each is in, `NO_WINDOW` outside; shape (n,).
        n_windows: of the whole series.
    """

    first: int
    worth: Floats
    window: NDArray[np.int64]
    n_windows: int


def learning_rows(n_rows: int) -> int:
    """How many rows at the start of a series count for nothing.

    >>> learning_rows(4_032), learning_rows(20_000)
    (604, 750)
    """
    return min(int(_LEARNING_SHARE * n_rows), _MOST_LEARNING)


def _sigmoid(position: Floats) -> Floats:
    return np.asarray(2.0 / (1.0 + np.exp(5.0 * position)) - 1.0)


def mark(n_rows: int, windows: Sequence[Window]) -> Marked:
    """What a detection at each row is worth; windows in order, none within another.

    >>> marked = mark(10, [(4, 6)])
    >>> marked.first, marked.window.tolist()
    (1, [-1, -1, -1, 0, 0, 0, -1, -1, -1])
    """
    worth = np.full(n_rows, -1.0)
    number = np.full(n_rows, NO_WINDOW, dtype=np.int64)
    ends = [start for start, _ in windows[1:]] + [n_rows]
    for place, ((start, last), behind) in enumerate(zip(windows, ends, strict=False)):
        width = last - start + 1
        inside = np.arange(start, last + 1)
        number[inside] = place
        worth[inside] = _sigmoid(-(last - inside + 1) / width) / _sigmoid(np.array(-1.0))
        outside = np.arange(last + 1, behind)
        position = (outside - last) / max(width - 1, 1)
        worth[outside] = np.where(position >= _FAR_BEHIND, -1.0, _sigmoid(np.minimum(position, _FAR_BEHIND)))
    first = learning_rows(n_rows)
    return Marked(first=first, worth=worth[first:], window=number[first:], n_windows=len(windows))


@dataclass(frozen=True, kw_only=True)
class Swept:
    """What a corpus scores at every threshold, highest first; at the first one nothing is detected."""

    thresholds: Floats
    totals: Floats

    def at(self, threshold: float) -> float:
        """The total where every row of this score or higher is a detection."""
        return float(self.totals[np.searchsorted(-self.thresholds, -threshold, side="right") - 1])

    def best(self) -> tuple[float, float]:
        """The best total, and the highest threshold that has it."""
        place = int(np.argmax(self.totals))
        return float(self.totals[place]), float(self.thresholds[place])


def sweep(marked: Sequence[Marked], scores: Sequence[Floats], profile: Profile) -> Swept:
    """The total of a corpus as the threshold falls.

    Args:
        marked: a value per series.
        scores: of every row of each series, the learning rows included.
        profile: the weights.
    """
    value = np.concatenate([own[one.first :] for one, own in zip(marked, scores, strict=True)])
    worth = np.concatenate([one.worth for one in marked])
    offsets = np.cumsum([0] + [one.n_windows for one in marked])
    window = np.concatenate(
        [
            np.where(one.window == NO_WINDOW, NO_WINDOW, one.window + offset)
            for one, offset in zip(marked, offsets, strict=False)
        ]
    )
    order = np.argsort(-value, kind="stable")
    value, worth, window = value[order], worth[order], window[order]
    gain = np.where(window == NO_WINDOW, worth * profile.false_alarm, 0.0)
    inside = np.flatnonzero(window != NO_WINDOW)
    # Of each window, by falling score: what a row adds to the best so far, and a miss less with the first.
    by_window = inside[np.argsort(window[inside], kind="stable")]
    for rows in np.split(by_window, np.flatnonzero(np.diff(window[by_window])) + 1) if len(by_window) else []:
        best = np.maximum.accumulate(worth[rows] * profile.hit)
        gain[rows] = np.diff(best, prepend=-profile.miss)
    # Windows of which no row counts are hit by nobody: neither the total nor the perfect one loses by them.
    totals = np.cumsum(gain) - profile.miss * len(np.unique(window[inside]))
    last = np.append(np.flatnonzero(np.diff(value)), len(value) - 1)
    nothing = -profile.miss * len(np.unique(window[inside]))
    return Swept(thresholds=np.concatenate([[np.inf], value[last]]), totals=np.concatenate([[nothing], totals[last]]))


def normalised(total: float, n_windows: int, profile: Profile) -> float:
    """A total between 0, of no detection at all, and 100, of every window detected at its first row and nothing else."""
    nothing = -profile.miss * n_windows
    return 100.0 * (total - nothing) / (profile.hit * n_windows - nothing)
