import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.metrics import adjusted_rand_score

from telltale.contract.errors import BundleError, NotEnoughDataError
from telltale.contract.estimator import Parts
from telltale.models.kmeans import ESTIMATOR

SIZES = (120, 90, 60, 30)


def blobs(seed: int = 0) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Four groups of different size in three features of very different width."""
    rng = np.random.default_rng(seed)
    middles = np.array([(0, 0, 0), (6, 0, 6), (0, 6, 6), (6, 6, 0)], dtype=float)
    which = np.repeat(np.arange(4), SIZES)
    rows = middles[which] + rng.normal(size=(len(which), 3))
    return (rows * (1.0, 1_000.0, 0.01)).astype(np.float32), which


def fitted(features: NDArray[np.float32], *, k: int = 0, seed: int = 0) -> Parts:
    return ESTIMATOR.fit(features, parameters={**ESTIMATOR.defaults, "k": k}, seed=seed)


def test_groups_of_any_width_are_found_and_so_is_their_number() -> None:
    features, truth = blobs()
    told: list[str] = []

    parts = ESTIMATOR.fit(features, parameters=ESTIMATOR.defaults, seed=0, tell=told.append)
    which, distance = ESTIMATOR.load(parts).assign(features)

    assert adjusted_rand_score(truth, which) > 0.98
    assert (distance >= 0).all()
    assert "4 segments" in told[0]


def test_the_largest_segment_comes_first_whatever_the_seed() -> None:
    features, _ = blobs()
    sizes = [np.bincount(ESTIMATOR.load(fitted(features, k=4, seed=seed)).assign(features)[0]) for seed in range(5)]

    assert all((np.diff(counts) <= 0).all() for counts in sizes)
    assert all(np.array_equal(counts, sizes[0]) for counts in sizes)


def test_a_row_is_assigned_alike_alone_and_in_any_batch() -> None:
    features, _ = blobs()
    assigner = ESTIMATOR.load(fitted(features))
    which, distance = assigner.assign(features)

    for place in (0, 150, 299):
        one = assigner.assign(features[place : place + 1])
        assert (one[0][0], one[1][0]) == (which[place], distance[place])


def test_a_row_at_a_middle_is_at_no_distance_and_further_out_is_further() -> None:
    features, _ = blobs()
    parts = fitted(features, k=4)
    middle = (parts.arrays["middles"][0] * parts.arrays["scale"] + parts.arrays["centre"]).astype(np.float32)

    _, distance = ESTIMATOR.load(parts).assign(np.stack([middle, middle + np.float32(1.0)]))

    assert distance[0] < 1e-5 < distance[1]


def test_same_seed_same_parts_and_inputs_are_not_touched() -> None:
    features, _ = blobs()
    before = features.copy()
    one, other = fitted(features, seed=3), fitted(features, seed=3)

    assert np.array_equal(features, before)
    assert all(np.array_equal(one.arrays[name], other.arrays[name]) for name in one.arrays)


def test_a_feature_that_never_moved_does_no_harm() -> None:
    features, truth = blobs()
    features[:, 1] = 7.0

    which, _ = ESTIMATOR.load(fitted(features, k=4)).assign(features)

    assert adjusted_rand_score(truth, which) > 0.6


def test_fewer_different_rows_than_segments_are_refused() -> None:
    rows = np.repeat(np.eye(2, dtype=np.float32), 50, axis=0)

    with pytest.raises(NotEnoughDataError, match="2 different rows for 3 segments"):
        fitted(rows)


def test_parts_of_something_else_are_refused() -> None:
    with pytest.raises(BundleError, match="Train the version again"):
        ESTIMATOR.load(Parts(arrays={"weights": np.zeros(3)}))
