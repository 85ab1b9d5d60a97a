"""Summaries of streams of numbers: bounded in memory, merged exactly, a few KB per feature.

A reference is summarised once, at training; what is served, batch by batch. All that is kept are whole numbers, so that
merging summaries in any order and grouping gives the same one to the last bit.
"""

from collections import OrderedDict
from collections.abc import Collection, Sequence
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from telltale.contract.errors import UsageError
from telltale.features.summaries.layout import SCALE, Layout, make_layout
from telltale.features.summaries.like_hours import N_BUCKETS, LikeHours, buckets

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

# How many rows apart the rows of a pair are; autocorrelation is estimated at each.
LAGS: Final = (1, 2, 4, 8, 16)
# Sums take a value this many units from the centre at most: one absurd value must not hide all others.
_FURTHEST = 100.0
# What a batch needs in memory besides its rows is thrice as much.
_PAGE_ROWS: Final = 100_000


class LagSums(msgspec.Struct, frozen=True, kw_only=True):
    """Sums over pairs of a stream's rows, one per lag: of products, of the earlier ones, of the later ones."""

    products: tuple[int, ...]
    earlier: tuple[int, ...]
    later: tuple[int, ...]


class FeatureSummary(msgspec.Struct, frozen=True, kw_only=True):
    """One number's stream.

    Args:
        counts: per bucket of like hours and bin.
        n_missing: per bucket.
        total, squares: of values less the layout's centre, in thousandths of its unit.
        n_pairs: pairs with both values known, per lag.
        location, spread: lagged sums of the two scores of bins, in thousandths (products: in millionths).
        n_next: rows with one before them in their stream; n_next_missing: those of them that are missing and so was
            the one before.
    """

    counts: tuple[tuple[int, ...], ...]
    n_missing: tuple[int, ...]
    total: int
    squares: int
    n_pairs: tuple[int, ...]
    location: LagSums
    spread: LagSums
    n_next: int
    n_next_missing: int

    @property
    def n(self) -> int:
        """Values that are known."""
        return sum(map(sum, self.counts))


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """Some rows of all features of a layout; `first_s` and `last_s` say of when (epoch seconds)."""

    layout: str
    n_rows: int
    features: tuple[FeatureSummary, ...]
    first_s: float | None = None
    last_s: float | None = None


class Reference(msgspec.Struct, frozen=True, kw_only=True):
    """What drift is measured against: a layout, and the rows it was made from."""

    layout: Layout
    summary: Summary


def summarise_reference(
    names: Sequence[str],
    values: Floats,
    *,
    times_s: Floats | None = None,
    entities: Sequence[str] | None = None,
    like_hours: LikeHours | None = None,
) -> Reference:
    """Summarise the rows that later ones are to be like.

    Rows that the features were fitted on look better than later ones will: hand over rows left out of the fit.

    Args:
        names: of the columns.
        values: shape (n, k), n >= 20; NaN where missing; in order of time within each entity.
        times_s: epoch seconds, shape (n,); None where time is not to be looked at.
        entities: whose row it is; None where all rows are one stream.
        like_hours: how time is cut; None = as finely as the rows have data for.

    Raises:
        UsageError, NotEnoughDataError: as `make_layout`.
    """
    layout = make_layout(names, values, times_s=times_s, like_hours=like_hours)
    stream = StreamSummary(layout, most_entities=max(len(set(entities)) if entities is not None else 1, 1))
    for start in range(0, len(values), _PAGE_ROWS):
        page = slice(start, start + _PAGE_ROWS)
        stream.add(
            values[page],
            times_s=None if times_s is None else times_s[page],
            entities=None if entities is None else entities[page],
        )
    return Reference(layout=layout, summary=stream.take())


