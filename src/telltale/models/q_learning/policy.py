"""A policy that draws from a table of worths: the best action most often, others as often as its settings say."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final, Self, final

import numpy as np

from telltale.contract.estimator import Floats, Parts
from telltale.contract.learners import Acts
from telltale.models.q_learning.rings import Rings, Worth
from telltale.models.q_learning.table import Ints, QTable, levels_of, parts_of

_DOUBT: Final = 1.0  # standard errors up to which an action may as well be the best
_MOST_KEPT: Final = 4_096  # states whose worths are kept at hand


@final
class QPolicy:
    """Never changes: learning makes another."""

    def __init__(self, table: QTable) -> None:
        self.table = table
        self._number = {name: number for number, name in enumerate(table.actions)}
        self._rings = Rings(table)
        self._kept: dict[tuple[int, ...], Worth] = {}

    def probabilities(self, available: Sequence[str], context: Floats) -> Floats:
        """Of each available action, shape (n,), each at least `floor` / n."""
        worth = self._worth(context)
        places = [self._number[name] for name in available]
        expected, doubt = worth.expected[places], worth.doubt[places]
        settings, n = self.table.settings, len(places)
        best = int(np.argmax(expected))
        # Those whose worth is not plainly below that of the best.
        as_good = expected + _DOUBT * doubt >= expected[best] - _DOUBT * doubt[best]
        chances: Floats = settings.floor / n + settings.explore * as_good / as_good.sum()
        chances[best] += 1.0 - settings.floor - settings.explore
        return chances

    def expected(self, available: Sequence[str], context: Floats) -> Floats:
        """The worth of each, shape (n,)."""
        worths: Floats = np.take(self._worth(context).expected, [self._number[name] for name in available])
        return worths

    def learned(self, acts: Acts) -> Self:
        """One that has learned by how much these rewards differ from what was fitted."""
        if not acts.actions:
            return self
        places = self.places_of(acts)
        said = np.empty(len(places))
        states, where = np.unique(places[:, :-1], axis=0, return_inverse=True)
        for number, levels in enumerate(states):
            rows = np.flatnonzero(where.ravel() == number)
            said[rows] = self._rings.fitted_at(levels).expected[places[rows, -1]]
        settings = self.table.settings
        learned = self.table.learned.with_rows(places, acts.rewards - said, half_life=settings.half_life)
        return type(self)(replace(self.table, learned=learned))

    def places_of(self, acts: Acts) -> Ints:
        """The levels of each row's context, and the number of its action, shape (n, k + 1)."""
        actions = np.array([self._number[name] for name in acts.actions], dtype=np.int64)
        return np.column_stack([levels_of(acts.contexts, self.table.edges), actions])

    def state(self) -> Parts:
        """The whole table."""
        return parts_of(self.table)

    def _worth(self, context: Floats) -> Worth:
        levels = levels_of(context[None, :], self.table.edges)[0]
        state = tuple(levels.tolist())
        known = self._kept.get(state)
        if known is None:
            if len(self._kept) >= _MOST_KEPT:
                self._kept.clear()
            known = self._kept[state] = self._rings.at(levels)
        return known
