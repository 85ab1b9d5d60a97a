"""Outcomes as straight lines of the features: the simple baseline that boosted trees must stand beside."""

from collections.abc import Mapping
from typing import Final, final

import numpy as np

from telltale.contract.errors import BundleError
from telltale.contract.estimator import Choice, Features, Floats, Parameter, Parameters, Parts, Tell, Traits, silent
from telltale.contract.kinds import Kind

_ARRAYS = ("centre", "spread", "slopes", "level", "low", "high")


@final
class LinearOutcomes:
    """Ridge regression of each outcome on standardised features, held within the range seen in training.

    Not for: outcomes that turn where a feature passes a point.

    References:
        Hoerl & Kennard, "Ridge regression: biased estimation for nonorthogonal problems", Technometrics 12 (1970).
    """

    name = "linear_outcomes"
    kind: Kind = "choose"
    traits = Traits()
    defaults: Mapping[str, Parameter] = {"alpha": 1.0}
    search_space: Mapping[str, Choice] = {"alpha": Choice(kind="float", low=0.01, high=100.0, log=True)}
    grid: Mapping[str, tuple[Parameter, ...]] = {"alpha": (0.1, 1.0, 10.0)}

    def fit(
        self,
        features: Features,
        *,
        outcomes: Floats,
        parameters: Parameters,
        seed: int,
        tell: Tell = silent,  # noqa: ARG002 - done before there is anything to tell
    ) -> Parts:
        """Solve each outcome on the rows where it was measured; nothing is random."""
        del seed
        rows = features.astype(np.float64)
        centre, spread = rows.mean(axis=0), rows.std(axis=0)
        spread = np.where(spread > 0, spread, 1.0)
        scaled = (rows - centre) / spread
        n_features, n_outcomes = scaled.shape[1], outcomes.shape[1]
        slopes, level, low, high = (np.empty((n_features, n_outcomes)), *(np.empty(n_outcomes) for _ in range(3)))
        for at, outcome in enumerate(outcomes.T):
            measured = np.isfinite(outcome)
            known, own = scaled[measured], outcome[measured]
            middle, level[at] = known.mean(axis=0), own.mean()
            moved = known - middle
            penalty = float(parameters["alpha"]) * np.eye(n_features)
            slopes[:, at] = np.linalg.solve(moved.T @ moved + penalty, moved.T @ (own - level[at]))
            level[at] -= middle @ slopes[:, at]
            low[at], high[at] = own.min(), own.max()
        found = (centre, spread, slopes, level, low, high)
        return Parts(arrays=dict(zip(_ARRAYS, found, strict=True)))

    def load(self, parts: Parts) -> "Lines":
        """A model from its arrays."""
        missing = set(_ARRAYS) - parts.arrays.keys()
        if missing:
            raise BundleError(f"the bundle lacks {sorted(missing)}", where=self.name, mend="Train the version again.")
        return Lines(parts.arrays)


@final
class Lines:
    """A line per outcome, cut off at the lowest and highest value seen in training."""

    def __init__(self, arrays: Mapping[str, Floats]) -> None:
        self._centre, self._spread = arrays["centre"], arrays["spread"]
        self._slopes, self._level = arrays["slopes"], arrays["level"]
        self._low, self._high = arrays["low"], arrays["high"]

    def predict(self, features: Features) -> Floats:
        """Outcomes, shape (n rows, m outcomes)."""
        scaled = (features - self._centre) / self._spread
        found = np.repeat(self._level[None], len(features), axis=0)
        # Feature by feature: a matrix product rounds a row otherwise with other rows beside it.
        for column, slope in zip(scaled.T, self._slopes, strict=True):
            found += column[:, None] * slope
        return np.clip(found, self._low, self._high)


ESTIMATOR: Final = LinearOutcomes()
