"""What answers are worth before their labels come: estimated from their scores alone."""

import numpy as np
from numpy.typing import NDArray

from telltale.contract.verdict import Measured
from telltale.models.manifest import Calibration
from telltale.monitor.drawn_rates import N_DRAWS, PRIOR, Draws, drawn_rates


def estimated_rates(
    calibration: Calibration, flagged: NDArray[np.int64], passed: NDArray[np.int64], *, rng: np.random.Generator
) -> dict[str, Measured]:
    """Precision, recall, false-positive rate and accuracy that these answers can be expected to have.

    The share of positives in each bin of the score, as it was on held-out rows, says how many of the answers in that bin
    are right: confidence-based performance estimation, with binned scores in place of a calibrated probability. Intervals
    are 95 %, of what the labels of these very answers will show: the shares, known from a limited number of held-out
    rows, are drawn, and then the outcomes, both as of fewer rows where rows of one incident come together. A figure that
    no answer defines is left out.

    Not to be trusted under concept drift: it supposes that a score means what it meant in training, so that it sees more
    of the hard rows or fewer, and never that the same row now has another outcome. It does not replace labels: it says
    early that something has moved; and a realised figure outside its interval says that what scores mean has changed.
    Where the held-out labels were collected for some rows only, it inherits that choice.

    Args:
        calibration: of the version.
        flagged: shape (bins,), answers with a score in each bin whose decision was positive.
        passed: likewise, whose decision was negative.
        rng: for the draws.

    References:
        "Confidence-based performance estimation (CBPE)", documentation of NannyML.
        Garg, Balakrishnan, Lipton, Neyshabur & Sedghi, "Leveraging unlabeled data to predict out-of-distribution
        performance", ICLR 2022, on what no such estimate can do without assumptions.

    >>> sure = Calibration(edges=(0.5,), n=(1_000, 1_000), n_positive=(0, 1_000))
    >>> found = estimated_rates(sure, np.array([0, 10]), np.array([90, 0]), rng=np.random.default_rng(0))
    >>> found["precision"].value, found["recall"].value
    (1.0, 1.0)
    """
    n, hits = np.array(calibration.n), np.array(calibration.n_positive)
    fold = calibration.inflation
    shares = rng.beta(hits / fold + PRIOR, (n - hits) / fold + PRIOR, size=(N_DRAWS, len(n)))
    tp = np.concatenate(([flagged @ (hits / n)], _outcomes(flagged, shares, fold, rng=rng)))
    fn = np.concatenate(([passed @ (hits / n)], _outcomes(passed, shares, fold, rng=rng)))
    n_flagged, n_all = int(flagged.sum()), int(flagged.sum() + passed.sum())
    n_positive = round(float(tp[0] + fn[0]))
    rests_on = {
        "precision": n_flagged,
        "recall": n_positive,
        "false_positive_rate": n_all - n_positive,
        "accuracy": n_all,
    }
    all_flagged, all_passed = np.full_like(tp, n_flagged), np.full_like(tp, n_all - n_flagged)
    return drawn_rates(tp, fn, flagged=all_flagged, passed=all_passed, rests_on=rests_on)


def _outcomes(rows: NDArray[np.int64], shares: Draws, fold: float, *, rng: np.random.Generator) -> Draws:
    """Positives among so many rows of each bin, shape (draws,), `fold` rows having one outcome together."""
    together = np.where(rows > 0, np.maximum(1, np.round(rows / fold)), 0).astype(np.int64)
    drawn = rng.binomial(together, shares) * (rows / np.maximum(together, 1))
    return np.asarray(drawn.sum(axis=1), dtype=np.float64)
