"""Popularity: what most have taken of late. The baseline that every order of items must beat, as a full citizen."""

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

_DAY_S = 86_400.0


@final
class Popular:
    """The same order for everybody: users per item, those of `half_life_days` before the last row counting half.

    With a half-life of 0, or rows without time, all count the same. A user counts once per item, by the latest row.

    Not for: telling one person from another.
    """

    name = "popular"
    kind: Kind = "rank"
    traits = Traits()
    defaults: Mapping[str, Parameter] = {"half_life_days": 30.0}
    search_space: Mapping[str, Choice] = {}
    grid: Mapping[str, tuple[Parameter, ...]] = {}
    expected_failures: Mapping[str, str] = {
        "check_strangers_get_what_is_popular": "who tells what they have seen gets the same order, and is told so"
    }

    def fit(
        self,
        rows: Interactions,
        *,
        parameters: Parameters,
        seed: int,
        tell: Tell = silent,  # noqa: ARG002 - done before there is anything to tell
    ) -> Parts:
        """Count; nothing is random."""
        del seed
        return Parts(arrays={"popularity": popularity(rows, half_life_days=float(parameters["half_life_days"]))})

    def load(self, parts: Parts) -> "SameForAll":
        """A ranker from its array."""
        if "popularity" not in parts.arrays:
            raise BundleError("the bundle has no popularity", where=self.name, mend="Train the version again.")
        return SameForAll(parts.arrays["popularity"])


@final
class SameForAll:
    """One order, whoever asks."""

    def __init__(self, popularity: Floats) -> None:
        self._popularity = popularity

    def score(self, past: Sequence[int], session: Sequence[int] = ()) -> Floats:
        """A score for every item."""
        del past, session
        return self._popularity.copy()


def popularity(rows: Interactions, *, half_life_days: float) -> Floats:
    """Users per item, shape (n items,), each weighed by how long ago; see `Popular`."""
    pairs = rows.users * rows.n_items + rows.items
    different, where = np.unique(pairs, return_inverse=True)
    latest = np.full(len(different), -np.inf)
    np.maximum.at(latest, where, rows.times_s)
    weights = np.ones(len(different))
    if half_life_days > 0 and len(latest):
        weights = 0.5 ** ((latest.max() - latest) / (half_life_days * _DAY_S))
    return np.bincount(different % rows.n_items, weights=weights, minlength=rows.n_items).astype(np.float64)


ESTIMATOR: Final = Popular()
