"""Logistic regression of our own, as a model that any labelled task may use."""

from collections.abc import Mapping
from typing import Final, cast, final

import numpy as np
from numpy.typing import NDArray

from telltale.contract.errors import BundleError
from telltale.contract.estimator import (
    Choice,
    Features,
    Floats,
    Parameter,
    Parameters,
    Parts,
    Scores,
    Tell,
    Traits,
    silent,
)
from telltale.contract.kinds import Kind
from telltale.models.labelled_rows import labelled_rows
from telltale.models.logistic_fit import Penalty, fit_logistic, sigmoid


@final
class LogisticRegression:
    """Score: the probability that a row is positive.

    With `squares` the square of each normalised feature is a feature beside it, so that far from the middle on either
    side can mean the same; no line says that.

    Not for: what depends on pairs of features, unless the plan multiplies them.
    """

    name = "logistic_regression"
    kind: Kind = "score"
    traits = Traits(needs_labels=True)
    expected_failures: Mapping[str, str] = {
        "check_a_feature_that_never_moved_is_seen_when_it_does": "no weight can be learned for it from labels"
    }
    defaults: Mapping[str, Parameter] = {
        "regularization": "l2",
        "lambda_reg": 1e-3,
        "squares": 1,
        "n_iterations": 1_000,
    }
    search_space: Mapping[str, Choice] = {
        "lambda_reg": Choice(kind="float", low=1e-6, high=1.0, log=True),
        "squares": Choice(kind="int", low=0, high=1),
    }
    grid: Mapping[str, tuple[Parameter, ...]] = {
        "regularization": ("l1", "l2"),
        "lambda_reg": (1e-4, 1e-3, 1e-2, 1e-1),
        "squares": (0, 1),
    }

    def fit(
        self,
        features: Features,
        *,
        labels: NDArray[np.int8] | None,
        parameters: Parameters,
        seed: int,
        tell: Tell = silent,  # noqa: ARG002 - done before there is anything to tell
    ) -> Parts:
        """Fit on the labelled rows; nothing is random."""
        del seed
        rows, known = labelled_rows(features, labels, where=self.name)
        values = rows.astype(np.float64)
        mean, spread = values.mean(axis=0), values.std(axis=0)
        scale = np.where(spread > 0, spread, 1.0)
        normal = (values - mean) / scale
        model = fit_logistic(
            np.hstack([normal, normal**2]) if int(parameters["squares"]) else normal,
            known,
            penalty=cast("Penalty", parameters["regularization"]),
            lambda_reg=float(parameters["lambda_reg"]),
            n_iterations=int(parameters["n_iterations"]),
        )
        weights = model.weights[:, 0] / model.scale
        return Parts(
            arrays={
                "mean": mean,
                "scale": scale,
                "weights": weights,
                "intercept": model.intercept - model.mean @ weights,
            }
        )

    def load(self, parts: Parts) -> "LogisticScorer":
        """A scorer from its arrays."""
        if not {"mean", "scale", "weights", "intercept"} <= parts.arrays.keys():
            raise BundleError(
                "the bundle has no mean, scale, weights and intercept", where=self.name, mend="Train the version again."
            )
        arrays = parts.arrays
        return LogisticScorer(arrays["mean"], arrays["scale"], arrays["weights"], float(arrays["intercept"][0]))


@final
class LogisticScorer:
    """The sigmoid of a weighted sum; twice as many weights as features weigh their squares too."""

    def __init__(self, mean: Floats, scale: Floats, weights: Floats, intercept: float) -> None:
        self._mean, self._scale, self._intercept = mean, scale, intercept
        self._weights = weights[: len(mean)]
        self._squares = weights[len(mean) :] if len(weights) > len(mean) else np.zeros_like(mean)

    def score(self, features: Features) -> Scores:
        """One score per row."""
        normal = (np.ascontiguousarray(features) - self._mean) / self._scale
        # Added up along each row, never by a matrix product, whose rounding depends on how many rows there are.
        logits = (normal * (self._weights + normal * self._squares)).sum(axis=1) + self._intercept
        return sigmoid(logits)

    def score_one(self, features: Features) -> float:
        """The score of one row, shape (1, k)."""
        return float(self.score(features)[0])


ESTIMATOR: Final = LogisticRegression()
