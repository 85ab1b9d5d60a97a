"""What actions are worth at a state, by rows at and around it: rings of levels, the wider ones where the narrow are thin."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple, final

import numpy as np

from telltale.contract.estimator import Floats
from telltale.models.q_learning.table import Cells, Ints, QTable

# Widths of the rings around a state, in levels, the widest first; before them all rows count alike.
_WIDTHS: Final = np.array([np.inf, 4.0, 2.0, 1.0, 0.5])
# How far a row of one action tells of others, in steps of a numeric action, ring by ring: what the fit is wrong by changes less
# from one action to the next than what it says, so wide rings of it tell of more.
_FITTED_STEPS: Final = (0.35, 0.35, 0.35, 0.35, 0.35)
_LEARNED_STEPS: Final = (1.0, 1.0, 0.7, 0.5, 0.35)
_SMALLEST, _LARGEST = 1e-12, 1e12  # of a variance


class Worth(NamedTuple):
    """What each action is worth at a state, and the standard error of that; shape (a,) each."""

    expected: Floats
    doubt: Floats


@dataclass(frozen=True, kw_only=True)
class _States:
    """Cells by state: levels of shape (s, k), sums of shape (s, 3, a); and by ring, how near actions are, shape (5, a, a)."""

    levels: Ints
    sums: Floats
    nearness: Floats


@final
class Rings:
    """A table made ready to be asked about any state."""

    def __init__(self, table: QTable) -> None:
        self._fitted = _by_state(table.fitted, table.axes, _FITTED_STEPS)
        self._learned = _by_state(table.learned, table.axes, _LEARNED_STEPS)
        self._prior, self._caution = table.settings.prior_weight, table.settings.caution

    def at(self, levels: Ints) -> Worth:
        """What was fitted, put right by what was learned since."""
        said, doubt = self.fitted_at(levels)
        weight, errors, _ = self._learned.sums.sum(axis=(0, 2)).tolist()
        # Where what was done was worth less than was said, so will be what was not done: else every action is tried in turn.
        middle = errors / (weight + self._caution)
        off, off_doubt = self._ringed(self._learned, levels, prior=self._caution, middle=middle)
        precision = sum(1.0 / np.maximum(np.square(one), _SMALLEST) for one in (doubt, off_doubt))
        return Worth(expected=said + off, doubt=1.0 / np.sqrt(precision))

    def fitted_at(self, levels: Ints) -> Worth:
        """What was fitted alone."""
        weight, rewards, _ = self._fitted.sums.sum(axis=(0, 2)).tolist()
        middle = rewards / weight if weight > 0 else 0.0
        return self._ringed(self._fitted, levels, prior=self._prior, middle=middle)

    def _ringed(self, states: _States, levels: Ints, *, prior: float, middle: float) -> Worth:
        """Means of ever narrower rings, each drawn towards that of the ring before as if by `prior` rows.

        A column that is not known at the state is left out of the distance; a row that lacks one that is known counts in the
        widest ring alone.
        """
        known = levels >= 0
        at = states.levels[:, known]
        squared = np.square(at - levels[known]).sum(axis=1).astype(np.float64)
        squared[(at < 0).any(axis=1)] = np.inf
        near = np.ones((len(_WIDTHS), len(squared)))
        near[1:] = np.exp(-0.5 * squared / np.square(_WIDTHS[1:, None]))
        n_states, n_sums, a = states.sums.shape
        summed = (near @ states.sums.reshape(n_states, n_sums * a)).reshape(-1, n_sums, a) @ states.nearness
        weight, _, squares = states.sums.sum(axis=(0, 2)).tolist()
        worth, spread = np.full(a, middle), np.full(a, squares / weight if weight > 0 else _LARGEST)
        for weights, rewarded, squared_rewards in summed:
            worth = (rewarded + prior * worth) / (weights + prior)
            spread = (squared_rewards + prior * spread) / (weights + prior)
        variance = np.maximum(spread - np.square(worth), 0.0)
        return Worth(expected=worth, doubt=np.sqrt(variance / (summed[-1, 0] + prior)))


def _by_state(cells: Cells, axes: tuple[int, ...], steps: Sequence[float]) -> _States:
    """The same cells, of which those of one state follow each other."""
    nearness = np.stack([_nearness(axes, width) for width in steps])
    levels = cells.places[:, :-1]
    first = np.ones(len(levels), dtype=np.bool_)
    first[1:] = (levels[1:] != levels[:-1]).any(axis=1)
    sums = np.zeros((int(first.sum()), cells.sums.shape[1], nearness.shape[1]))
    sums[np.cumsum(first) - 1, :, cells.places[:, -1]] = cells.sums
    return _States(levels=levels[first], sums=sums, nearness=nearness)


def _nearness(axes: tuple[int, ...], width: float) -> Floats:
    """How much a row of one action says of another, 1 of itself, shape (a, a)."""
    near: Floats = np.ones((1, 1))
    for size in axes:
        steps = np.arange(size)[:, None] - np.arange(size)
        near = np.kron(near, np.exp(-0.5 * np.square(steps / width))).astype(np.float64)
    return near
