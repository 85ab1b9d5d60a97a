"""One chooser led through the requests of a world: what comes of a choice is learned when it has come, in batches."""

import heapq
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.peers_baselines import Chooser
from benchmarks.peers_world import TIME_OUT_MS, World

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Driven:
    """What came of it, shape (n,) each: the peer, what it took, and how much more it was expected to take than the best.

    Of a crowded world the regret does not count what the choices before did to the queues.
    """

    chosen: NDArray[np.int64]
    taken_ms: Floats
    regret_ms: Floats


def drive(world: World, chooser: Chooser, *, batch_s: float) -> Driven:
    """Send every request, and let the chooser learn every `batch_s` seconds from what has come back since.

    With a batch of 0 s it learns before every request from all that has come back: a request is never known before it ends.
    """
    n = len(world.times_s)
    chosen, took_ms = np.empty(n, dtype=np.int64), np.empty(n)
    present = [np.flatnonzero(row) for row in world.present]
    free_s = np.zeros(world.present.shape[1])
    waiting: list[tuple[float, int]] = []  # when it comes back, and which it is
    next_s = batch_s
    for i, now_s in enumerate(world.times_s.tolist()):
        if now_s >= next_s:
            until_s = now_s if not batch_s else now_s - (now_s - next_s) % batch_s
            next_s = 0.0 if not batch_s else until_s + batch_s
            came = []
            while waiting and waiting[0][0] <= until_s:
                came.append(heapq.heappop(waiting)[1])
            _learn(world, chooser, chosen, took_ms, came)
        peer = chooser.choose(present[i], world.contexts[i], now_s)
        chosen[i] = peer
        took_ms[i] = world.taken_ms[i, peer]
        if world.busy_ms is not None and took_ms[i] < TIME_OUT_MS:
            starts_s = max(now_s, float(free_s[peer]))
            free_s[peer] = starts_s + world.busy_ms[i, peer] / 1e3
            took_ms[i] = min(took_ms[i] + 1e3 * (starts_s - now_s), TIME_OUT_MS)
        heapq.heappush(waiting, (now_s + took_ms[i] / 1e3, i))
    rows = np.arange(n)
    return Driven(
        chosen=chosen,
        taken_ms=took_ms,
        regret_ms=world.expected_ms[rows, chosen] - world.best_ms,
    )


def _learn(world: World, chooser: Chooser, chosen: NDArray[np.int64], took_ms: Floats, rows: list[int]) -> None:
    if rows:
        chooser.learn(chosen[rows].tolist(), took_ms[rows].tolist(), world.contexts[rows], world.times_s[rows])
