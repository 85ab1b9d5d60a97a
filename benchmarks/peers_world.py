"""Requests to peers, made up: what each would have taken with every peer, so that what another choice costs is known."""

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

Setting = Literal["stationary", "drifting", "churning", "crowded"]
SETTINGS: Final[tuple[Setting, ...]] = ("stationary", "drifting", "churning", "crowded")

TIME_OUT_MS: Final = 2_000.0
REQUESTS_PER_S: Final = 50.0
_N_PRESENT = 12
# Of a peer's own: the way to it (ms), its bandwidth (1e6 bytes per s), the share it fails, what the network's load adds.
_WAY, _RATE, _FAILS, _STRAIN = (3.6, 0.6), (1.0, 0.6), (-6.0, 1.2), (0.3, 2.5)
_NOISE = 0.4  # standard deviation of the logarithm
_STALL, _STALL_TAIL = 0.01, 1.5  # share of requests that stall, and the exponent of how much longer they take
_CHANGE_EVERY = 1_500  # requests between two changes of one peer, on average
_TROUBLE, _TROUBLE_SLOW, _TROUBLE_FAILS = 0.4, (3.0, 8.0), 0.1  # share of changes that are trouble, and what it is
_WALK = 0.01  # standard deviation of a step of the slow drift, in logarithms
_LIVES = 1_500  # requests that a peer stays, on average

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class World:
    """n requests, K peers.

    Args:
        times_s: shape (n,), when each is made.
        contexts: shape (n, 3): log10 of the block's bytes, share of the day, load of the network.
        present: shape (n, K), who is there; a peer that has left does not come back.
        expected_ms: shape (n, K), what a request takes on average; one that fails takes the time-out.
        taken_ms: shape (n, K), what it takes this time; the time-out where it fails.
        busy_ms: shape (n, K), for how long it occupies the peer, which sends one block after another; None where peers never
            are too busy.
    """

    times_s: Floats
    contexts: Floats
    present: NDArray[np.bool_]
    expected_ms: Floats
    taken_ms: Floats
    busy_ms: Floats | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """Of the peers."""
        return tuple(f"peer-{number:03d}" for number in range(self.present.shape[1]))

    @property
    def best_ms(self) -> Floats:
        """What the best peer that is there is expected to take, shape (n,)."""
        best: Floats = np.where(self.present, self.expected_ms, np.inf).min(axis=1)
        return best


def make_world(setting: Setting, *, n: int, seed: int) -> World:
    """Requests under one setting.

    Stationary: twelve peers that stay as they are. Drifting: each wanders slowly, and now and then is another than before,
    or in trouble (three to eight times as slow, and failing). Churning: each stays for a while, and another comes in its place.
    Crowded: they stay as they are, but each sends one block after another, and what all ask of the best is more than it can
    send: here the choices of one moment decide what those of the next take.
    """
    rng = np.random.default_rng([seed, SETTINGS.index(setting)])
    times_s = np.cumsum(rng.exponential(1.0 / REQUESTS_PER_S, n))
    size, load = rng.uniform(3.0, 6.0, n), rng.beta(2, 4, n)
    contexts = np.column_stack([size, times_s / 86_400.0 % 1.0, load])
    present = _lives(rng, n) if setting == "churning" else np.ones((n, _N_PRESENT), dtype=np.bool_)
    k = present.shape[1]
    way, rate, fails = _natures(rng, n, k) if setting == "drifting" else _still(rng, n, k)
    strain = rng.uniform(*_STRAIN, k)
    sending = 10.0 ** size[:, None] / (1e3 * rate)
    usual = (way + sending) * (1.0 + strain * load[:, None])
    noise = np.exp(_NOISE * rng.normal(size=(n, k)))
    noise *= np.where(rng.random((n, k)) < _STALL, 1.0 + 4.0 * (1.0 + rng.pareto(_STALL_TAIL, (n, k))), 1.0)
    failed = rng.random((n, k)) < fails
    return World(
        times_s=times_s,
        contexts=contexts,
        present=present,
        expected_ms=(1.0 - fails) * _expected(usual) + fails * TIME_OUT_MS,
        taken_ms=np.where(failed, TIME_OUT_MS, np.minimum(usual * noise, TIME_OUT_MS)),
        busy_ms=sending if setting == "crowded" else None,
    )


def _expected(usual: Floats) -> Floats:
    """The mean of what it takes, cut at the time-out, by a table of the noise over the logarithm of the usual time."""
    rng = np.random.default_rng(0)
    n = 200_000
    noise = np.exp(_NOISE * rng.normal(size=n))
    noise *= np.where(rng.random(n) < _STALL, 1.0 + 4.0 * (1.0 + rng.pareto(_STALL_TAIL, n)), 1.0)
    grid = np.linspace(np.log(usual.min()), np.log(usual.max()), 64)
    means = [float(np.minimum(np.exp(at) * noise, TIME_OUT_MS).mean()) for at in grid]
    return np.exp(np.interp(np.log(usual), grid, np.log(means)))


def _still(rng: np.random.Generator, n: int, k: int) -> tuple[Floats, Floats, Floats]:
    way, rate = np.exp(rng.normal(*_WAY, k)), np.exp(rng.normal(*_RATE, k))
    fails = np.minimum(np.exp(rng.normal(*_FAILS, k)), 0.2)
    shape = (n, k)
    return np.broadcast_to(way, shape), np.broadcast_to(rate, shape), np.broadcast_to(fails, shape)


def _natures(rng: np.random.Generator, n: int, k: int) -> tuple[Floats, Floats, Floats]:
    """What each peer is like at each request, where that changes."""
    way, rate, fails = (np.empty((n, k)) for _ in range(3))
    for peer in range(k):
        changes = np.flatnonzero(rng.random(n) < 1.0 / _CHANGE_EVERY)
        for start, end in zip([0, *changes], [*changes, n], strict=True):
            slow = rng.uniform(*_TROUBLE_SLOW) if start and rng.random() < _TROUBLE else 1.0
            way[start:end, peer] = slow * np.exp(rng.normal(*_WAY))
            rate[start:end, peer] = np.exp(rng.normal(*_RATE)) / slow
            fails[start:end, peer] = min(np.exp(rng.normal(*_FAILS)), 0.2) + (_TROUBLE_FAILS if slow > 1.0 else 0.0)
    wander = np.exp(np.cumsum(_WALK * rng.normal(size=(n, k)), axis=0))
    return way * wander, rate / wander, fails


def _lives(rng: np.random.Generator, n: int) -> NDArray[np.bool_]:
    """Twelve places; when a peer leaves one, another takes it."""
    columns = []
    for _ in range(_N_PRESENT):
        start = 0
        while start < n:
            end = start + 1 + int(rng.exponential(_LIVES))
            column = np.zeros(n, dtype=np.bool_)
            column[start:end] = True
            columns.append(column)
            start = end
    return np.column_stack(columns)
