"""Weights of a blend, chosen on what was left out: standardised scores of several members, added up."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from telltale.contract.estimator import Floats
from telltale.models.recommend.taken import Whole

_TOP: Final = 10
_DISCOUNT: Final = 1.0 / np.log2(np.arange(2, _TOP + 2))
# What is not better by such a share is not taken: it would be chosen by chance.
_CLEARLY: Final = 0.002
_ERRORS: Final = 0.25
_ROUNDS: Final = 3
_EQUAL: Final = 1e-12  # but for rounding

Flags = NDArray[np.bool_]


def standardised(scores: Floats) -> Floats:
    """Scores with mean 0 and standard deviation 1 over all items; all 0 where they are one."""
    apart = scores - scores.mean()
    spread = float(np.sqrt(apart @ apart / len(apart)))
    if spread <= _EQUAL:
        return np.zeros(len(scores))
    apart /= spread
    return np.asarray(apart)


@dataclass(frozen=True)
class Judged:
    """Whom scores are judged by: their items, and what each wanted, as flags of the shape (n users, n items)."""

    wanted: Flags
    barred: Flags

    @classmethod
    def of(cls, past: Sequence[Sequence[int]], wanted: Sequence[Whole], *, n_items: int, again: bool) -> "Judged":
        """With `again` items had before may be listed and wanted; else neither."""
        flags = np.zeros((len(past), n_items), dtype=np.bool_)
        barred = np.zeros_like(flags)
        for line, (own, items) in enumerate(zip(past, wanted, strict=True)):
            flags[line, items] = True
            if not again:
                barred[line, list(own)] = True
        return cls(flags & ~barred, barred)

    @property
    def n(self) -> int:
        """How many want something."""
        return int(self.wanted.any(axis=1).sum())

    def ndcg(self, scores: NDArray[np.floating]) -> float:
        """Mean NDCG at 10 of those who want something; 0 where nobody does."""
        found = self.by_user(scores)
        return float(found.mean()) if len(found) else 0.0

    def by_user(self, scores: NDArray[np.floating]) -> Floats:
        """NDCG at 10 of each who wants something, shape (`self.n`,)."""
        there = self.wanted.any(axis=1)
        open_scores = np.where(self.barred[there], -np.inf, scores[there])
        n = min(_TOP, open_scores.shape[1])
        best = np.argpartition(-open_scores, n - 1, axis=1)[:, :n]
        order = np.argsort(-np.take_along_axis(open_scores, best, axis=1), axis=1, kind="stable")
        top = np.take_along_axis(best, order, axis=1)
        gained = np.take_along_axis(self.wanted[there], top, axis=1) @ _DISCOUNT[:n]
        ideal = np.cumsum(_DISCOUNT[:n])[np.minimum(self.wanted[there].sum(axis=1), n) - 1]
        return np.asarray(gained / ideal)


def is_clearly_better(found: Floats, best: Floats) -> bool:
    """Whether a mean over the same users is higher by `_CLEARLY`, and by some of the standard error of the differences.

    A quarter of it: with a whole one nothing moved on orders of a shop, where another start was a tenth better.
    """
    gains = found - best
    error = float(gains.std()) / math.sqrt(len(gains))
    return float(gains.mean()) > max(_CLEARLY * float(best.mean()), _ERRORS * error)


def climb(
    start: Sequence[float], choices: Sequence[Sequence[float]], figures: Callable[[Sequence[float]], Floats]
) -> tuple[list[float], float]:
    """From a start, one number after another is moved to what is clearly better, until none is; and the mean of what that gives.

    Args:
        start: the numbers to begin with.
        choices: for each of them, what it may be.
        figures: of each user with such numbers, higher is better, shape (n users,).
    """
    tried_before: dict[tuple[float, ...], Floats] = {}

    def figures_of(numbers: Sequence[float]) -> Floats:
        key = tuple(numbers)
        if key not in tried_before:
            tried_before[key] = figures(numbers)
        return tried_before[key]

    now = list(start)
    best = figures_of(now)
    for _ in range(_ROUNDS):
        before = list(now)
        for place, values in enumerate(choices):
            for value in values:
                if value == now[place]:
                    continue
                tried = [*now[:place], value, *now[place + 1 :]]
                found = figures_of(tried)
                if is_clearly_better(found, best):
                    now, best = tried, found
        if now == before:
            break
    return now, float(best.mean())
