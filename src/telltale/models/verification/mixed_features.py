"""Any sequences as rows of numbers: how acts of each kind, and of each pair of kinds, are timed.

A *channel* is a kind of act, or a pair of kinds that follow each other. Three times are read: how long an act lasted (by
kind), and from begin to begin and from end to begin (by pair; the latter negative where acts overlap). Of each, in each
channel, the row has means of hat functions over fixed knots (the shape of the distribution, whatever it is) and quantiles
(where it lies); at its end, the share of each kind. A value of `n` acts varies as 1/n, nearly: so each has its count.
"""

from collections.abc import Sequence
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from telltale.contract.sequence import TimedSequence
from telltale.models.verification.mixed_channels import Channels

Rows = NDArray[np.float64]
Places = NDArray[np.int64]

_GAP_MS: Final = 60.0  # below it a gap counts as it is, far above it by its logarithm
_APART: Final = 64.0  # more than the transformed times are


class _Look(msgspec.Struct, frozen=True):
    """How closely a time is looked at: knots of its hats, in its own unit, and shares of its quantiles."""

    knots: tuple[float, ...]
    shares: tuple[float, ...]


class _Time(msgspec.Struct, frozen=True, kw_only=True):
    """A time, and how it is described.

    Args:
        full, brief: in a channel that is described in full, and in another.
        hats, quantiles: the usual variance of one act's.
    """

    full: _Look
    brief: _Look
    quantiles: float
    hats: float = 0.09


def _logs(*ms: float) -> tuple[float, ...]:
    return tuple(np.log(ms).tolist())


def _bent(*ms: float) -> tuple[float, ...]:
    return tuple(np.arcsinh(np.array(ms) / _GAP_MS).tolist())


_FIVE: Final = (0.1, 0.25, 0.5, 0.75, 0.9)
_LASTED: Final = _Time(
    full=_Look(_logs(50.0, 80.0, 110.0, 150.0, 220.0), _FIVE),
    brief=_Look(_logs(60.0, 100.0, 150.0, 220.0), (0.5,)),
    quantiles=0.2,
)
_SINCE: Final = _Time(
    full=_Look(_logs(70.0, 120.0, 190.0, 350.0, 1_000.0), _FIVE),
    brief=_Look(_logs(100.0, 250.0, 700.0), (0.5,)),
    quantiles=0.5,
)
_GAP: Final = _Time(
    full=_Look(_bent(-100.0, -20.0, 45.0, 130.0, 400.0), _FIVE),
    brief=_Look(_bent(-40.0, 40.0, 200.0), ()),
    quantiles=1.5,
)
_SHARES_VARIANCE: Final = 0.1


class Described(msgspec.Struct, frozen=True, kw_only=True):
    """Sequences as rows.

    Args:
        values: shape (n, f); 0 where nothing was seen.
        counts: shape (n, f), >= 0: of how many acts each value is.
    """

    values: Rows
    counts: Rows


class Layout:
    """Which value of a row is what, for some channels."""

    def __init__(self, channels: Channels) -> None:
        self.channels = channels
        self._lasted = _Grid(_LASTED, channels.kinds_full)
        self._since = _Grid(_SINCE, channels.pairs_full)
        self._gap = _Grid(_GAP, channels.pairs_full)
        self.n_shares = channels.n_kinds
        self.usual: Rows = np.concatenate(
            [self._lasted.usual, self._since.usual, self._gap.usual, np.full(self.n_shares, _SHARES_VARIANCE)]
        )  # what one act's values usually vary by, shape (f,): for want of anything better

    def describe(self, sequences: Sequence[TimedSequence]) -> Described:
        """A row per sequence; the shares of kinds are its last `n_shares`."""
        n, channels = len(sequences), self.channels
        owner = np.repeat(np.arange(n), [len(one) for one in sequences])
        kinds = np.concatenate([one.kinds for one in sequences])
        lasted_ms = np.concatenate([one.lasted_ms for one in sequences]).astype(np.float64)
        since_ms = np.concatenate([one.since_ms for one in sequences]).astype(np.float64)[1:]
        follows = owner[1:] == owner[:-1]
        kind, pair = channels.kinds[kinds], channels.pairs[kinds[:-1], kinds[1:]][follows]
        follower = owner[1:][follows]
        n_kinds, n_pairs = _counts(kind, owner, n, channels.n_kinds), _counts(pair, follower, n, channels.n_pairs)
        gap_ms = np.maximum(since_ms - lasted_ms[:-1], -300.0)[follows]
        lasted = np.log(np.clip(lasted_ms, 10.0, 1_000.0))
        since = np.log(np.clip(since_ms[follows], 10.0, 5_000.0))
        n_acts = np.broadcast_to(n_kinds.sum(axis=1, keepdims=True), n_kinds.shape)
        parts = [
            *self._lasted.values(lasted, kind, owner, n_kinds),
            *self._since.values(since, pair, follower, n_pairs),
            *self._gap.values(np.arcsinh(np.minimum(gap_ms, 5_000.0) / _GAP_MS), pair, follower, n_pairs),
            n_kinds / np.maximum(n_acts, 1.0),
        ]
        seen = [*self._lasted.counts(n_kinds), *self._since.counts(n_pairs), *self._gap.counts(n_pairs), n_acts]
        return Described(values=np.concatenate(parts, axis=1), counts=np.concatenate(seen, axis=1))


