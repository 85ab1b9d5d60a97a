"""Tails and distances that drift is judged and told by."""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

# An empty bin counts as this share in PSI; values compare only at equal bins and floor.
PSI_FLOOR = 1e-4


class Distances(NamedTuple):
    """How far two distributions over the same bins are apart: in nats, in probability, in standard deviations."""

    psi: float
    ks: float
    wasserstein: float


def distances(reference: Floats, current: Floats, positions: Floats) -> Distances:
    """PSI, Kolmogorov-Smirnov and Wasserstein-1 distance of `current` from `reference`.

    Args:
        reference: counts or weights of the bins, shape (b,).
        current: likewise.
        positions: where the bins lie, ascending, shape (b,); the Wasserstein distance is in their unit.

    >>> distances(np.array([5.0, 5.0]), np.array([5.0, 5.0]), np.array([0.0, 1.0]))
    Distances(psi=0.0, ks=0.0, wasserstein=0.0)
    """
    if reference.sum() == 0 or current.sum() == 0:
        return Distances(0.0, 0.0, 0.0)
    kept, now = reference / reference.sum(), current / current.sum()
    apart = np.abs(np.cumsum(kept) - np.cumsum(now))[:-1]
    floored, floored_now = np.maximum(kept, PSI_FLOOR), np.maximum(now, PSI_FLOOR)
    return Distances(
        psi=float(((floored_now - floored) * np.log(floored_now / floored)).sum()),
        ks=float(apart.max(initial=0.0)),
        wasserstein=float((apart * np.diff(positions)).sum()),
    )


def two_sided(z: float, skewness: float) -> float:
    """Two-sided p-value of a standardised sum whose null is a little skewed: Pearson's type III in place of the normal.

    Few effective rows of a lopsided feature (99 % zeros) make the sum lopsided too, and the normal tail wrong by more
    than half.

    References:
        Johnson, Kotz & Balakrishnan, "Continuous Univariate Distributions 1", 1994, section 17.

    >>> round(two_sided(1.96, 0.0), 3)
    0.05
    """
    if abs(skewness) < 1e-3:
        return math.erfc(abs(z) / math.sqrt(2.0))
    from scipy.special import gammainc, gammaincc

    if skewness < 0:
        z, skewness = -z, -skewness
    shape = 4.0 / skewness**2
    at = shape + z * math.sqrt(shape)
    if at <= 0:
        return 0.0
    return min(1.0, 2.0 * min(float(gammainc(shape, at)), float(gammaincc(shape, at))))


def rarest_bin(current: Floats, expected: Floats, n_effective: float, n_reference_effective: float) -> float:
    """p-value of the bin whose share differs most surely, corrected for the number of bins.

    For each bin the exact conditional test of two Poisson counts, so that a value never seen before counts as little
    or as much as it should, and a bin of a hundred rows likewise.

    Args:
        current: counts of the bins, shape (b,).
        expected: shares of the reference, shape (b,), sum 1.
        n_effective: independent rows that `current` is worth.
        n_reference_effective: that the reference is worth.

    References:
        Przyborowski & Wilenski, "Homogeneity of results in testing samples from Poisson series", Biometrika 31 (1940).
    """
    from scipy.special import betainc

    if current.sum() == 0:
        return 1.0
    now = current / current.sum() * n_effective
    kept = expected * n_reference_effective
    share = n_effective / (n_effective + n_reference_effective)
    more = np.where(now > 0, betainc(np.maximum(now, 1e-12), kept + 1.0, share), 1.0)
    fewer = np.where(kept > 0, betainc(np.maximum(kept, 1e-12), now + 1.0, 1.0 - share), 1.0)
    n_used = int(((now > 0) | (kept > 0)).sum())
    return min(1.0, 2.0 * n_used * float(np.minimum(more, fewer).min()))
