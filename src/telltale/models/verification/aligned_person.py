"""What is learned of one person from sequences of one pattern: where they are now, how they vary, and in which directions."""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class AlignedSettings:
    """Constants of the aligned matcher. The values were chosen on training repetitions (docs/experiments.md).

    Args:
        location_half_life: samples; how fast older ones stop telling where a person is now.
        spread_half_life: samples; the same for how a person varies.
        neighbour_half_life: samples; the same for whose nearness counts.
        most_neighbours: only so many of the newest samples are neighbours.
        trend_width: samples on either side that a person's slow change is averaged over, before it is taken out.
        prior_samples: the typical spread counts as so many samples.
        decorrelated: share of the person's own correlations that is taken out, where samples are many.
        least_spread: of a feature.
        most_distance: a feature counts for no more, in spreads.
        softness: of the nearest neighbour; 0 would be the nearest alone, large ones the mean of all.
        cohort_weight: of how unlikely the cohort finds a sample, against its nearness to the person's own.
        contrast_weight: without a cohort, of how much narrower the person is than people differ.
        cohort_freedom: degrees of freedom of the cohort's t distribution.
        first_of_each: samples that the cohort takes of each person: whoever tries a text that is not theirs is new to it.
    """

    location_half_life: float = 20.0
    spread_half_life: float = 80.0
    neighbour_half_life: float = 25.0
    most_neighbours: int = 80
    trend_width: int = 50
    prior_samples: float = 8.0
    decorrelated: float = 0.25
    least_spread: float = 0.08
    most_distance: float = 3.5
    softness: float = 3.0
    cohort_weight: float = 0.4
    contrast_weight: float = 0.5
    cohort_freedom: float = 8.0
    first_of_each: int = 10


SETTINGS: Final = AlignedSettings()


@dataclass(frozen=True, kw_only=True)
class Person:
    """Shapes for `n` samples, `f` features.

    Args:
        centre: (f,), where the person is now.
        spread: (f,), standard deviation about it.
        whitening: (f, f), takes correlations out; features stay what they were as far as can be.
        residuals: (n, f), the samples about the centre, slow change taken out, standardised; oldest first.
    """

    centre: Rows
    spread: Rows
    whitening: Rows
    residuals: Rows

    def standardised(self, rows: Rows) -> Rows:
        """Rows as deviations from this person, in their own spreads, shape as given."""
        deviations = np.clip((rows - self.centre) / self.spread, -_MOST_SPREADS, _MOST_SPREADS)
        # Not `@`, which may round otherwise for other numbers of rows: a row's score depends on no other.
        made: Rows = np.einsum("nf,fg->ng", deviations, self.whitening)
        return made


_MOST_SPREADS: Final = 6.0
_WINSOR: Final = 4.0
_MAD_TO_SD: Final = 1.25  # of a normal distribution, mean absolute deviation to standard deviation


def learn_person(rows: Rows, *, typical: Rows, correlation: Rows, settings: AlignedSettings) -> Person:
    """From a person's own samples, and what is typical where they are few.

    Args:
        rows: shape (n, f), n >= 1, oldest first.
        typical: shape (f,), the spread of anybody, which counts as `prior_samples` samples.
        correlation: shape (f, f), that of anybody; the identity where it is not known.
        settings: of the matcher.
    """
    n = len(rows)
    recent = half_lives(n, settings.location_half_life)
    centre = robust_centre(rows, recent)
    moved = rows + (centre - slow_change(rows, settings.trend_width))
    weights = half_lives(n, settings.spread_half_life)
    about = np.abs(moved - centre)
    own = _MAD_TO_SD * (weights @ np.minimum(about, _WINSOR * (weights @ about)))
    spread = (n * own + settings.prior_samples * typical) / (n + settings.prior_samples)
    spread = np.sqrt((spread**2 + settings.least_spread**2) * (1.0 + recent @ recent))
    deviations = np.clip((moved - centre) / spread, -_WINSOR, _WINSOR)
    whitening = _whitening((weights[:, None] * deviations).T @ deviations, correlation, n, settings)
    person = Person(centre=centre, spread=spread, whitening=whitening, residuals=rows)
    return replace(person, residuals=person.standardised(moved))


def half_lives(n: int, half_life: float) -> Rows:
    """Weights of `n` samples, oldest first, that sum to 1 and halve every `half_life` samples back.

    >>> half_lives(2, 1.0).round(3).tolist()
    [0.333, 0.667]
    """
    weights: Rows = 0.5 ** (np.arange(n, dtype=np.float64)[::-1] / half_life)
    made: Rows = weights / weights.sum()
    return made


def robust_centre(rows: Rows, weights: Rows) -> Rows:
    """Weighted mean of each feature, with samples beyond four mean absolute deviations pulled in (Huber's M-estimate)."""
    centre = weights @ rows
    scale = weights @ np.abs(rows - centre) + 1e-9
    for _ in range(3):
        centre = centre + scale * (weights @ np.clip((rows - centre) / scale, -_WINSOR, _WINSOR))
        scale = weights @ np.minimum(np.abs(rows - centre), _WINSOR * scale) + 1e-9
    made: Rows = centre
    return made


def slow_change(rows: Rows, width: int) -> Rows:
    """Each sample's surroundings: the mean of up to `width` samples on either side, shape as given.

    >>> slow_change(np.array([[0.0], [3.0], [6.0], [9.0]]), 1).ravel().tolist()
    [1.5, 3.0, 6.0, 7.5]
    """
    n = len(rows)
    centre = robust_centre(rows, np.full(n, 1.0 / n))
    reach = 3.0 * np.abs(rows - centre).mean(axis=0)
    sums = np.concatenate(
        [np.zeros((1, rows.shape[1])), np.cumsum(np.clip(rows, centre - reach, centre + reach), axis=0)]
    )
    first = np.maximum(np.arange(n) - width, 0)
    last = np.minimum(np.arange(n) + width + 1, n)
    made: Rows = (sums[last] - sums[first]) / (last - first)[:, None]
    return made


def _whitening(covariance: Rows, correlation: Rows, n: int, settings: AlignedSettings) -> Rows:
    """Symmetric inverse square root (ZCA) of the covariance, shrunk towards the typical correlation."""
    known = (n * covariance + settings.prior_samples * correlation) / (n + settings.prior_samples)
    own = settings.decorrelated * n / (n + len(known))
    deviation = np.sqrt(np.diag(known) + 1e-2)
    values, vectors = np.linalg.eigh(own * known + (1.0 - own) * correlation * np.outer(deviation, deviation))
    made: Rows = (vectors / np.sqrt(np.maximum(values, 1e-3))) @ vectors.T
    return made
