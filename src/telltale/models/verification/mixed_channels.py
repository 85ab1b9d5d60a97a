"""Which kinds of acts, and which pairs of kinds, are looked at apart, and how closely."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from telltale.contract.sequence import TimedSequence
from telltale.models.verification.sequence import MOST_KINDS

FULL_SHARE: Final = 0.1  # of all acts: a channel seen as often is described in full
LEAST_SHARE: Final = 0.015  # a pair seen less often has no channel of its own


class Channels(msgspec.Struct, frozen=True, kw_only=True):
    """The channel of each kind and of each pair of kinds; the last channel is of all that have none of their own.

    Args:
        kinds: shape (16,).
        pairs: shape (16, 16), the earlier kind first.
        kinds_full, pairs_full: shape (n channels,): whether it is described in full.
    """

    kinds: NDArray[np.int64]
    pairs: NDArray[np.int64]
    kinds_full: NDArray[np.bool_]
    pairs_full: NDArray[np.bool_]

    @property
    def n_kinds(self) -> int:
        """How many channels kinds have."""
        return len(self.kinds_full)

    @property
    def n_pairs(self) -> int:
        """How many channels pairs have."""
        return len(self.pairs_full)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """As arrays that can be stored."""
        return {
            "kinds": self.kinds.astype(np.uint8),
            "pairs": self.pairs.astype(np.uint8),
            "kinds_full": self.kinds_full.astype(np.uint8),
            "pairs_full": self.pairs_full.astype(np.uint8),
        }


def read_channels(arrays: Mapping[str, NDArray[Any]]) -> Channels:
    """The channels of stored arrays."""
    return Channels(
        kinds=arrays["kinds"].astype(np.int64),
        pairs=arrays["pairs"].astype(np.int64),
        kinds_full=arrays["kinds_full"] > 0,
        pairs_full=arrays["pairs_full"] > 0,
    )


def channels_of(sequences: Sequence[TimedSequence]) -> Channels:
    """A channel for each kind seen and for each frequent pair, and one for the rest of either."""
    kinds = np.zeros(MOST_KINDS)
    pairs = np.zeros((MOST_KINDS, MOST_KINDS))
    for one in sequences:
        kinds += np.bincount(one.kinds, minlength=MOST_KINDS)
        np.add.at(pairs, (one.kinds[:-1], one.kinds[1:]), 1.0)
    kind_places, kinds_full = _places(kinds, least=0.0)
    pair_places, pairs_full = _places(pairs, least=LEAST_SHARE)
    return Channels(kinds=kind_places, pairs=pair_places, kinds_full=kinds_full, pairs_full=pairs_full)


def _places(counts: NDArray[np.float64], *, least: float) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    shares = counts / max(counts.sum(), 1.0)
    has_own = (shares >= least) & (shares > 0)
    places = np.full(shares.shape, has_own.sum(), dtype=np.int64)
    places[has_own] = np.arange(has_own.sum())
    return places, np.append(shares[has_own] >= FULL_SHARE, False)
