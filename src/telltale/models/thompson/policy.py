"""Thompson's policy at work: with which probability each action is best, by draws that are the same whenever asked."""

from collections.abc import Sequence
from functools import cache
from typing import Self, final

import numpy as np

from telltale.contract.estimator import Floats, Parts
from telltale.contract.learners import Acts
from telltale.models.thompson.learning import FAILURE_ROWS, learn, noise_of
from telltale.models.thompson.state import ThompsonState, numbers_of, rows_of

_SEED, _BLOCK = 20_130, 16


@final
class ThompsonPolicy:
    """What is known of each action, faded to now; one that nobody has seen is as the population is.

    Args:
        state: all that is known. Never changed.
    """

    def __init__(self, state: ThompsonState) -> None:
        self.state_now = state
        floor, n_draws, spread, is_log, failure, _ = state.settings.tolist()
        self._floor, self._n_draws, self._spread = floor, int(n_draws), spread
        self._is_log, self._failure = is_log > 0, failure
        self._number = numbers_of(state.actions)
        weights = np.exp(state.log_weights)
        self._weights = weights / weights.sum()
        places = (np.arange(self._n_draws) + 0.5) / self._n_draws
        self._speed_of_draw = np.minimum(np.searchsorted(np.cumsum(self._weights), places), len(weights) - 1)
        self._means, self._covariances = _faded(state)
        self._noises = _noises(state)
        self._chances, self._chance_spread = _chances(state)

    def probabilities(self, available: Sequence[str], context: Floats) -> Floats:
        """The share of draws in which each is best, mixed with even chances; shape (n,)."""
        n = len(available)
        places = [self._number.get(name, -1) for name in available]
        means, variances = self._foretold(places, context)
        standard = _standard_draws(self._n_draws, -(-n // _BLOCK) * _BLOCK)
        speed = self._speed_of_draw
        drawn = means[speed] + (self._spread * np.sqrt(variances))[speed] * standard[0, :, :n]
        if self._is_log:
            drawn = np.exp(drawn + 0.5 * self._noises[places])
        if np.isfinite(self._failure):
            chance = self._chances[places].T[speed]
            sigma = self._chance_spread[places].T[speed]
            failing = np.minimum(chance * np.exp(sigma * standard[1, :, :n] - 0.5 * sigma * sigma), 1.0)
            drawn += failing * (self._failure - drawn)
        wins = np.bincount(drawn.argmin(axis=1), minlength=n)
        found: Floats = (1.0 - self._floor) * wins / self._n_draws + self._floor / n
        return found

    def expected(self, available: Sequence[str], context: Floats) -> Floats:
        """The reward that is expected of each, shape (n,)."""
        places = [self._number.get(name, -1) for name in available]
        means, variances = self._foretold(places, context)
        losses = np.exp(means + 0.5 * (variances + self._noises[places])) if self._is_log else means
        if np.isfinite(self._failure):
            losses = losses + self._chances[places].T * (self._failure - losses)
        found: Floats = -(self._weights @ losses)
        return found

    def learned(self, acts: Acts) -> Self:
        """One that has learned from these too."""
        return type(self)(learn(self.state_now, acts))

    def state(self) -> Parts:
        """All of it."""
        return self.state_now.parts()

    def _foretold(self, places: list[int], context: Floats) -> tuple[Floats, Floats]:
        """Mean and variance of the loss (or its logarithm) by each speed of drift, shape (m, n); place -1 is anybody's."""
        row = rows_of(self.state_now, context[None])[0]
        return (self._means[places] @ row).T, ((self._covariances[places] @ row) @ row).T


@cache
def _standard_draws(n_draws: int, n: int) -> Floats:
    """Standard normal draws, shape (2, n draws, n): always the same."""
    return np.random.default_rng([_SEED, n_draws, n]).standard_normal((2, n_draws, n))


def _faded(state: ThompsonState) -> tuple[Floats, Floats]:
    """Coefficients of each action as they stand now, and of a new one at the end: (A + 1, m, d), (A + 1, m, d, d)."""
    kept = np.exp(-(state.step[0] - state.step_of)[:, None] / state.fading)
    m, d = len(state.fading), len(state.centre)
    usual = np.diag(state.spread)
    means = state.centre + kept[:, :, None] * (state.means - state.centre)
    square = np.square(kept)[:, :, None, None]
    covariances = square * state.covariances + (1.0 - square) * usual
    return (
        np.concatenate([means, np.broadcast_to(state.centre, (1, m, d))]),
        np.concatenate([covariances, np.broadcast_to(usual, (1, m, d, d))]),
    )


def _noises(state: ThompsonState) -> Floats:
    """Variance of one loss of each action, and of a new one, shape (A + 1,)."""
    known = [noise_of(float(state.noise[0]), squares, count) for squares, count in state.noises.tolist()]
    return np.array([*known, float(state.noise[0])])


def _chances(state: ThompsonState) -> tuple[Floats, Floats]:
    """Share of failures of each action and of a new one, (A + 1, m), and the spread of its logarithm (a log-normal)."""
    kept = np.exp(-(state.step[0] - state.step_of)[:, None] / state.fading)
    usual = state.failed / state.failed.sum() * FAILURE_ROWS
    counts = np.concatenate([kept[:, :, None] * state.failures, np.zeros((1, len(state.fading), 2))]) + usual
    total = counts.sum(axis=2)
    chance = counts[:, :, 0] / total
    relative = (1.0 - chance) / np.maximum(chance, 1e-12) / (total + 1.0)
    return chance, np.sqrt(np.log1p(relative))
