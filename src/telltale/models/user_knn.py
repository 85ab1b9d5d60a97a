"""User-kNN: people who took the same items; what those took is offered."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, final

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
from telltale.models.recommend.taken import Whole, pairs

_ARRAYS: Final = ("of_users", "of_users_starts", "n_items", "neighbours")


@final
class UserKnn:
    """Score of an item: how like the nearest people are who took it, summed.

    Likeness is the cosine of who took what. The training users come with the version, the `max_users` of them with the latest rows;
    one who asks is compared by what they have seen, and may be one of them.

    Not for: many users and little time: each answer reads who took each item seen.

    References:
        Herlocker, Konstan, Borchers & Riedl, "An algorithmic framework for performing collaborative filtering", SIGIR 1999.
    """

    name = "user_knn"
    kind: Kind = "rank"
    traits = Traits()
    defaults: Mapping[str, Parameter] = {"neighbours": 100, "max_users": 20_000}
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
        """Who took what; nothing is random."""
        del seed
        users, items = pairs(rows)
        latest = np.full(rows.n_users, -np.inf)
        np.maximum.at(latest, rows.users, rows.times_s)
        kept = np.sort(np.lexsort((np.arange(rows.n_users), -latest))[: int(parameters["max_users"])])
        here = np.isin(users, kept)
        counts = np.bincount(users[here], minlength=rows.n_users)[kept]
        return Parts(
            arrays={
                "of_users": items[here].astype(np.int32),
                "of_users_starts": np.cumsum([0, *counts], dtype=np.int64),
                "n_items": np.array([rows.n_items], dtype=np.int64),
                "neighbours": np.array([int(parameters["neighbours"])], dtype=np.int64),
            }
        )

    def load(self, parts: Parts) -> "Neighbourhood":
        """A ranker from its arrays."""
        missing = sorted(set(_ARRAYS) - parts.arrays.keys())
        if missing:
            raise BundleError(f"the bundle lacks {missing}", where=self.name, mend="Train the version again.")
        items, starts, n_items, neighbours = (parts.arrays[name] for name in _ARRAYS)
        if starts[-1] != len(items):
            raise BundleError("users' items of another shape", where=self.name, mend="Train the version again.")
        return Neighbourhood(items.astype(np.int64), starts, n_items=int(n_items[0]), neighbours=int(neighbours[0]))


@final
class Neighbourhood:
    """Who took what, by user and by item."""

    def __init__(self, items: Whole, starts: Whole, *, n_items: int, neighbours: int) -> None:
        self._items, self._starts = items, starts
        self._n_items, self._neighbours = n_items, neighbours
        self._sizes = np.diff(starts).astype(np.float64)
        users = np.repeat(np.arange(len(self._sizes)), np.diff(starts))
        order = np.lexsort((users, items))
        self._users_of: Any = users[order]
        self._item_starts: list[int] = np.searchsorted(items[order], np.arange(n_items + 1)).tolist()

    def score(self, past: Sequence[int], session: Sequence[int] = ()) -> Floats:
        """A score for every item, shape (n items,); 0 where nobody is alike."""
        seen = sorted({*past, *session})
        starts = self._item_starts
        alike = [self._users_of[starts[item] : starts[item + 1]] for item in seen]
        if not sum(map(len, alike)):
            return np.zeros(self._n_items)
        common = np.bincount(np.concatenate(alike), minlength=len(self._sizes))
        users = np.flatnonzero(common)
        likeness = common[users] / np.sqrt(self._sizes[users] * len(seen))
        if len(users) > self._neighbours:
            # Of equal ones the first, so that the same question has the same answer.
            nearest = np.lexsort((users, -likeness))[: self._neighbours]
            users, likeness = users[nearest], likeness[nearest]
        spans = [slice(self._starts[user], self._starts[user + 1]) for user in users.tolist()]
        items = np.concatenate([self._items[span] for span in spans])
        shares = np.repeat(likeness, [int(span.stop - span.start) for span in spans])
        return np.bincount(items, weights=shares, minlength=self._n_items).astype(np.float64, copy=False)


ESTIMATOR: Final = UserKnn()
