"""Rates of a detection task from how many of its decisions are right, where that is known by draws and not by count."""

from collections.abc import Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from telltale.contract.verdict import Measured

N_DRAWS: Final = 2_000
# Jeffreys' prior of a share: half a row of each outcome.
PRIOR: Final = 0.5

Draws = NDArray[np.float64]


def drawn_rates(
    tp: Draws, fn: Draws, *, flagged: Draws, passed: Draws, rests_on: Mapping[str, int]
) -> dict[str, Measured]:
    """Precision, recall, false-positive rate and accuracy with 95 % intervals; those that no row defines are left out.

    Args:
        tp: shape (1 + draws,), true positives: the estimate itself, then the draws about it.
        fn: false negatives, likewise.
        flagged: rows whose decision was positive, likewise.
        passed: rows whose decision was negative, likewise.
        rests_on: rows behind each figure; one that is not named is left out.

    >>> tp, fn, flagged, passed = (np.full(3, n) for n in (8.0, 2.0, 10.0, 90.0))
    >>> drawn_rates(tp, fn, flagged=flagged, passed=passed, rests_on={"recall": 10})["recall"]
    Measured(value=0.8, low=0.8, high=0.8, n=10)
    """
    parts: dict[str, tuple[Draws, Draws]] = {
        "precision": (tp, flagged),
        "recall": (tp, tp + fn),
        "false_positive_rate": (flagged - tp, flagged + passed - tp - fn),
        "accuracy": (tp + passed - fn, flagged + passed),
    }
    found = {}
    for name, (right, of) in parts.items():
        if name not in rests_on or of[0] <= 0:
            continue
        drawn = right[1:][of[1:] > 0] / of[1:][of[1:] > 0]
        value = float(right[0] / of[0])
        low, high = np.quantile(drawn, (0.025, 0.975)).tolist() if len(drawn) else (0.0, 1.0)
        # Where every row agrees, the draws lie to one side of it.
        found[name] = Measured(value=value, low=min(low, value), high=max(high, value), n=rests_on[name])
    return found
