"""How sure a score is, as a number from 0 to 100 that people can read."""

import math
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from telltale.contract.estimator import Floats, Scores

CONFIDENCE: Final = "confidence"  # among a bundle's arrays
_ROUNDS: Final = 50


def fit_confidence(scores: Scores, labels: NDArray[np.integer]) -> Floats:
    """Slope and offset of the log odds that a score is genuine, where genuine and impostor are as likely beforehand.

    A logistic curve (Platt 1999) with both classes weighed alike, by Newton's steps; smoothed targets keep it finite where
    the classes do not overlap.

    Args:
        scores: shape (n,), finite; of models that were not fitted on these people.
        labels: shape (n,), 0 or 1, both there.

    Returns:
        Shape (2,).

    References:
        Platt, "Probabilistic outputs for support vector machines", Advances in Large Margin Classifiers, 1999.
    """
    is_genuine = labels == 1
    n_genuine, n_impostor = int(is_genuine.sum()), int((~is_genuine).sum())
    wanted = np.where(is_genuine, (n_genuine + 1) / (n_genuine + 2), 1 / (n_impostor + 2))
    weights = np.where(is_genuine, 0.5 / n_genuine, 0.5 / n_impostor)
    middle, spread = float(scores.mean()), max(float(scores.std()), 1e-9)
    inputs = np.stack([(scores - middle) / spread, np.ones(len(scores))], axis=1)
    found = np.zeros(2)
    for _ in range(_ROUNDS):
        chance = 1.0 / (1.0 + np.exp(-np.clip(inputs @ found, -30.0, 30.0)))
        slope = inputs.T @ (weights * (wanted - chance)) - 1e-6 * found
        curve = (inputs * (weights * chance * (1.0 - chance))[:, None]).T @ inputs + 1e-6 * np.eye(2)
        step = np.linalg.solve(curve, slope)
        found += np.clip(step, -2.0, 2.0)
        if np.abs(step).max() < 1e-9:
            break
    return np.array([found[0] / spread, found[1] - found[0] * middle / spread])


def confidence_of(score: float, fitted: NDArray[Any]) -> int:
    """0 to 100.

    >>> confidence_of(0.0, np.array([1.0, 0.0])), confidence_of(9.0, np.array([1.0, 0.0]))
    (50, 100)
    """
    odds = float(fitted[0]) * score + float(fitted[1])
    return math.floor(100.0 / (1.0 + math.exp(-min(max(odds, -30.0), 30.0))) + 0.5)