class StreamSummary:
    """Summarises rows as they come, in batches of any size; how they are cut into batches changes nothing.

    Rows of one entity must come to the same object in order of time: what follows what is how dependence is seen. Rows
    of an entity that is dealt out to several workers look less dependent than they are.

    Args:
        layout: of the reference.
        most_entities: entities whose last rows are kept; the one not seen for longest is forgotten first.
    """

    def __init__(self, layout: Layout, *, most_entities: int = 1_000) -> None:
        self._layout = layout
        self._most_entities = most_entities
        self._edges = [[np.array(edges) for edges in feature.edges] for feature in layout.features]
        n_buckets = N_BUCKETS[layout.like_hours]
        self._n_bins = [[len(edges) + 1 for edges in feature.edges] for feature in layout.features]
        most = max(max(sizes) for sizes in self._n_bins)
        shape = (len(layout.features), n_buckets, most)
        # Bin numbers of a feature run on from bucket to bucket: one table look-up per value.
        self._scores = np.zeros((2, *shape))
        for place, feature in enumerate(layout.features):
            for which, scores in enumerate((feature.location, feature.spread)):
                for bucket, of_bins in enumerate(scores):
                    self._scores[which, place, bucket, : len(of_bins)] = of_bins
        self._shape = shape
        self._tails: OrderedDict[str, Floats] = OrderedDict()
        self._clear()

    def _clear(self) -> None:
        k, n_buckets, _ = self._shape
        self._n_rows = 0
        self._first_s: float | None = None
        self._last_s: float | None = None
        self._counts = np.zeros(self._shape, dtype=np.int64)
        self._n_missing = np.zeros((k, n_buckets), dtype=np.int64)
        self._sums = np.zeros((2, k), dtype=np.int64)
        self._n_pairs = np.zeros((len(LAGS), k), dtype=np.int64)
        self._lagged = np.zeros((2, 3, len(LAGS), k), dtype=np.int64)
        self._n_next = np.zeros((2, k), dtype=np.int64)

    def add(self, values: Floats, *, times_s: Floats | None = None, entities: Sequence[str] | None = None) -> None:
        """Take rows in: arguments as of `summarise_reference`.

        Raises:
            UsageError: columns are not the layout's, or times are missing that it asks for.
        """
        n, k = values.shape if values.ndim == 2 else (len(values), -1)
        if k != len(self._layout.features):
            raise UsageError(
                f"values of shape {values.shape}",
                where="drift",
                mend=f"Give one column for each of {list(self._layout.names)}.",
            )
        if times_s is None and self._layout.like_hours != "none":
            raise UsageError("rows without times", where="drift", mend="The reference compares like hours: give times.")
        if n == 0:
            return
        bucket = np.zeros(n, dtype=np.int64) if times_s is None else buckets(times_s, self._layout.like_hours)
        missing = np.isnan(values)
        scores = self._count(values, missing, bucket)
        self._sum(values, missing)
        self._pair(np.concatenate((scores, (~missing)[None])), entities)
        self._n_rows += n
        if times_s is not None:
            first, last = float(times_s.min()), float(times_s.max())
            self._first_s = first if self._first_s is None else min(first, self._first_s)
            self._last_s = last if self._last_s is None else max(last, self._last_s)

    def _count(self, values: Floats, missing: NDArray[np.bool_], bucket: Integers) -> Floats:
        """Count into bins; the scores of all values, shape (2, n, k), 0 where missing."""
        k, n_buckets, most = self._shape
        scores = np.zeros((2, *values.shape))
        order = np.argsort(bucket, kind="stable") if n_buckets > 1 else np.arange(len(values))
        starts = np.searchsorted(bucket[order], np.arange(n_buckets + 1))
        for b in np.flatnonzero(np.diff(starts)):
            rows = order[starts[b] : starts[b + 1]] if n_buckets > 1 else slice(None)
            for column in range(k):
                places = np.searchsorted(self._edges[column][b], values[rows, column], side="right")
                # NaN sorts behind every edge; it is taken out again here.
                is_missing = missing[rows, column]
                scores[:, rows, column] = np.where(is_missing, 0.0, self._scores[:, column, b][:, places])
                self._counts[column, b] += np.bincount(places[~is_missing], minlength=most)
                self._n_missing[column, b] += int(is_missing.sum())
        return scores

    def _sum(self, values: Floats, missing: NDArray[np.bool_]) -> None:
        centre = np.array([feature.centre for feature in self._layout.features])
        unit = np.array([feature.unit for feature in self._layout.features])
        with np.errstate(over="ignore"):
            units = np.clip((values - centre) / unit, -_FURTHEST, _FURTHEST)
        whole = np.round(np.where(missing, 0.0, units) * SCALE)
        self._sums[0] += whole.sum(axis=0).astype(np.int64)
        self._sums[1] += (whole**2).sum(axis=0).astype(np.int64)

    def _pair(self, rows: Floats, entities: Sequence[str] | None) -> None:
        """Add up pairs of each entity's rows, those with rows of batches before included.

        Args:
            rows: shape (3, n, k): location score, spread score, 1 where known.
            entities: as of `add`.
        """
        parts, streams, is_new = [], [], []
        for stream, (name, own) in enumerate(_by_entity(rows, entities)):
            tail = self._tails.pop(name, None)
            n_old = 0 if tail is None else tail.shape[1]
            joined = own if tail is None else np.concatenate((tail, own), axis=1)
            self._tails[name] = joined[:, -LAGS[-1] :].copy()
            parts.append(joined)
            streams.append(np.full(joined.shape[1], stream))
            is_new.append(np.arange(joined.shape[1]) >= n_old)
        self._add_pairs(np.concatenate(parts, axis=1), np.concatenate(streams), np.concatenate(is_new))
        while len(self._tails) > self._most_entities:
            self._tails.popitem(last=False)

    def _add_pairs(self, rows: Floats, stream: Integers, is_new: NDArray[np.bool_]) -> None:
        for place, lag in enumerate(LAGS):
            # Only pairs of one stream whose later row is new: the others were added when it was.
            pair = (stream[lag:] == stream[:-lag]) & is_new[lag:]
            if not pair.any():
                break
            # Scores are 0 where missing, and here where there is no pair. All are whole numbers far below 2**53: these
            # sums are exact.
            earlier, later = rows[:, :-lag], rows[:, lag:] * pair[:, None]
            self._n_pairs[place] += _dot(earlier[2], later[2])
            for which in (0, 1):
                self._lagged[which, 0, place] += _dot(earlier[which], later[which])
                self._lagged[which, 1, place] += _dot(earlier[which], later[2])
                self._lagged[which, 2, place] += _dot(earlier[2], later[which])
            if lag == 1:
                self._n_next[0] += int(pair.sum())
                self._n_next[1] += _dot(1.0 - earlier[2], pair[:, None] - later[2])

    def take(self) -> Summary:
        """The summary of what came since the last `take`; pairs with rows before it are still seen."""
        features = tuple(self._feature(place) for place in range(len(self._layout.features)))
        made = Summary(
            layout=self._layout.digest,
            n_rows=self._n_rows,
            features=features,
            first_s=self._first_s,
            last_s=self._last_s,
        )
        self._clear()
        return made

    def _feature(self, place: int) -> FeatureSummary:
        counts = self._counts[place].tolist()
        lagged = [[tuple(sums[:, place].tolist()) for sums in of_score] for of_score in self._lagged]
        return FeatureSummary(
            counts=tuple(tuple(row[:size]) for row, size in zip(counts, self._n_bins[place], strict=True)),
            n_missing=tuple(self._n_missing[place].tolist()),
            total=int(self._sums[0, place]),
            squares=int(self._sums[1, place]),
            n_pairs=tuple(self._n_pairs[:, place].tolist()),
            location=LagSums(products=lagged[0][0], earlier=lagged[0][1], later=lagged[0][2]),
            spread=LagSums(products=lagged[1][0], earlier=lagged[1][1], later=lagged[1][2]),
            n_next=int(self._n_next[0, place]),
            n_next_missing=int(self._n_next[1, place]),
        )


