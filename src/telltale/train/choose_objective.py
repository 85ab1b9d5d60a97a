"""What parameters of a task that chooses are tuned by: the regret of the choices on rows left out of each fit."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from telltale.contract.estimator import Floats, OutcomeEstimator, Parameter
from telltale.contract.kinds import Choices
from telltale.features.frame import arrange_features, run_plan
from telltale.models.choose_runtime import known_outcomes
from telltale.telemetry.frames import ENTITY
from telltale.train.fitted import FitRequest
from telltale.train.split import N_FOLDS, folds


@dataclass(frozen=True, kw_only=True)
class ChoiceFold:
    """Regret of the choice in each row of a fold of which everything was measured, and whose the row is; shape (n,) each."""

    regret: Floats
    groups: NDArray[np.int64]


class ChoiceObjective:
    """Mean regret, less of it being better; groups of rows that are alike are resampled whole.

    Args:
        request: what is to be fitted; of a costly model one fold is tried.
        choices: those of which outcomes were measured.
        outcomes: logarithms of what was measured, shape (n rows, m), NaN where it was not.
    """

    def __init__(self, request: FitRequest, choices: Choices, outcomes: Floats) -> None:
        self._request, self._choices, self._outcomes = request, choices, outcomes
        self._estimator: OutcomeEstimator = request.estimator  # type: ignore[assignment]  # the task's kind is its own
        self._fold = folds(request.frame, request.task.split)
        self._groups = np.unique(request.frame[ENTITY].to_numpy(), return_inverse=True)[1].astype(np.int64)
        self.n_folds = 1 if request.estimator.traits.is_costly else N_FOLDS

    def try_fold(self, parameters: Mapping[str, Parameter], fold: int, *, seed: int) -> ChoiceFold:
        """The regret of what a model that has not seen the fold chooses there."""
        request = self._request
        assert request.task.derive_plan is not None, f"{request.task.name} has no features"
        out = self._fold == fold
        plan = request.task.derive_plan(request.frame.filter(pl.Series(~out)), request.columns)
        done = run_plan(plan, request.frame)
        features = arrange_features(plan, done)
        parts = self._estimator.fit(features[~out], outcomes=self._outcomes[~out], parameters={**parameters}, seed=seed)
        predicted = self._estimator.load(parts).predict(features[out])
        weights = done.select([outcome.weight for outcome in self._choices.outcomes]).to_numpy().astype(np.float64)
        foretold, measured = (
            (weights[out][:, :, None] * outcomes_by_choice(learned, self._choices)).sum(axis=1)
            for learned in (predicted, self._outcomes[out])
        )
        known = np.isfinite(measured).all(axis=1)
        cost = measured[known, foretold[known].argmin(axis=1)]
        return ChoiceFold(regret=cost / measured[known].min(axis=1) - 1.0, groups=self._groups[out][known])

    def worth(self, tried: Sequence[ChoiceFold]) -> float:
        """Minus the mean regret; nothing where no row was measured whole."""
        regret = np.concatenate([one.regret for one in tried])
        return -float(regret.mean()) if len(regret) else 0.0

    def gains(
        self, old: Sequence[ChoiceFold], new: Sequence[ChoiceFold], *, rng: np.random.Generator, n: int
    ) -> NDArray[np.float64]:
        """How much less the new regret is, on resamples of whole groups."""
        won = np.concatenate([one.regret for one in old]) - np.concatenate([one.regret for one in new])
        which = np.unique(np.concatenate([one.groups for one in old]), return_inverse=True)[1]
        sums, sizes = np.bincount(which, weights=won), np.bincount(which)
        drawn = rng.multinomial(len(sums), np.full(len(sums), 1.0 / len(sums)), size=n)
        return np.asarray((drawn @ sums) / (drawn @ sizes))


def outcomes_by_choice(learned: Floats, choices: Choices) -> Floats:
    """Outcomes of all choices, shape (n, outcomes, choices), of the logarithms of those that are learned, shape (n, m)."""
    known = known_outcomes(choices)
    made = np.repeat(known[None], len(learned), axis=0)
    made[:, np.isnan(known)] = np.exp(learned)
    return made
