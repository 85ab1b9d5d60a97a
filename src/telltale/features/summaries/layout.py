"""What a reference fixes for good: how time is cut, the bins of every feature, and the score of every bin."""

import hashlib
import math
from collections.abc import Sequence
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from telltale.contract.errors import NotEnoughDataError, UsageError
from telltale.features.summaries.like_hours import N_BUCKETS, LikeHours, buckets, choose_like_hours

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

# Scores and sums are whole thousandths, so that sums are exact and merging in any order gives the same.
SCALE: Final = 1_000
# A bucket has at most so many bins, all buckets together about so many.
_MOST_BINS = 20
_LEAST_BINS = 5
_BINS_IN_ALL = 480
_ROWS_OF_A_BIN = 10
_LEAST_ROWS = 20


class FeatureLayout(msgspec.Struct, frozen=True, kw_only=True):
    """The bins of one feature.

    Args:
        name: of the feature.
        edges: per bucket, ascending; a value x is in bin number (edges <= x). A value that many rows share has a bin of
            its own, and the outer bins are open.
        location: per bucket and bin, in thousandths: the normal score of the bin's middle rank among the reference's
            rows of that bucket, mean 0 and variance 1 over them. All 0 where the reference is constant.
        spread: likewise, of how far from the middle the bin is, made uncorrelated with `location`.
        centre, unit: sums are of (x - centre) / unit in thousandths; median and spread of the reference.
    """

    name: str
    edges: tuple[tuple[float, ...], ...]
    location: tuple[tuple[int, ...], ...]
    spread: tuple[tuple[int, ...], ...]
    centre: float
    unit: float


class Layout(msgspec.Struct, frozen=True, kw_only=True):
    """Bins of all features. Only summaries of the same `digest` can be merged or compared."""

    like_hours: LikeHours
    features: tuple[FeatureLayout, ...]
    digest: str = ""

    @property
    def names(self) -> tuple[str, ...]:
        """The features' names, in the order of the columns."""
        return tuple(feature.name for feature in self.features)


def make_layout(
    names: Sequence[str], values: Floats, *, times_s: Floats | None, like_hours: LikeHours | None = None
) -> Layout:
    """Bins from a reference's quantiles.

    Args:
        names: of the columns.
        values: shape (n, k); NaN where missing.
        times_s: epoch seconds, shape (n,), or None where rows have no time; then time is not looked at.
        like_hours: how time is cut; None = as finely as the reference has data for.

    Raises:
        UsageError: names and columns are not as many, or time is to be cut and there is none.
        NotEnoughDataError: there are fewer than 20 rows.
    """
    if values.ndim != 2 or values.shape[1] != len(names):
        raise UsageError(f"{len(names)} names, values of shape {values.shape}", mend="Give one column per name.")
    if len(values) < _LEAST_ROWS:
        raise NotEnoughDataError(
            f"{len(values)} rows are no reference", where="drift", mend=f"Give at least {_LEAST_ROWS}."
        )
    if times_s is None and like_hours not in {None, "none"}:
        raise UsageError(f"like hours by {like_hours} without times", mend="Give the rows' times as well.")
    if like_hours is None:
        like_hours = "none" if times_s is None else choose_like_hours(times_s, values)
    bucket = np.zeros(len(values), dtype=np.int64) if times_s is None else buckets(times_s, like_hours)
    features = tuple(
        _feature_layout(name, values[:, column], bucket, N_BUCKETS[like_hours]) for column, name in enumerate(names)
    )
    made = Layout(like_hours=like_hours, features=features)
    digest = hashlib.sha256(msgspec.json.encode(made)).hexdigest()[:16]
    return msgspec.structs.replace(made, digest=digest)


