"""The questions that are asked of one feature, each with the independent rows that its answer rests on."""

import math
from typing import Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from telltale.features.summaries.layout import SCALE, FeatureLayout
from telltale.features.summaries.stream import FeatureSummary
from telltale.monitor.drift.dependence import autocorrelations, binary_inflation, inflation, memory, own_inflation
from telltale.monitor.drift.statistics import rarest_bin, two_sided

Floats = NDArray[np.float64]
Aspect = Literal["location", "spread", "shape", "missing"]


class AspectDrift(msgspec.Struct, frozen=True, kw_only=True):
    """One of the four questions: `p` unadjusted, in [0, 1]; the numbers of independent rows it rests on."""

    aspect: Aspect
    p: float
    n_effective: float
    n_reference_effective: float


class Sizes(msgspec.Struct, frozen=True, kw_only=True):
    """Independent rows on both sides."""

    now: float
    kept: float

    @property
    def variance(self) -> float:
        """Of the difference of two means of scores of variance 1."""
        return 1.0 / self.now + 1.0 / self.kept


class ScoreTest(msgspec.Struct, frozen=True, kw_only=True):
    """A comparison of mean scores."""

    aspect: Aspect
    difference: float
    p: float
    sizes: Sizes
    own_correlation: float
    kept_correlation: float

    def as_aspect(self) -> AspectDrift:
        """What is told of it."""
        return AspectDrift(
            aspect=self.aspect,
            p=self.p,
            n_effective=self.sizes.now,
            n_reference_effective=self.sizes.kept,
        )


class Matched(msgspec.Struct, frozen=True, kw_only=True):
    """Values in buckets that the reference knows: `n`; `spare`, the sum over buckets of n_b**2 / m_b."""

    n: int
    spare: float


def like_for_like(kept: FeatureSummary, now: FeatureSummary) -> tuple[Floats, Floats, Matched]:
    """Counts per bin: the reference's as they would be at the current window's hours, the current window's own.

    Bins of one number are put together over buckets: each bucket's were made from its own quantiles.
    """
    most = max(map(len, kept.counts))
    expected, current = np.zeros(most), np.zeros(most)
    n, spare = 0, 0.0
    for of_kept, of_now in zip(kept.counts, now.counts, strict=True):
        n_b, m_b = sum(of_now), sum(of_kept)
        if n_b == 0 or m_b == 0:
            continue
        expected[: len(of_kept)] += np.array(of_kept) * (n_b / m_b)
        current[: len(of_now)] += of_now
        n += n_b
        spare += n_b**2 / m_b
    return expected, current, Matched(n=n, spare=spare)


def middle_scores(layout: FeatureLayout) -> Floats:
    """Where the bins lie on the scale of normal scores: those of the bucket with the most bins."""
    longest = max(layout.location, key=len)
    return np.array(longest, dtype=np.float64) / SCALE


def score_test(
    aspect: Literal["location", "spread"], layout: FeatureLayout, kept: FeatureSummary, now: FeatureSummary
) -> ScoreTest:
    """Has the mean score moved, within like hours?"""
    scores = layout.location if aspect == "location" else layout.spread
    kept_lags = kept.location if aspect == "location" else kept.spread
    now_lags = now.location if aspect == "location" else now.spread
    n, spare, difference, variance, third = 0, 0.0, 0.0, 0.0, 0.0
    all_kept, all_now = _Moments(), _Moments()
    for of_scores, of_kept, of_now in zip(scores, kept.counts, now.counts, strict=True):
        n_b, m_b = sum(of_now), sum(of_kept)
        if m_b == 0:
            continue
        values = np.array(of_scores, dtype=np.float64) / SCALE
        counts = np.array(of_kept, dtype=np.float64)
        mean = float(values @ counts) / m_b
        all_kept.add(values, counts)
        if n_b == 0:
            continue
        own = np.array(of_now, dtype=np.float64)
        all_now.add(values, own)
        n += n_b
        spare += n_b**2 / m_b
        difference += float(values @ own) - n_b * mean
        variance += n_b * float((values - mean) ** 2 @ counts) / m_b
        third += n_b * float((values - mean) ** 3 @ counts) / m_b
    remembered = autocorrelations(kept_lags, kept.n_pairs, all_kept.variance)
    own_correlation = autocorrelations(now_lags, now.n_pairs, all_now.variance)[0]
    decay = memory(remembered, kept.n_pairs)
    now_times = max(
        inflation(decay, now.n_pairs, now.n),
        own_inflation(own_correlation, now.n_pairs[0], remembered[0], now.n),
    )
    sizes = Sizes(now=n / now_times, kept=n**2 / spare / inflation(decay, kept.n_pairs, kept.n))
    p = 1.0
    if variance > 0:
        variance, third = variance / n, third / n
        z = difference / n / math.sqrt(variance * sizes.variance)
        lopsided = (1 / sizes.now**2 - 1 / sizes.kept**2) / sizes.variance**1.5
        p = two_sided(z, third / variance**1.5 * lopsided)
    return ScoreTest(
        aspect=aspect,
        difference=difference / n,
        p=p,
        sizes=sizes,
        own_correlation=own_correlation,
        kept_correlation=remembered[0],
    )


class _Moments:
    """Mean and variance of scores over buckets."""

    def __init__(self) -> None:
        self._n = self._total = self._squares = 0.0

    def add(self, values: Floats, counts: Floats) -> None:
        self._n += float(counts.sum())
        self._total += float(values @ counts)
        self._squares += float(values**2 @ counts)

    @property
    def variance(self) -> float:
        return self._squares / self._n - (self._total / self._n) ** 2 if self._n else 0.0


def missing_test(kept: FeatureSummary, now: FeatureSummary) -> AspectDrift:
    """The share of missing values, hours not told apart."""
    m_missing, n_missing = sum(kept.n_missing), sum(now.n_missing)
    m, n = kept.n + m_missing, now.n + n_missing
    share = (m_missing + n_missing) / max(m + n, 1)
    times = binary_inflation(kept.n_next_missing, kept.n_next, m_missing / max(m, 1))
    sizes = Sizes(now=max(n / times, 1e-9), kept=max(m / times, 1e-9))
    p = 1.0
    if share > 0:
        missing = np.array([n_missing, n - n_missing], dtype=np.float64)
        expected = np.array([m_missing, m - m_missing], dtype=np.float64) / max(m, 1)
        p = rarest_bin(missing, expected, sizes.now, sizes.kept)
    return AspectDrift(aspect="missing", p=p, n_effective=sizes.now, n_reference_effective=sizes.kept)
