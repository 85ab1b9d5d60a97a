from collections.abc import Sequence

import numpy as np
import pytest
from benchmarks.catalogue import BENCHMARKS, Asked, run
from benchmarks.peers import BASELINES
from benchmarks.peers_baselines import Random
from benchmarks.peers_drive import drive
from benchmarks.peers_world import SETTINGS, TIME_OUT_MS, Setting, World, make_world
from benchmarks.results import check
from numpy.typing import NDArray

Floats = NDArray[np.float64]


class Told:
    """Sends everything to one peer, and keeps what it is told and when."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.told: list[tuple[float, float, float]] = []  # sent, took, known
        self._now_s = 0.0

    def choose(self, present: NDArray[np.int64], context: Floats, now_s: float) -> int:
        del context
        self._now_s = now_s
        return int(present[0])

    def learn(self, chosen: Sequence[int], taken_ms: Sequence[float], contexts: Floats, times_s: Floats) -> None:
        del chosen, contexts
        after = self.world.times_s[self.world.times_s > self._now_s]
        now_s = float(after[0]) if len(after) else np.inf  # the request before which it is told
        self.told += [(sent, took, now_s) for sent, took in zip(times_s.tolist(), taken_ms, strict=True)]


@pytest.mark.parametrize("setting", SETTINGS)
def test_a_request_takes_on_average_what_is_expected_of_it(setting: Setting) -> None:
    world = make_world(setting, n=4_000, seed=200)

    assert world.present.sum(axis=1).min() == 12
    assert world.taken_ms.max() <= TIME_OUT_MS
    where = world.present
    assert world.taken_ms[where].mean() == pytest.approx(world.expected_ms[where].mean(), rel=0.03)
    assert (world.best_ms <= np.where(where, world.expected_ms, np.inf).min(axis=1)).all()


def test_where_peers_drift_the_best_one_does_not_stay_the_best() -> None:
    def best_ones(setting: Setting) -> list[int]:
        """How many peers are the best of a thousand requests, in each of four worlds."""
        worlds = [make_world(setting, n=6_000, seed=seed) for seed in range(200, 204)]
        best = [world.expected_ms.reshape(6, 1_000, 12).mean(axis=1).argmin(axis=1) for world in worlds]
        return [len(set(one.tolist())) for one in best]

    assert best_ones("stationary") == [1, 1, 1, 1]
    assert np.mean(best_ones("drifting")) >= 2.0


@pytest.mark.parametrize("batch_s", [1.0, 0.0])
def test_nothing_is_known_before_it_has_come_back(batch_s: float) -> None:
    world = make_world("stationary", n=1_000, seed=200)
    chooser = Told(world)

    drive(world, chooser, batch_s=batch_s)

    late = np.array([known - sent - took / 1e3 for sent, took, known in chooser.told])
    assert len(chooser.told) > 900
    assert late.min() >= 0.0
    assert late.mean() > 0.4 if batch_s else late.mean() < 0.1


def test_a_peer_that_everybody_asks_gets_slow_where_it_is_crowded() -> None:
    crowded = make_world("crowded", n=1_500, seed=200)

    alone, spread = Told(crowded), Random(12, 0)

    one = drive(crowded, alone, batch_s=1.0)
    many = drive(crowded, spread, batch_s=1.0)
    assert one.taken_ms[-500:].mean() > 2.0 * crowded.taken_ms[-500:, 0].mean()
    assert many.taken_ms.mean() < one.taken_ms.mean()


@pytest.mark.slow
def test_a_quick_run_keeps_the_contract_and_ours_is_ahead() -> None:
    found = check(run("peers", Asked(quick=True), progress=lambda _line: None))

    rows = {row.name: row.metrics for row in found.rows}
    assert set(rows) == {"telltale", *BASELINES}
    assert {"thompson", "sliding_window_ucb", "p2c_ewma", "random"} <= set(BASELINES)
    for metric in BENCHMARKS["peers"].shown:
        assert all(row.metrics[metric] is not None for row in found.rows), metric
        assert (rows["telltale"][metric] or 0) < (rows["random"][metric] or 0), metric
    assert (rows["telltale"]["regret_stationary"] or 0) <= 1.1 * (rows["thompson"]["regret_stationary"] or 0)
    assert "telltale, at once" in {row.name for row in found.variants}
