"""The members of the blend: what each says of every item to one who has seen some."""

from collections.abc import Sequence
from typing import Final, Protocol

import numpy as np

from telltale.contract.estimator import Floats, Interactions, Ranker
from telltale.models.popular import popularity
from telltale.models.recommend.item_weights import SparseWeights

# How many items ago counts half, in `recent`.
_HALF: Final = 5.0
_RECENT: Final = 25
_TREND_DAYS: Final = 14.0


class Member(Protocol):
    """One way to score every item."""

    def __call__(self, past: Sequence[int], session: Sequence[int]) -> Floats:
        """A score for every item, shape (n items,), on any scale."""
        ...


def close_items(weights: SparseWeights) -> Member:
    """What all items seen say, each once and alike."""

    def score(past: Sequence[int], session: Sequence[int]) -> Floats:
        return weights.sums(sorted({*past, *session}))

    return score


def recent_items(weights: SparseWeights) -> Member:
    """What the last items seen say, the last one most."""

    def score(past: Sequence[int], session: Sequence[int]) -> Floats:
        last = list(dict.fromkeys(reversed((*past[-_RECENT:], *session))))[:_RECENT]
        return weights.sums(last, (0.5 ** (np.arange(len(last)) / _HALF)).tolist())

    return score


def ranked(ranker: Ranker) -> Member:
    """What a ranker says."""
    return ranker.score


def same_for_all(scores: Floats) -> Member:
    """One score of each item, whoever asks."""

    def score(past: Sequence[int], session: Sequence[int]) -> Floats:
        del past, session
        return scores

    return score


def trend_of(rows: Interactions) -> Floats:
    """The logarithm of how many took each item, those of two weeks before the end counting half."""
    return np.log1p(popularity(rows, half_life_days=_TREND_DAYS))
