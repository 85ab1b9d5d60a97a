"""The blend: what goes together, taste as vectors, what is recent, what is popular, and what one takes again, as the rows weigh them."""

from collections.abc import Mapping, Sequence
from typing import Final, final

import numpy as np
from msgspec.structs import replace

from telltale.contract.errors import BundleError
from telltale.contract.estimator import (
    Choice,
    Floats,
    Interactions,
    Parameter,
    Parameters,
    Parts,
    Ranker,
    Tell,
    Traits,
    silent,
)
from telltale.contract.kinds import Kind
from telltale.models.ials import FACTORS, SETTINGS, ItemFactors, factor_parts
from telltale.models.popular import popularity
from telltale.models.recommend.blend import standardised
from telltale.models.recommend.blend_fit import chosen_settings
from telltale.models.recommend.closeness import gram_matrices, weights_of
from telltale.models.recommend.factors import item_factors
from telltale.models.recommend.item_weights import SparseWeights, weight_parts
from telltale.models.recommend.members import Member, close_items, ranked, recent_items, same_for_all, trend_of
from telltale.models.recommend.repeats import rescore
from telltale.models.recommend.settings import Settings
from telltale.models.recommend.taken import most_taken
from telltale.models.sessions.index import MOST_ITEMS as LONGEST_VISIT
from telltale.models.stan import ESTIMATOR as STAN

# What members weigh beside visits like this one. On visits of a shop (Diginetica) 1e-4 put 58.5 % of next items among twenty, visits alone
# 56.2 %, and members alone 36.6 %.
_REST: Final = 1e-4
BLEND, AGAIN, POPULAR, TRENDING = "blend", "again", "popular", "trending"


@final
class Hybrid:
    """Score of an item: standardised scores of five members, added up; of an item had before, what that is worth besides.

    - `close`: EASE, on how many took both and on how close they stood in a history, with attributes as more users;
    - `recent`: the same weights, of the last items alone;
    - `taste`: iALS;
    - `popular`, `trending`: how many took it ever, and of late.

    In a visit, `stan` leads, and these order what it leaves open. A `session` of more than thirty items is a history.

    Weights, penalties, and what an item had before is worth (how often, how long ago) are chosen on rows left out of training: the
    latest, where enough people came before and after; else a fifth of each one's items. With too few rows for either they
    are those of `Settings()`.

    Not for: catalogues of which more than `max_items` items matter; the rest are known by taste and popularity alone.
    """

    name = "hybrid"
    kind: Kind = "rank"
    traits = Traits()
    defaults: Mapping[str, Parameter] = {"max_items": 5_000, "n_factors": 64, "n_weights": 400}
    search_space: Mapping[str, Choice] = {}
    grid: Mapping[str, tuple[Parameter, ...]] = {}
    check_parameters: Mapping[str, Parameter] = {"n_factors": 8}

    def fit(self, rows: Interactions, *, parameters: Parameters, seed: int, tell: Tell = silent) -> Parts:
        """Choose on what is left out, then fit on all; the seed draws what is left out, and the first vectors."""
        settings = chosen_settings(
            rows,
            lambda some, tried: Blend(_parts(some, tried, seed=seed)).members,
            Settings.of(parameters),
            seed=seed,
            tell=tell,
        )
        parts = _parts(rows, settings, seed=seed)
        visits = STAN.fit(rows, parameters=STAN.defaults, seed=seed, tell=tell)
        return replace(parts, arrays={**parts.arrays, **visits.arrays})

    def load(self, parts: Parts) -> "Blend":
        """A ranker from its arrays."""
        missing = sorted({BLEND, AGAIN, POPULAR, TRENDING, FACTORS, SETTINGS} - parts.arrays.keys())
        if missing:
            raise BundleError(f"the bundle lacks {missing}", where=self.name, mend="Train the version again.")
        return Blend(parts, visits=STAN.load(parts))


@final
class Blend:
    """The members, how much of each, what an item had before is worth, and visits, where they are known."""

    def __init__(self, parts: Parts, *, visits: Ranker | None = None) -> None:
        arrays = parts.arrays
        weights = SparseWeights.of(parts, where=Hybrid.name)
        settings = arrays[SETTINGS]
        self.members: tuple[Member, ...] = (
            close_items(weights),
            ranked(ItemFactors(arrays[FACTORS], unobserved=float(settings[0]), l2=float(settings[1]))),
            recent_items(weights),
            same_for_all(arrays[POPULAR].astype(np.float64)),
            same_for_all(arrays[TRENDING].astype(np.float64)),
        )
        n_items, blend = weights.n_items, arrays[BLEND].tolist()
        shapes = {arrays[name].shape[0] for name in (FACTORS, POPULAR, TRENDING)}
        if len(blend) != len(self.members) or shapes != {n_items}:
            raise BundleError("members that do not fit each other", where=Hybrid.name, mend="Train the version again.")
        self._own = [(weight, member) for weight, member in zip(blend[:3], self.members[:3], strict=True) if weight]
        # Whoever asks, these two say the same.
        self._base = sum(
            (weight * standardised(member((), ())) for weight, member in zip(blend[3:], self.members[3:], strict=True)),
            start=np.zeros(n_items),
        )
        self._trending = standardised(arrays[TRENDING].astype(np.float64))
        self._again: Floats = arrays[AGAIN].astype(np.float64)
        self._visits = visits

    def score(self, past: Sequence[int], session: Sequence[int] = ()) -> Floats:
        """A score for every item, shape (n items,)."""
        total = self._base.copy()
        if past or session:
            for weight, member in self._own:
                total += weight * standardised(member(past, session))
            rescore(total, [*past, *session], trending=self._trending, again=self._again)
        if self._visits is not None and 0 < len(session) <= LONGEST_VISIT:
            total *= _REST
            total += self._visits.score((), session)
        return total


def _parts(rows: Interactions, settings: Settings, *, seed: int) -> Parts:
    """Everything fitted, and how it is blended."""
    kept = most_taken(rows, settings.max_items)
    both, close = gram_matrices(rows, kept, memory=settings.memory)
    weights = weights_of((1 - settings.nearness) * both + settings.nearness * close, l2=settings.l2)
    items = weight_parts(weights, kept, n_items=rows.n_items, most=settings.n_weights)
    factors = factor_parts(item_factors(rows, settings.factors, seed=seed), settings.factors)
    counts = {
        POPULAR: np.log1p(popularity(rows, half_life_days=0.0)),
        TRENDING: trend_of(rows),
    }
    return Parts(
        arrays={
            **items.arrays,
            **factors.arrays,
            **counts,
            BLEND: np.array(settings.blend),
            AGAIN: np.array(settings.again),
            "l2": np.array([settings.l2]),
            "nearness": np.array([settings.nearness]),
            "memory": np.array([settings.memory]),
        }
    )


ESTIMATOR: Final = Hybrid()
