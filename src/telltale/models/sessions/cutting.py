"""Visits from the rows of users: cut where nothing happened for a while."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from telltale.contract.estimator import Floats, Interactions

_DAY_S: Final = 86_400.0


@dataclass(frozen=True)
class Visits:
    """Visits in the order in which they ended, oldest first; see `cut_visits`.

    Args:
        items: of all visits one after another, oldest first within each, shape (n rows,).
        starts: where each visit begins, and where the last one ends, shape (n visits + 1,).
        ages_days: how long before the newest visit each one ended, shape (n visits,); 0 where time is not known.
    """

    items: NDArray[np.int64]
    starts: NDArray[np.int64]
    ages_days: Floats

    def __len__(self) -> int:
        return len(self.ages_days)

    def of(self, number: int) -> NDArray[np.int64]:
        """The items of one visit, oldest first."""
        return self.items[self.starts[number] : self.starts[number + 1]]

    def part(self, first: int, last: int) -> "Visits":
        """The visits from one up to before another; ages stay what they are."""
        begins = self.starts[first : last + 1]
        return Visits(self.items[begins[0] : begins[-1]], begins - begins[0], self.ages_days[first:last])


def cut_visits(rows: Interactions, *, gap_s: float, most_items: int) -> Visits:
    """The visits that rows were made in.

    A user's rows belong to one visit as long as none comes more than `gap_s` after the one before it. Where no row has a time,
    all rows of a user are one visit. Of a long visit the last `most_items` rows are kept.
    """
    n = len(rows.users)
    if n == 0:
        return Visits(np.zeros(0, dtype=np.int64), np.zeros(1, dtype=np.int64), np.zeros(0))
    begins = np.ones(n, dtype=np.bool_)
    begins[1:] = (rows.users[1:] != rows.users[:-1]) | (np.diff(rows.times_s) > gap_s)
    first = np.flatnonzero(begins)
    after = np.append(first[1:], n)
    ends_s = rows.times_s[after - 1]
    # Of visits that ended together, as all did where there is no time, the order of users stays.
    order = np.argsort(ends_s, kind="stable")
    first, after, ends_s = np.maximum(first, after - most_items)[order], after[order], ends_s[order]
    lengths = after - first
    starts = np.concatenate(([0], np.cumsum(lengths)))
    places = np.repeat(first - starts[:-1], lengths) + np.arange(starts[-1])
    return Visits(rows.items[places], starts, (ends_s[-1] - ends_s) / _DAY_S)
