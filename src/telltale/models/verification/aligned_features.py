"""Sequences of one pattern as rows of numbers: how long each act lasted, and what was between it and the next."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from telltale.contract.errors import SchemaError
from telltale.models.verification.sequence import TimedSequence

Rows = NDArray[np.float64]

LEAST_LASTED_MS: Final = 2.0
GAP_MS: Final = 35.0  # below it a gap counts as it is, far above it by its logarithm


def n_features(n_acts: int) -> int:
    """How many features `n_acts` acts have: one each, and one between two.

    >>> n_features(11)
    21
    """
    return max(2 * n_acts - 1, 0)


def aligned_features(sequences: Sequence[TimedSequence], kinds: NDArray[np.uint8]) -> Rows:
    """Shape (n sequences, 2 k - 1) for `k` kinds: first how long each act lasted, then the gaps.

    A duration is its logarithm: people differ by factors. A gap is the time from the end of an act to the begin of the
    next; it is negative where keys overlap, so it is the inverse hyperbolic sine of the gap over `GAP_MS`, linear about
    0 and logarithmic far from it. (Press-to-press times contain the hold, and told people apart less well.)

    Raises:
        SchemaError: a sequence is not of these kinds, in this order.
    """
    for place, sequence in enumerate(sequences):
        if not np.array_equal(sequence.kinds, kinds):
            raise SchemaError(
                f"sequence {place} has {len(sequence)} acts of kinds other than the {len(kinds)} enrolled",
                where="aligned",
                mend="Compare sequences of other acts with the matcher of mixed ones.",
            )
    if not sequences:
        return np.empty((0, n_features(len(kinds))))
    lasted = np.stack([sequence.lasted_ms for sequence in sequences]).astype(np.float64)
    since = np.stack([sequence.since_ms for sequence in sequences]).astype(np.float64)
    gaps = since[:, 1:] - lasted[:, :-1]
    return np.concatenate([np.log(np.maximum(lasted, LEAST_LASTED_MS)), np.arcsinh(gaps / GAP_MS)], axis=1)


def per_feature(durations: float, gaps: float, n_acts: int) -> Rows:
    """One number for each duration and another for each gap, shape (2 k - 1,).

    >>> per_feature(1.0, 2.0, 2).tolist()
    [1.0, 1.0, 2.0]
    """
    return np.repeat([durations, gaps], [n_acts, max(n_acts - 1, 0)])