class _Grid:
    """Hats and quantiles of a time in its channels, all in one pass.

    The knots of all channels lie behind one another in slots: a time's slot is where its channel's begin, and its place
    among them.
    """

    def __init__(self, time: _Time, full: NDArray[np.bool_]) -> None:
        looks = [time.full if is_full else time.brief for is_full in full]
        sizes = np.array([len(look.knots) for look in looks])
        self._first = np.cumsum(sizes) - sizes
        self._n_slots = int(sizes.sum())
        self._knots = np.concatenate([np.array(look.knots) + _APART * at for at, look in enumerate(looks)])
        self._widths = np.append(np.diff(self._knots), 1.0)
        self._low, self._high = self._knots[self._first], self._knots[self._first + sizes - 1]
        # The first hat of a channel is one less the others.
        self._hats = np.delete(np.arange(self._n_slots), self._first)
        self._of_hats = np.repeat(np.arange(len(looks)), sizes)[self._hats]
        self._of_quantiles = np.repeat(np.arange(len(looks)), [len(look.shares) for look in looks])
        self._shares = np.array([share for look in looks for share in look.shares])
        self.usual: Rows = np.repeat([time.hats, time.quantiles], [len(self._of_hats), len(self._of_quantiles)])

    def counts(self, seen: Rows) -> tuple[Rows, Rows]:
        """Of how many acts each value is, from those of each channel, shape (n, n channels)."""
        return seen[:, self._of_hats], seen[:, self._of_quantiles]

    def values(self, times: Rows, channel: Places, owner: Places, seen: Rows) -> tuple[Rows, Rows]:
        """Hats and quantiles of each sequence, shapes (n, hats) and (n, quantiles)."""
        n = len(seen)
        held = np.clip(times + _APART * channel, self._low[channel], self._high[channel])
        # A time at its channel's last knot is put before it, with all weight on it.
        place = np.searchsorted(self._knots, held, side="left") - 1
        place = np.maximum(place, self._first[channel])
        weight = (held - self._knots[place]) / self._widths[place]
        at = owner * self._n_slots + place
        sums = np.bincount(at, 1.0 - weight, n * self._n_slots + 1) + np.bincount(at + 1, weight, n * self._n_slots + 1)
        hats = sums[:-1].reshape(n, -1)[:, self._hats] / np.maximum(seen[:, self._of_hats], 1.0)
        return hats, self._quantiles(times, channel, owner, seen)

    def _quantiles(self, times: Rows, channel: Places, owner: Places, seen: Rows) -> Rows:
        """Between the two nearest of the ordered times; 0 where there is none."""
        if not len(times):
            return np.zeros((len(seen), len(self._shares)))
        n_channels = seen.shape[1]
        ordered = np.sort(times + _APART * (owner * n_channels + channel))
        starts = (np.cumsum(seen) - seen.ravel()).reshape(seen.shape)[:, self._of_quantiles]
        count = seen[:, self._of_quantiles]
        last = np.maximum(count - 1.0, 0.0)
        at = self._shares * last
        low = np.floor(at)
        below = np.minimum(starts + low, len(ordered) - 1).astype(np.int64)
        above = np.minimum(starts + np.minimum(low + 1.0, last), len(ordered) - 1).astype(np.int64)
        cells = np.arange(len(seen))[:, None] * n_channels + self._of_quantiles
        found = ordered[below] + (at - low) * (ordered[above] - ordered[below]) - _APART * cells
        return np.where(count > 0, found, 0.0)


def _counts(channel: Places, owner: Places, n: int, n_channels: int) -> Rows:
    return np.bincount(owner * n_channels + channel, minlength=n * n_channels).astype(np.float64).reshape(n, -1)