def _dot(one: Floats, other: Floats) -> Integers:
    """Sum of products per column."""
    summed: Integers = np.einsum("nk,nk->k", one, other).astype(np.int64)
    return summed


def _by_entity(rows: Floats, entities: Sequence[str] | None) -> list[tuple[str, Floats]]:
    """Rows of each entity, in the order in which they came."""
    if entities is None:
        return [("", rows)]
    places: dict[str, list[int]] = {}
    for place, name in enumerate(entities):
        places.setdefault(name, []).append(place)
    if len(places) == 1:
        return [(next(iter(places)), rows)]
    return [(name, rows[:, at]) for name, at in places.items()]


def merge(one: Summary, other: Summary) -> Summary:
    """Both together. Exact: in any order and grouping, the same.

    Raises:
        UsageError: the two are of different layouts.
    """
    if one.layout != other.layout:
        raise UsageError(
            f"summaries of the layouts {one.layout!r} and {other.layout!r} cannot be merged",
            where="drift",
            mend="Merge summaries of one version alone: each version has its own reference.",
        )
    features = tuple(_merged(a, b) for a, b in zip(one.features, other.features, strict=True))
    firsts = [time for time in (one.first_s, other.first_s) if time is not None]
    lasts = [time for time in (one.last_s, other.last_s) if time is not None]
    return Summary(
        layout=one.layout,
        n_rows=one.n_rows + other.n_rows,
        features=features,
        first_s=min(firsts, default=None),
        last_s=max(lasts, default=None),
    )


def without_missing(summary: Summary, layout: Layout, names: Collection[str]) -> Summary:
    """The same with the missing values of some features forgotten: of numbers that not every row is to have."""
    features = tuple(
        msgspec.structs.replace(one, n_missing=(0,) * len(one.n_missing), n_next=0, n_next_missing=0)
        if feature.name in names
        else one
        for feature, one in zip(layout.features, summary.features, strict=True)
    )
    return msgspec.structs.replace(summary, features=features)


def _merged(one: FeatureSummary, other: FeatureSummary) -> FeatureSummary:
    return FeatureSummary(
        counts=tuple(_added(a, b) for a, b in zip(one.counts, other.counts, strict=True)),
        n_missing=_added(one.n_missing, other.n_missing),
        total=one.total + other.total,
        squares=one.squares + other.squares,
        n_pairs=_added(one.n_pairs, other.n_pairs),
        location=_merged_lags(one.location, other.location),
        spread=_merged_lags(one.spread, other.spread),
        n_next=one.n_next + other.n_next,
        n_next_missing=one.n_next_missing + other.n_next_missing,
    )


def _merged_lags(one: LagSums, other: LagSums) -> LagSums:
    return LagSums(
        products=_added(one.products, other.products),
        earlier=_added(one.earlier, other.earlier),
        later=_added(one.later, other.later),
    )


def _added(one: tuple[int, ...], other: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(a + b for a, b in zip(one, other, strict=True))