def _feature_layout(name: str, column: Floats, bucket: Integers, n_buckets: int) -> FeatureLayout:
    known = ~np.isnan(column)
    column, bucket = column[known], bucket[known]
    finite = column[np.isfinite(column)]
    centre, unit = _centre_and_unit(finite)
    n_bins = max(_LEAST_BINS, min(_MOST_BINS, _BINS_IN_ALL // n_buckets))
    decimals = 4 - math.floor(math.log10(unit))
    edges, location, spread = [], [], []
    order = np.argsort(bucket, kind="stable")
    starts = np.searchsorted(bucket[order], np.arange(n_buckets + 1))
    for b in range(n_buckets):
        rows = column[order[starts[b] : starts[b + 1]]]
        own = _edges(np.sort(rows), n_bins, decimals)
        counts = np.bincount(np.searchsorted(own, rows, side="right"), minlength=len(own) + 1)
        first, second = bin_scores(counts)
        edges.append(tuple(own.tolist()))
        location.append(tuple(first.tolist()))
        spread.append(tuple(second.tolist()))
    return FeatureLayout(
        name=name,
        edges=tuple(edges),
        location=tuple(location),
        spread=tuple(spread),
        centre=centre,
        unit=unit,
    )


def _centre_and_unit(finite: Floats) -> tuple[float, float]:
    if len(finite) == 0:
        return 0.0, 1.0
    low, centre, high = np.quantile(finite, (0.25, 0.5, 0.75)).tolist()
    unit = (high - low) / 1.349 or float(finite.std()) or abs(centre)
    return centre, unit if 1e-300 < unit < 1e300 else 1.0


def _edges(ascending: Floats, n_bins: int, decimals: int) -> Floats:
    """Quantiles of a bucket's rows, and a bin of its own for a value that two of them share."""
    n_bins = min(n_bins, len(ascending) // _ROWS_OF_A_BIN)
    if n_bins < 2:
        return np.empty(0)
    # The order statistic itself, not a mean of two, which infinite values would turn into NaN.
    quantiles = ascending[(np.arange(1, n_bins) * len(ascending)) // n_bins]
    values, counts = np.unique(quantiles, return_counts=True)
    shared = values[(counts > 1) | (n_bins == 2)]
    rounded = np.round(values, decimals) if -300 < decimals < 300 else values
    plain = rounded[~np.isin(values, shared)]
    edges = np.concatenate((plain, shared, np.nextafter(shared, np.inf)))
    return np.unique(edges[np.isfinite(edges)])


def bin_scores(counts: Integers) -> tuple[Integers, Integers]:
    """Location and spread scores of bins, in thousandths, from the reference's counts in them.

    Normal (van der Waerden) scores of mid-ranks, and their squares as in Klotz's test less what `location` explains.

    References:
        Hajek, Sidak & Sen, "Theory of Rank Tests", 1999, sections 4.1 and 4.2.

    >>> location, spread = bin_scores(np.array([10, 10, 10, 10]))
    >>> location.tolist(), spread.tolist()
    ([-1363, -378, 378, 1363], [1000, -1000, -1000, 1000])
    """
    from scipy.special import ndtri

    n = int(counts.sum())
    if n == 0:
        return np.zeros(len(counts), dtype=np.int64), np.zeros(len(counts), dtype=np.int64)
    share = counts / n
    # Never 0 or 1: a bin that the reference left empty has a score too.
    middle = np.clip(np.cumsum(share) - share / 2, 0.25 / n, 1 - 0.25 / n)
    raw = np.asarray(ndtri(middle), dtype=np.float64)
    location = _standardised(raw, share)
    square = location**2
    beside = square - float((share * square * location).sum()) * location
    spread = _standardised(beside, share)
    return np.round(location * SCALE).astype(np.int64), np.round(spread * SCALE).astype(np.int64)


def _standardised(scores: Floats, share: Floats) -> Floats:
    centred = scores - float((share * scores).sum())
    deviation = math.sqrt(float((share * centred**2).sum()))
    return centred / deviation if deviation > 1e-6 else np.zeros(len(scores))
