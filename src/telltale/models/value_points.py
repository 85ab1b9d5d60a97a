"""Segments by what is to come: columns give whole points on a card, and the sum of points is the segment."""

from collections.abc import Callable, Mapping, Sequence
from typing import Final, final

import numpy as np
from numpy.typing import NDArray

from telltale.contract.errors import NotEnoughDataError, UsageError
from telltale.contract.estimator import (
    Choice,
    Features,
    Floats,
    Groups,
    Parameter,
    Parameters,
    Parts,
    Tell,
    Traits,
    silent,
)
from telltale.contract.kinds import Kind
from telltale.models.segments.card import Card
from telltale.models.segments.card_fit import SHARES, fit_card

# Fits on resampled rows that one number of segments is judged by.
_N_REFITS = 6
# As alike as this, on average, is alike enough: of such numbers of segments the largest says most.
_STABLE = 0.83
# Fewer rows with a known outcome than this tell nothing of what is to come.
_LEAST_KNOWN: Final = 50


@final
class ValuePoints:
    """A score card for what is to come of a row: a line for each feature, read off between round values, in whole points.

    What a row's columns give can be added up by hand, and the sum alone decides the segment. Segments hold set shares of the
    rows (5 % in the best of five), so that where they begin moves little from one fit to the next. With `k` 0 the number of
    segments is the largest of three to six that comes out alike on resampled rows.

    Not for: outcomes that columns foretell only together, or that turn where a column passes a point.

    References:
        Hoerl & Kennard, "Ridge regression: biased estimation for nonorthogonal problems", Technometrics 12 (1970). Hand &
        Henley, "Statistical classification methods in consumer credit scoring", J. Royal Statistical Society A 160 (1997),
        for score cards. Ben-Hur, Elisseeff & Guyon, "A stability based method for discovering structure in clustered data",
        PSB 2002.
    """

    name = "value_points"
    kind: Kind = "segment"
    traits = Traits(needs_outcomes=True)
    defaults: Mapping[str, Parameter] = {"k": 0, "shrinkage": 1.5}
    search_space: Mapping[str, Choice] = {}
    grid: Mapping[str, tuple[Parameter, ...]] = {}

    def fit(
        self,
        features: Features,
        *,
        outcomes: Floats,
        cuts: Sequence[Floats],
        groups: Groups,
        parameters: Parameters,
        seed: int,
        tell: Tell = silent,
    ) -> Parts:
        """A card, its segments counted from the best.

        Raises:
            NotEnoughDataError: too few rows with a known outcome.
        """
        n_known = int(np.isfinite(outcomes[:, 0]).sum())
        if n_known < _LEAST_KNOWN:
            raise NotEnoughDataError(
                f"what came later is known of {n_known} rows",
                where=self.name,
                mend=f"Give at least {_LEAST_KNOWN} such rows, or train with another --estimator.",
            )
        from threadpoolctl import threadpool_limits

        shrinkage = float(parameters["shrinkage"])

        def card(rows: NDArray[np.intp], k: int) -> Parts:
            # One thread: on some thousands of rows the threads wait for each other longer than they work.
            with threadpool_limits(limits=1):
                return fit_card(features, outcomes, cuts=cuts, rows=rows, k=k, shrinkage=shrinkage)

        k = int(parameters["k"])
        if k not in {0, *SHARES}:
            raise UsageError.not_one_of(str(k), map(str, (0, *SHARES)), where=f"k of {self.name}")
        if k == 0:
            alike = self._alike(features, outcomes, groups, card, seed)
            stable = [number for number, value in alike.items() if value >= _STABLE]
            k = max(stable) if stable else max(alike, key=lambda number: alike[number])
            told = ", ".join(f"{number}: {value:.2f}" for number, value in alike.items())
            tell(f"{k} segments; how much alike they come out on resampled rows, by number: {told}.")
        return card(np.arange(len(features)), k)

    def _alike(
        self,
        features: Features,
        outcomes: Floats,
        groups: Groups,
        card: Callable[[NDArray[np.intp], int], Parts],
        seed: int,
    ) -> dict[int, float]:
        """By the number of segments, how much alike divisions on resampled rows are."""
        from sklearn.metrics import adjusted_rand_score

        samples = [resampled(groups, np.random.default_rng([seed, number])) for number in range(_N_REFITS)]
        samples = [rows for rows in samples if np.isfinite(outcomes[rows, 0]).any()]
        found = {}
        everybody = np.arange(len(features))
        for k in SHARES:
            own, *divided = (self.load(card(rows, k)).assign(features)[0] for rows in (everybody, *samples))
            found[k] = float(np.mean([adjusted_rand_score(own, other) for other in divided]))
        return found

    def load(self, parts: Parts) -> Card:
        """The card."""
        return Card(parts, where=self.name)


def resampled(groups: Groups, rng: np.random.Generator) -> NDArray[np.intp]:
    """Places of the rows of as many groups as there are, drawn with replacement: rows of one come together."""
    order = np.argsort(groups, kind="stable")
    names, first, n = np.unique(groups[order], return_index=True, return_counts=True)
    drawn = rng.integers(0, len(names), len(names))
    return np.concatenate([order[first[one] : first[one] + n[one]] for one in drawn.tolist()])


ESTIMATOR: Final = ValuePoints()
