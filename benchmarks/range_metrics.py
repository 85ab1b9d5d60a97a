"""Figures for anomalies that last: how well a score finds them, with room at their edges, and how soon."""

from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from telltale.evaluate.ranking import Labels, Scores, check_labels_and_scores

Floats = NDArray[np.float64]
Segment = tuple[int, int]  # the first row and the last one

_N_THRESHOLDS: Final = 250
# A period is looked for at these lags; a peak of the autocorrelation lower than this is noise.
_SHORTEST, _LONGEST = 3, 300
_LEAST_PEAK: Final = 0.1
NO_PERIOD: Final = 100


def segments(labels: Labels) -> list[Segment]:
    """Runs of rows labelled 1.

    >>> segments(np.array([0, 1, 1, 0, 1], dtype=np.int8))
    [(1, 2), (4, 4)]
    """
    edges = np.flatnonzero(np.diff(np.concatenate([[0], labels, [0]])))
    return [(int(start), int(end) - 1) for start, end in edges.reshape(-1, 2)]


def vus_pr(labels: Labels, scores: Scores, *, buffer: int) -> float:
    """Volume under the surface of precision and recall over buffers of 0 to `buffer` rows; NaN without an anomaly.

    For each buffer of l rows, a row d rows outside an anomaly, d <= l / 2, counts as one by the share sqrt(1 - d / l).
    Recall is of the mean of true and extended labels, times the share of extended anomalies with an alarm. Thresholds are
    250 scores evenly over the ranks; the area is the sum of gains in recall, each at its own precision.

    Args:
        labels: shape (n,), 0 or 1.
        scores: shape (n,), higher is odder.
        buffer: longest buffer in rows, >= 0.

    References:
        Paparrizos, Boniol, Palpanas, Tsay, Elmore & Franklin, "Volume Under the Surface: A New Accuracy Evaluation Measure
        for Time-Series Anomaly Detection", PVLDB 15 (2022).
    """
    check_labels_and_scores(labels, scores)
    if not labels.any():
        return float("nan")
    order = np.argsort(-scores, kind="stable")
    falling = scores[order]
    thresholds = falling[np.linspace(0, len(scores) - 1, _N_THRESHOLDS).astype(np.int64)]
    n_flagged = np.searchsorted(-falling, -thresholds, side="right")
    found = segments(labels)
    return float(
        np.mean([_range_pr(labels, scores, order, thresholds, n_flagged, found, size) for size in range(buffer + 1)])
    )


def _range_pr(  # noqa: PLR0917 - what is the same for every buffer is worked out once
    labels: Labels,
    scores: Scores,
    order: NDArray[np.int64],
    thresholds: Floats,
    n_flagged: NDArray[np.int64],
    found: list[Segment],
    size: int,
) -> float:
    weight = extended_labels(labels, found, size=size)
    within = np.cumsum(weight[order])[n_flagged - 1]
    at_edges = np.cumsum((weight * (labels == 0))[order])[n_flagged - 1]
    n_true = int(labels.sum())
    recall = np.minimum(within / (n_true + at_edges / 2), 1.0)
    highest = np.sort(
        [scores[start : end + 1].max() for start, end in extended_segments(found, len(labels), size=size)]
    )
    alarmed = len(highest) - np.searchsorted(highest, thresholds, side="left")
    recall = recall * alarmed / len(highest)
    return float(np.diff(recall, prepend=0.0) @ (within / n_flagged))


def extended_labels(labels: Labels, found: list[Segment], *, size: int) -> Floats:
    """Labels that fade out over half a buffer of `size` rows on either side, shape (n,)."""
    weight = labels.astype(np.float64)
    n = len(labels)
    for start, end in found:
        for distance in range(1, size // 2 + 1):
            share = np.sqrt(1.0 - distance / size)
            for row in (start - distance, end + distance):
                if 0 <= row < n:
                    weight[row] += share
    return np.minimum(weight, 1.0)


def extended_segments(found: list[Segment], n_rows: int, *, size: int) -> list[Segment]:
    """The runs with half a buffer on either side; those that then touch or cross are one."""
    reach = size // 2
    gaps = [place for place, (one, other) in enumerate(pairwise(found), 1) if one[1] + reach >= other[0] - reach]
    joined: list[Segment] = []
    for place, (start, end) in enumerate(found):
        first, last = max(start - reach, 0), min(end + reach, n_rows - 1)
        joined.append((joined.pop()[0], last) if place in gaps else (first, last))
    return joined


def period_of(columns: Floats) -> int:
    """The usual period of several columns, in rows, shape (n, k): the median over those that have one; 100 if few do.

    A column's is where its autocorrelation is highest among local peaks at lags of 3 to 300 rows; fewer than half of
    the columns that move, and it is none of them all.
    """
    periods = [_period(column) for column in columns.T if np.ptp(column) > 0]
    known = [period for period in periods if period]
    return round(float(np.median(known))) if known and 2 * len(known) >= len(periods) else NO_PERIOD


def _period(column: Floats) -> int:
    """0 where there is none."""
    apart = column - column.mean()
    size = 1 << (2 * len(apart) - 1).bit_length()
    power = np.abs(np.fft.rfft(apart, size)) ** 2
    correlation = np.fft.irfft(power, size)[: _LONGEST + 2]
    correlation = correlation / correlation[0]
    lags = np.arange(_SHORTEST, min(_LONGEST + 1, len(apart) - 1))
    peaks = lags[(correlation[lags] > correlation[lags - 1]) & (correlation[lags] > correlation[lags + 1])]
    if not len(peaks) or correlation[peaks].max() < _LEAST_PEAK:
        return 0
    return int(peaks[np.argmax(correlation[peaks])])


def events_found(labels: Labels, scores: Scores, *, false_positive_rate: float) -> tuple[float, float]:
    """The share of anomalies with an alarm where so many of the normal rows alarm, and the mean delay in rows of those found.

    Random scores find many: the longer an anomaly, the likelier one of its rows is to alarm. NaN where there is none.
    """
    cut = float(np.quantile(scores[labels == 0], 1.0 - false_positive_rate)) if (labels == 0).any() else -np.inf
    delays = []
    found = segments(labels)
    for start, end in found:
        alarms = np.flatnonzero(scores[start : end + 1] > cut)
        if len(alarms):
            delays.append(int(alarms[0]))
    if not found:
        return float("nan"), float("nan")
    return len(delays) / len(found), float(np.mean(delays)) if delays else float("nan")
