"""How much likelier a sequence is one person's than anybody's, where it is known how people differ."""

from collections.abc import Sequence
from typing import Final

import numpy as np

from telltale.contract.sequence import TimedSequence
from telltale.models.verification.mixed_features import Layout, Rows
from telltale.models.verification.mixed_spread import Spread

_FREEDOM: Final = 40.0  # of the t distribution: one odd value must not decide
_LEAST_COUNT: Final = 0.05  # a value of no act counts as one of so many


class LikelihoodRatio:
    """Log likelihood ratio of "by this person" against "by somebody".

    A sequence is a row of values (`Layout`), normal about its person's, which is normal about the mean of people: two
    covariances, and a third, of acts, over the number of acts that each value is of. So a sample of thirty acts is
    believed less than one of five hundred, and a person of few samples less than one of many. Both densities have the tails of a t
    distribution.

    Args:
        samples: the person's, each with acts.
        layout: of the background's channels.
        spread: of the background.

    References:
        Ioffe, "Probabilistic linear discriminant analysis", ECCV 2006; Cumani, Plchot & Laface, "On the use of i-vector
        posterior distributions in PLDA", IEEE/ACM TASLP 2014 (uncertainty of short samples).
    """

    def __init__(self, samples: Sequence[TimedSequence], layout: Layout, spread: Spread) -> None:
        self._layout, self._spread = layout, spread
        values, counts = self._rows(samples)
        # Each value is the mean over samples that varies least; of that, the covariance.
        weights = counts / (counts + np.diag(spread.acts) / np.diag(spread.sequences))
        weights = weights / weights.sum(axis=0)
        by_acts = weights / np.sqrt(counts)
        uncertain = spread.sequences * (weights.T @ weights) + spread.acts * (by_acts.T @ by_acts)
        mean = (weights * values).sum(axis=0)
        pull = spread.people @ np.linalg.inv(spread.people + uncertain)
        self._place: Rows = pull @ mean
        left = spread.people - pull @ spread.people
        self._left: Rows = (left + left.T) / 2.0

    def score(self, sequence: TimedSequence) -> float:
        """Of one sequence."""
        values, counts = self._rows([sequence])
        inverse = 1.0 / np.sqrt(counts[0])
        noise = self._spread.sequences + self._spread.acts * np.outer(inverse, inverse)
        theirs = _log_density(values[0] - self._place, self._left + noise)
        return theirs - _log_density(values[0], self._spread.people + noise)

    def _rows(self, sequences: Sequence[TimedSequence]) -> tuple[Rows, Rows]:
        """Values about the middle, and their counts; a value of no act is the middle, and as good as unknown."""
        found = self._layout.describe(sequences)
        values, counts = found.values[:, self._spread.columns], found.counts[:, self._spread.columns]
        return np.where(counts > 0, values - self._spread.middle, 0.0), np.maximum(counts, _LEAST_COUNT)


def _log_density(deviation: Rows, scatter: Rows) -> float:
    """Of a multivariate t distribution, up to a constant."""
    squared = float(deviation @ np.linalg.solve(scatter, deviation))
    volume = float(np.linalg.slogdet(scatter)[1])
    return -0.5 * ((_FREEDOM + len(deviation)) * float(np.log1p(squared / _FREEDOM)) + volume)
