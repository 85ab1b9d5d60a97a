"""iALS: a vector for each item by alternating least squares; one who asks is folded in, known from training or not."""

from collections.abc import Mapping, Sequence
from typing import Final, final

import numpy as np

from telltale.contract.errors import BundleError
from telltale.contract.estimator import (
    Choice,
    Floats,
    Interactions,
    Parameter,
    Parameters,
    Parts,
    Tell,
    Traits,
    silent,
)
from telltale.contract.kinds import Kind
from telltale.models.recommend.factors import Factorising, folded_in, item_factors, squares

FACTORS, SETTINGS = "factors", "factor_settings"


@final
class Ials:
    """Score of an item: its vector times that of whoever asks, which is solved of the items they have seen.

    Not for: the order within a session, and items that nobody has taken, which all score 0.

    References:
        see `telltale.models.recommend.factors`.
    """

    name = "ials"
    kind: Kind = "rank"
    traits = Traits()
    defaults: Mapping[str, Parameter] = {"n_factors": 64, "unobserved": 0.1, "l2": 0.03, "n_epochs": 10}
    search_space: Mapping[str, Choice] = {}
    grid: Mapping[str, tuple[Parameter, ...]] = {}

    def fit(
        self,
        rows: Interactions,
        *,
        parameters: Parameters,
        seed: int,
        tell: Tell = silent,  # noqa: ARG002 - done before there is anything to tell
    ) -> Parts:
        """Vectors of the items; the seed draws the first ones."""
        how = Factorising(
            n_factors=int(parameters["n_factors"]),
            unobserved=float(parameters["unobserved"]),
            l2=float(parameters["l2"]),
            n_epochs=int(parameters["n_epochs"]),
        )
        return factor_parts(item_factors(rows, how, seed=seed), how)

    def load(self, parts: Parts) -> "ItemFactors":
        """A ranker from its arrays."""
        if not {FACTORS, SETTINGS} <= parts.arrays.keys():
            raise BundleError("the bundle has no vectors of items", where=self.name, mend="Train the version again.")
        factors, settings = parts.arrays[FACTORS], parts.arrays[SETTINGS]
        if factors.ndim != 2 or settings.shape != (2,):
            raise BundleError("vectors of items of another shape", where=self.name, mend="Train the version again.")
        return ItemFactors(factors, unobserved=float(settings[0]), l2=float(settings[1]))


@final
class ItemFactors:
    """Items' vectors, and what they say together of whoever asks."""

    def __init__(self, factors: Floats, *, unobserved: float, l2: float) -> None:
        self._factors = np.ascontiguousarray(factors, dtype=np.float32)
        wide = self._factors.astype(np.float64)
        self._unobserved, self._l2 = unobserved, l2
        how = Factorising(n_factors=wide.shape[1], unobserved=unobserved, l2=l2, n_epochs=0)
        self._of_all = squares(wide, how)

    def score(self, past: Sequence[int], session: Sequence[int] = ()) -> Floats:
        """A score for every item, shape (n items,); 0 where nothing is seen."""
        seen = np.unique(np.array([*past, *session], dtype=np.int64))
        if not len(seen):
            return np.zeros(len(self._factors))
        vector = folded_in(
            self._factors[seen].astype(np.float64),
            self._of_all,
            n_items=len(self._factors),
            unobserved=self._unobserved,
            l2=self._l2,
        )
        return np.asarray(self._factors @ vector.astype(np.float32), dtype=np.float64)


def factor_parts(factors: Floats, how: Factorising) -> Parts:
    """What `ItemFactors` is made of."""
    return Parts(arrays={FACTORS: factors.astype(np.float32), SETTINGS: np.array([how.unobserved, how.l2])})


ESTIMATOR: Final = Ials()
