"""Rows left out of training to choose by: the latest, where enough people are on both sides of the cut; else a random fifth."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from telltale.contract.estimator import Interactions
from telltale.models.recommend.taken import Whole, histories, only, pairs

_LATEST: Final = 0.1  # of the rows
_RANDOM: Final = 0.2  # of each user's items
_LEAST_ITEMS: Final = 5
_LEAST_USERS: Final = 100
_LEAST_SHARE: Final = 0.15  # of all users


@dataclass(frozen=True)
class LeftOut:
    """Rows to fit on, and people to choose by.

    `past` has each one's items in what is fitted on, oldest first; `wanted` those they took in what was left out. `is_latest` says
    that what was left out is what came last; else it is drawn.
    """

    rows: Interactions
    past: list[list[int]]
    wanted: list[Whole]
    is_latest: bool


def leave_out(rows: Interactions, *, seed: int, most_users: int) -> LeftOut | None:
    """The latest tenth of all rows; a fifth of each user's items where few people have rows before and after. None: too little.

    What comes next is what an order is for, so that is chosen by where it can be. A set with few people at a time cannot say: a
    handful of them would choose by chance.
    """
    rng = np.random.default_rng(seed)
    return _latest(rows, rng, most_users) or _drawn(rows, rng, most_users)


def _latest(rows: Interactions, rng: np.random.Generator, most_users: int) -> LeftOut | None:
    if not len(rows.times_s) or rows.times_s.min() == rows.times_s.max():
        return None
    is_out = rows.times_s >= np.quantile(rows.times_s, 1.0 - _LATEST)
    both = np.intersect1d(rows.users[is_out], rows.users[~is_out])
    if len(both) < max(_LEAST_USERS, _LEAST_SHARE * rows.n_users):
        return None
    return _of(rows, is_out, np.sort(rng.permutation(both)[:most_users]), is_latest=True)


def _drawn(rows: Interactions, rng: np.random.Generator, most_users: int) -> LeftOut | None:
    users, items = pairs(rows)
    enough = np.flatnonzero(np.bincount(users, minlength=rows.n_users) >= _LEAST_ITEMS)
    judged = np.sort(rng.permutation(enough)[:most_users])
    is_out = (rng.random(len(users)) < _RANDOM) & np.isin(users, judged)
    if not is_out.any():
        return None
    out = np.isin(rows.users * rows.n_items + rows.items, users[is_out] * rows.n_items + items[is_out])
    return _of(rows, out, np.intersect1d(judged, users[is_out]), is_latest=False)


def _of(rows: Interactions, is_out: NDArray[np.bool_], users: Whole, *, is_latest: bool) -> LeftOut:
    fitted, out = only(rows, ~is_out), only(rows, is_out)
    return LeftOut(
        rows=fitted,
        past=histories(fitted, users),
        wanted=[np.unique(np.array(items, dtype=np.int64)) for items in histories(out, users)],
        is_latest=is_latest,
    )
