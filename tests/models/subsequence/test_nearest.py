import numpy as np
import pytest

from telltale.contract.estimator import Parts
from telltale.models.graph_scorer import GraphScorer
from telltale.models.subsequence.memory import remember
from telltale.models.subsequence.nearest import weighed, write_nearest_graph
from telltale.models.subsequence.windows import scale_of_windows, scaled

from .windows_made import swinging, windows_of

SEQUENCE = 16


@pytest.mark.parametrize("level_off", [0.0, 0.5, 1.0])
def test_the_graph_says_the_distance_from_the_nearest_place(level_off: float) -> None:
    windows = windows_of(swinging(600, seed=0, n_columns=2), sequence=SEQUENCE)
    windows[::100] *= 40.0  # some are far out
    scale = scale_of_windows(windows, sequence=SEQUENCE)
    at = weighed(scaled(windows, scale), scale, level_off=level_off)
    places = at[10:400:7]

    graph = write_nearest_graph(scale, places, name="places", level_off=level_off)
    found = GraphScorer(Parts(onnx=graph), where="places").score(windows)

    plain = np.linalg.norm(at[:, None] - places[None], axis=2).min(axis=1)
    assert np.allclose(found, plain, rtol=1e-4, atol=0.02)
    assert (found[10:400:7] < 0.02).all()


def test_what_lies_off_the_directions_counts_as_distance() -> None:
    windows = windows_of(swinging(600, seed=0, n_columns=2), sequence=SEQUENCE)
    scale = scale_of_windows(windows, sequence=SEQUENCE)
    at = weighed(scaled(windows, scale), scale)
    directions = np.eye(at.shape[1])[:, -3:]
    places = (at @ directions)[::9]

    graph = write_nearest_graph(scale, places, name="places", directions=directions)
    found = GraphScorer(Parts(onnx=graph), where="places").score(windows)

    plain = np.linalg.norm(at[:, None] - (places @ directions.T)[None], axis=2).min(axis=1)
    assert np.allclose(found, plain, atol=1e-3)


def test_windows_remembered_are_near_all_others_and_of_rare_kinds_too() -> None:
    rng = np.random.default_rng(0)
    middles = rng.normal(size=(4, 20)) * 10.0
    kinds = rng.choice(4, size=3_000, p=[0.9, 0.08, 0.01, 0.01])
    windows = middles[kinds] + rng.normal(size=(3_000, 20))

    memory = remember(windows, most=100)

    assert len(memory.places) == 100
    apart = np.linalg.norm((windows @ memory.directions)[:, None] - memory.places[None], axis=2).min(axis=1)
    assert np.sort(apart)[-20] < 6.0
    for kind in range(4):
        assert (np.linalg.norm(memory.places - middles[kind] @ memory.directions, axis=1) < 6.0).any()


def test_what_was_odd_once_is_not_remembered() -> None:
    windows = np.random.default_rng(0).normal(size=(1_000, 8))
    windows[500] = 50.0

    memory = remember(windows, most=1_000)

    assert np.abs(memory.places).max() < 10.0


def test_windows_that_are_all_the_same_are_remembered_once() -> None:
    assert len(remember(np.ones((50, 4)), most=10).places) == 1
