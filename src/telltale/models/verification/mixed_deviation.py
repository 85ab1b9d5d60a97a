"""How far a sequence is from one person's own, where nothing is known of others."""

from collections.abc import Sequence
from typing import Final

import numpy as np

from telltale.contract.sequence import TimedSequence
from telltale.models.verification.mixed_features import Layout, Rows
from telltale.models.verification.mixed_spread import usual_between_sequences, variances_of_acts

_LEAST_ACTS: Final = 2  # a value of fewer enrolled acts is not compared
_NOTHING_IN_COMMON: Final = 10.0  # deviations


class Deviation:
    """Minus the mean absolute deviation of a sequence's values from the person's own, each in what it should vary by.

    What a value should vary by is how the person's acts vary over the number of acts (enrolled, and in the sequence), and how
    sequences of a person usually do beyond that. Of somebody's own it is about -0.8, whatever the number of acts.

    Args:
        samples: the person's, each with acts.
        layout: of the channels of these samples.
    """

    def __init__(self, samples: Sequence[TimedSequence], layout: Layout) -> None:
        self._layout = layout
        rows = layout.describe(samples)
        counts = rows.counts.sum(axis=0)
        self._mean: Rows = (rows.values * rows.counts).sum(axis=0) / np.maximum(counts, 1.0)
        self._acts = variances_of_acts(samples, layout)
        self._sequences = usual_between_sequences(self._acts, layout)
        self._own = self._sequences / len(samples) + self._acts / np.maximum(counts, 1.0)
        self._is_known = counts >= _LEAST_ACTS

    def score(self, sequence: TimedSequence) -> float:
        """Of one sequence. One that has nothing in common with the enrolled ones is as far off as can be told."""
        rows = self._layout.describe([sequence])
        values, counts = rows.values[0], rows.counts[0]
        varies = np.sqrt(self._own + self._sequences + self._acts / np.maximum(counts, 1.0))
        apart = (np.abs(values - self._mean) / varies)[self._is_known & (counts > 0)]
        return -float(apart.mean()) if len(apart) else -_NOTHING_IN_COMMON
