"""How much a row says that follows another: effective sample sizes from a summary's lagged sums."""

import math
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from telltale.features.summaries.layout import SCALE
from telltale.features.summaries.stream import LAGS, LagSums

Floats = NDArray[np.float64]

# An autocorrelation within so many standard errors of 0 is taken for 0, and so is everything at longer lags.
_SIGNIFICANT: Final = 2.0
_STEEPEST: Final = 0.995  # decay per row; slower than this is a level that moves, not a memory
_LONGEST: Final = 2_000
# By so many standard errors a window's own autocorrelation must exceed the reference's before it counts.
_EXCESS: Final = 3.0


def autocorrelations(sums: LagSums, n_pairs: Sequence[int], variance: float) -> tuple[float, ...]:
    """Autocorrelation of scores at each of `LAGS`; 0 where there is no pair, or no variance.

    Args:
        sums: lagged sums of scores in thousandths.
        n_pairs: per lag.
        variance: of the scores, 1 = as in the reference.
    """
    if variance <= 0:
        return (0.0,) * len(LAGS)
    found = []
    for place, n in enumerate(n_pairs):
        if n < 2:
            found.append(0.0)
            continue
        product = sums.products[place] / n - (sums.earlier[place] / n) * (sums.later[place] / n)
        found.append(max(-1.0, min(1.0, product / SCALE**2 / variance)))
    return tuple(found)


def memory(correlations: Sequence[float], n_pairs: Sequence[int]) -> Floats:
    """Autocorrelation at lags 1, 2, 3, ... from that at `LAGS`, shape (m,); negative ones are taken for 0.

    Geometric between the lags and behind the last that differs from 0: exact where a stream is first-order
    autoregressive, near where it is one under noise.

    References:
        Geyer, "Practical Markov chain Monte Carlo", Statistical Science 7 (1992): cutting the sequence where noise begins.

    >>> np.round(memory([0.5, 0.25, 0.0625, 0.0, 0.0], [10_000] * 5)[:4], 4).tolist()
    [0.5, 0.25, 0.125, 0.0625]
    """
    known: list[tuple[int, float]] = []
    for lag, value, n in zip(LAGS, correlations, n_pairs, strict=True):
        if n < 2 or value < _SIGNIFICANT / math.sqrt(n):
            break
        known.append((lag, min(value, known[-1][1] if known else 1.0)))
    if not known:
        return np.empty(0)
    lags = np.array([lag for lag, _ in known])
    logs = np.log(np.minimum([value for _, value in known], _STEEPEST))
    # Over all lags, not the last two: the estimate of a variance must not hang on the noise of a far one.
    slope = float(logs[0]) if len(lags) == 1 else float((logs[-1] - logs[0]) / (lags[-1] - lags[0]))
    slope = min(slope, math.log(_STEEPEST))
    # Until a thousandth is left.
    length = int(lags[-1] + max(0.0, (math.log(1e-3) - float(logs[-1])) / slope))
    at = np.arange(1, min(max(length, int(lags[-1])), _LONGEST) + 1)
    inside: Floats = np.interp(at, lags, logs)
    return np.exp(np.where(at > lags[-1], logs[-1] + slope * (at - lags[-1]), inside))


def inflation(remembered: Floats, n_pairs: Sequence[int], n: int) -> float:
    """Variance of a mean of `n` such rows over that of as many independent ones, >= 1.

    `1 + 2 / n * sum over k of pairs(k) * memory(k)`: with the pairs that there are, it is exact for short windows and for
    rows of many entities, which are not each other's neighbours.

    References:
        Bayley & Hammersley, "The 'effective' number of independent observations in an autocorrelated time series",
        Supplement to the Journal of the Royal Statistical Society 8 (1946).
    """
    if n == 0 or len(remembered) == 0:
        return 1.0
    at = np.arange(1, len(remembered) + 1)
    lags, pairs = np.array((0, *LAGS)), np.array((n, *n_pairs), dtype=np.float64)
    fall = min((pairs[-1] - pairs[-2]) / (lags[-1] - lags[-2]), 0.0)
    there = np.where(at > lags[-1], pairs[-1] + fall * (at - lags[-1]), np.interp(at, lags, pairs))
    return max(1.0, 1.0 + 2.0 * float((np.maximum(there, 0.0) * remembered).sum()) / n)


def own_inflation(correlation: float, n_pairs: int, reference: float, n: int) -> float:
    """Inflation from a window's own lag-1 autocorrelation, where it is clearly above the reference's; else 1.

    A window that remembers more than the reference did has fewer independent rows than the reference lets expect. Only
    the first lag is asked: a level that moves within the window raises all lags, and is what drift is.
    """
    if n_pairs < 2 or correlation <= max(reference, 0.0) + _EXCESS / math.sqrt(n_pairs):
        return 1.0
    remembered = min(correlation, _STEEPEST)
    return min((1.0 + remembered) / (1.0 - remembered), float(n))


def binary_inflation(n_both: int, n_next: int, share: float) -> float:
    """Inflation of a count of rows that have a trait with probability `share`, from how often two in a row have it."""
    variance = share * (1.0 - share)
    if n_next < 2 or variance <= 0:
        return 1.0
    correlation = min((n_both / n_next - share**2) / variance, _STEEPEST)
    return (1.0 + correlation) / (1.0 - correlation) if correlation > 0 else 1.0
