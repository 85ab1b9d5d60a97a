"""Ways to choose a peer that others use: each sees who is there, and later what came of its choices."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from benchmarks.peers_world import TIME_OUT_MS

Floats = NDArray[np.float64]
Present = NDArray[np.int64]


class Chooser(Protocol):
    """Something that chooses a peer for each request."""

    def choose(self, present: Present, context: Floats, now_s: float) -> int:
        """One of those that are there."""
        ...

    def learn(self, chosen: Sequence[int], taken_ms: Sequence[float], contexts: Floats, times_s: Floats) -> None:
        """What came of earlier choices, in the order in which it came; a failure is the time-out."""
        ...


def as_loss(taken_ms: float, scale: str) -> float:
    """Milliseconds on the scale that a baseline learns on: the share of the time-out, or its logarithm (1 ms is 0)."""
    return taken_ms / TIME_OUT_MS if scale == "share" else float(np.log(max(taken_ms, 1.0)) / np.log(TIME_OUT_MS))


class Random:
    """Any of them, evenly."""

    def __init__(self, n_peers: int, seed: int) -> None:
        del n_peers
        self._rng = np.random.default_rng(seed)

    def choose(self, present: Present, context: Floats, now_s: float) -> int:
        """One of those that are there."""
        del context, now_s
        return int(present[int(self._rng.integers(len(present)))])

    def learn(self, chosen: Sequence[int], taken_ms: Sequence[float], contexts: Floats, times_s: Floats) -> None:
        """Nothing."""


class RoundRobin:
    """Each in turn."""

    def __init__(self, n_peers: int, seed: int) -> None:
        del seed
        self._last = np.full(n_peers, -1)
        self._step = 0

    def choose(self, present: Present, context: Floats, now_s: float) -> int:
        """One of those that are there."""
        del context, now_s
        self._step += 1
        peer = int(present[self._last[present].argmin()])
        self._last[peer] = self._step
        return peer

    def learn(self, chosen: Sequence[int], taken_ms: Sequence[float], contexts: Floats, times_s: Floats) -> None:
        """Nothing."""


class LeastOutstanding:
    """Whoever has the fewest requests that have not come back, as far as is known; of several, any."""

    def __init__(self, n_peers: int, seed: int) -> None:
        self._rng = np.random.default_rng(seed)
        self._waiting = np.zeros(n_peers)

    def choose(self, present: Present, context: Floats, now_s: float) -> int:
        """One of those that are there."""
        del context, now_s
        waiting = self._waiting[present]
        peer = int(self._rng.choice(present[waiting == waiting.min()]))
        self._waiting[peer] += 1.0
        return peer

    def learn(self, chosen: Sequence[int], taken_ms: Sequence[float], contexts: Floats, times_s: Floats) -> None:
        """From what has come back."""
        del taken_ms, contexts, times_s
        np.subtract.at(self._waiting, list(chosen), 1.0)


class Ewma:
    """The better of two drawn evenly, by a moving average of what each took; who is not known yet comes first."""

    def __init__(self, n_peers: int, seed: int, *, rate: float) -> None:
        self._rng = np.random.default_rng(seed)
        self._average = np.zeros(n_peers)
        self._known = np.zeros(n_peers, dtype=np.bool_)
        self._rate = rate

    def choose(self, present: Present, context: Floats, now_s: float) -> int:
        """One of those that are there."""
        del context, now_s
        two = present[self._rng.choice(len(present), min(2, len(present)), replace=False)]
        return int(two[self._average[two].argmin()])

    def learn(self, chosen: Sequence[int], taken_ms: Sequence[float], contexts: Floats, times_s: Floats) -> None:
        """From what came of earlier choices."""
        del contexts, times_s
        for peer, ms in zip(chosen, taken_ms, strict=True):
            rate = self._rate if self._known[peer] else 1.0
            self._average[peer] += rate * (ms - self._average[peer])
            self._known[peer] = True


class EpsilonGreedy:
    """The least mean so far; now and then any, evenly."""

    def __init__(self, n_peers: int, seed: int, *, epsilon: float) -> None:
        self._rng = np.random.default_rng(seed)
        self._epsilon = epsilon
        self._n, self._total = np.zeros(n_peers), np.zeros(n_peers)

    def choose(self, present: Present, context: Floats, now_s: float) -> int:
        """One of those that are there."""
        del context, now_s
        if self._rng.random() < self._epsilon:
            return int(self._rng.choice(present))
        return int(present[(self._total[present] / np.maximum(self._n[present], 1e-9)).argmin()])

    def learn(self, chosen: Sequence[int], taken_ms: Sequence[float], contexts: Floats, times_s: Floats) -> None:
        """From what came of earlier choices."""
        del contexts, times_s
        np.add.at(self._n, list(chosen), 1.0)
        np.add.at(self._total, list(chosen), list(taken_ms))


class Ucb:
    """The least lower bound of the mean: over all so far (UCB1), or over the last `window` requests.

    References:
        Auer, Cesa-Bianchi & Fischer, "Finite-time analysis of the multiarmed bandit problem", Machine Learning 47 (2002).
        Garivier & Moulines, "On upper-confidence bound policies for switching bandit problems", ALT 2011.
    """

    def __init__(self, n_peers: int, seed: int, *, width: float, scale: str, window: int = 0) -> None:
        self._rng = np.random.default_rng(seed)
        self._width, self._scale, self._window = width, scale, window
        self._n, self._total = np.zeros(n_peers), np.zeros(n_peers)
        self._recent: list[tuple[int, float]] = []
        self._first = 0

    def choose(self, present: Present, context: Floats, now_s: float) -> int:
        """One of those that are there."""
        del context, now_s
        n = self._n[present]
        new = present[n == 0]
        if len(new):  # all of a batch would go to one, if it were always the first
            return int(self._rng.choice(new))
        return int(present[(self._total[present] / n - self._width * np.sqrt(np.log(self._n.sum()) / n)).argmin()])

    def learn(self, chosen: Sequence[int], taken_ms: Sequence[float], contexts: Floats, times_s: Floats) -> None:
        """From what came of earlier choices."""
        del contexts, times_s
        for peer, ms in zip(chosen, taken_ms, strict=True):
            loss = as_loss(ms, self._scale)
            self._n[peer] += 1.0
            self._total[peer] += loss
            if self._window:
                self._recent.append((peer, loss))
                if len(self._recent) - self._first > self._window:
                    old, old_loss = self._recent[self._first]
                    self._first += 1
                    self._n[old] -= 1.0
                    self._total[old] -= old_loss


class Thompson:
    """Thompson sampling with a normal mean of each peer and noise of its own (normal-inverse-gamma), without a context.

    References:
        Honda & Takemura, "Optimality of Thompson sampling for Gaussian bandits depends on priors", AISTATS 2014.
    """

    def __init__(self, n_peers: int, seed: int, *, scale: str, middle: float, rows: float, spread: float) -> None:
        self._rng = np.random.default_rng(seed)
        self._scale, self._middle, self._rows, self._spread = scale, middle, rows, spread
        self._n, self._mean, self._squares = np.zeros(n_peers), np.zeros(n_peers), np.zeros(n_peers)

    def choose(self, present: Present, context: Floats, now_s: float) -> int:
        """One of those that are there."""
        del context, now_s
        n, mean = self._n[present], self._mean[present]
        rows = n + self._rows
        middle = (n * mean + self._rows * self._middle) / rows
        shape = 1.0 + 0.5 * n
        rate = self._spread**2 + 0.5 * self._squares[present]
        rate = rate + 0.5 * n * self._rows * np.square(mean - self._middle) / rows
        variance = rate / self._rng.gamma(shape)
        return int(present[(middle + np.sqrt(variance / rows) * self._rng.normal(size=len(present))).argmin()])

    def learn(self, chosen: Sequence[int], taken_ms: Sequence[float], contexts: Floats, times_s: Floats) -> None:
        """From what came of earlier choices."""
        del contexts, times_s
        for peer, ms in zip(chosen, taken_ms, strict=True):
            loss = as_loss(ms, self._scale)
            self._n[peer] += 1.0
            change = loss - self._mean[peer]
            self._mean[peer] += change / self._n[peer]
            self._squares[peer] += change * (loss - self._mean[peer])
