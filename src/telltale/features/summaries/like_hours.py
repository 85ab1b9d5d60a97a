"""Like hours: how finely time is cut before a window of now is held against the reference."""

from collections.abc import Sequence
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from telltale.features.calendar import DAY_S, MONDAY_OFFSET_S

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

LikeHours = Literal["none", "hour_of_day", "hour_of_kind_of_day", "hour_of_week"]

# Coarsest first.
N_BUCKETS: Final[dict[LikeHours, int]] = {
    "none": 1,
    "hour_of_day": 24,
    "hour_of_kind_of_day": 48,
    "hour_of_week": 168,
}

_HOUR_S = 3_600.0
# A bucket of fewer rows, or of fewer days, knows its own level too badly.
_LEAST_ROWS = 60
_LEAST_DAYS = 4
# A finer cut must explain this much more of what differs between hours, over what chance explains.
_GAIN = 0.02


def buckets(times_s: Floats, kind: LikeHours) -> Integers:
    """The bucket of each time (epoch seconds, UTC), in [0, N_BUCKETS[kind]).

    Hours of a kind of day: 0 to 23 from Monday to Friday, 24 to 47 on Saturday and Sunday.

    >>> buckets(np.array([0.0, 3_600.0, 2 * 86_400.0]), "hour_of_kind_of_day").tolist()  # a Thursday, and its Saturday
    [0, 1, 24]
    """
    if kind == "none":
        return np.zeros(len(times_s), dtype=np.int64)
    hour = (times_s % DAY_S // _HOUR_S).astype(np.int64)
    if kind == "hour_of_day":
        return hour
    weekday = ((times_s + MONDAY_OFFSET_S) // DAY_S).astype(np.int64) % 7
    return hour + 24 * (weekday >= 5) if kind == "hour_of_kind_of_day" else hour + 24 * weekday


def choose_like_hours(times_s: Floats, values: Floats) -> LikeHours:
    """The finest cut that the reference has rows and days for, and that its values ask for.

    A cut is asked for where hours differ by it: the share of the variance between hours (of ranks, so that outliers
    cost nothing) that it explains, over what as many arbitrary buckets would explain, for at least one column.

    Args:
        times_s: epoch seconds, shape (n,).
        values: shape (n, k); NaN where missing.
    """
    chosen: LikeHours = "none"
    if len(times_s) == 0:
        return chosen
    hours = (times_s // _HOUR_S).astype(np.int64)
    found, place = np.unique(hours, return_inverse=True)
    means = [_hourly_means(values[:, column], place, len(found)) for column in range(values.shape[1])]
    explained = [0.0] * len(means)
    for kind in list(N_BUCKETS)[1:]:
        bucket = buckets(np.asarray(found * _HOUR_S, dtype=np.float64), kind)
        n_rows = np.bincount(bucket, weights=np.bincount(place), minlength=N_BUCKETS[kind])
        n_days = np.bincount(bucket, minlength=N_BUCKETS[kind])
        if n_rows.min() < _LEAST_ROWS or n_days.min() < _LEAST_DAYS:
            continue
        finer = [_explained(column, bucket, N_BUCKETS[kind]) for column in means]
        if _any_gains(finer, explained):
            chosen, explained = kind, finer
    return chosen


def _any_gains(finer: Sequence[float], coarser: Sequence[float]) -> bool:
    return any(new > old + _GAIN for new, old in zip(finer, coarser, strict=True))


def _hourly_means(column: Floats, place: Integers, n_hours: int) -> Floats:
    """Mean rank of each hour, in [0, 1]; NaN for an hour without a value."""
    known = ~np.isnan(column)
    _, rank, counts = np.unique(column[known], return_inverse=True, return_counts=True)
    middle = (np.cumsum(counts) - counts / 2) / max(len(rank), 1)
    total = np.bincount(place[known], weights=middle[rank], minlength=n_hours)
    n = np.bincount(place[known], minlength=n_hours)
    return np.where(n > 0, total / np.maximum(n, 1), np.nan)


def _explained(means: Floats, bucket: Integers, n_buckets: int) -> float:
    """Adjusted share of the variance between hours that the buckets explain."""
    known = ~np.isnan(means)
    means, bucket = means[known], bucket[known]
    n = np.bincount(bucket, minlength=n_buckets)
    n_used = int((n > 0).sum())
    if len(means) <= n_used or np.ptp(means) == 0:
        return 0.0
    level = np.bincount(bucket, weights=means, minlength=n_buckets) / np.maximum(n, 1)
    within = float(((means - level[bucket]) ** 2).sum()) / (len(means) - n_used)
    return 1.0 - within / float(means.var(ddof=1))
