import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from numpy.typing import NDArray
from sklearn.ensemble import IsolationForest as Fitted

from telltale.contract.errors import BundleError
from telltale.contract.estimator import Features, Parts
from telltale.models.isolation_forest import ESTIMATOR, FusedForest, average_path_length, fuse

Labels = NDArray[np.int8]

# Few distinct values, ties, constants, denormals and the ends of float32: wherever a threshold can be rounded.
number = st.floats(-1e3, 1e3, width=32) | st.sampled_from([0.0, -0.0, 1.0, 1e-40, -1e-40, 1e30, -1e30, 0.1, 16777216.0])


@st.composite
def rows(draw: st.DrawFn) -> Features:
    shape = (draw(st.integers(2, 40)), draw(st.integers(1, 6)))
    found: Features = draw(npst.arrays(np.float32, shape, elements=number.map(np.float32)))
    return found


@settings(max_examples=40, deadline=None)
@given(
    training=rows(),
    n_trees=st.integers(1, 12),
    max_features=st.floats(0.2, 1.0),
    max_samples=st.integers(2, 40),
    seed=st.integers(0, 2**31),
)
def test_fused_scores_equal_those_of_scikit_learn(
    training: Features, n_trees: int, max_features: float, max_samples: int, seed: int
) -> None:
    forest = Fitted(
        n_estimators=n_trees,
        max_features=max_features,
        max_samples=min(max_samples, len(training)),
        random_state=seed,
    ).fit(training)
    fused = FusedForest(fuse(forest, n_features=training.shape[1]))
    # The rows themselves, every threshold that a tree has, and the floats just beside both.
    edges = np.concatenate([tree.tree_.threshold for tree in forest.estimators_]).astype(np.float32)
    edges = np.repeat(edges[:40, None], training.shape[1], axis=1)
    seen = np.vstack([training, edges])
    seen = np.vstack([seen, np.nextafter(seen, np.float32(-np.inf)), np.nextafter(seen, np.float32(np.inf))])

    scores = fused.score(seen)

    assert np.abs(scores + forest.score_samples(seen)).max() <= 2e-7
    assert [fused.score_one(row[None]) for row in seen] == scores.tolist()


@pytest.mark.parametrize("max_features", [0.3, 0.6, 1.0])
def test_fused_scores_equal_scikit_learn_on_a_forest_of_the_usual_size(max_features: float) -> None:
    rng = np.random.default_rng(0)
    training = rng.normal(size=(2_000, 12)).astype(np.float32)
    fresh = (3 * rng.normal(size=(5_000, 12))).astype(np.float32)
    forest = Fitted(n_estimators=100, max_samples=256, max_features=max_features, random_state=1).fit(training)

    fused = FusedForest(fuse(forest, n_features=12))

    assert np.abs(fused.score(fresh) + forest.score_samples(fresh)).max() <= 2e-7


def test_path_length_is_that_of_the_paper() -> None:
    for n in (100, 256, 5_000):
        harmonic = sum(1 / i for i in range(1, n))

        assert average_path_length(np.array([float(n)]))[0] == pytest.approx(2 * harmonic - 2 * (n - 1) / n, rel=2e-3)
    assert average_path_length(np.array([1.0, 2.0])).tolist() == [0.0, 1.0]


def labelled(n: int = 600) -> tuple[Features, Labels]:
    rng = np.random.default_rng(0)
    features = rng.normal(size=(n, 4)).astype(np.float32)
    labels = (rng.random(n) < 0.05).astype(np.int8)
    features[labels == 1] += 6
    return features, labels


def fit(features: Features, labels: Labels | None, **parameters: float) -> FusedForest:
    chosen = {**ESTIMATOR.defaults, **parameters}
    return ESTIMATOR.load(ESTIMATOR.fit(features, labels=labels, parameters=chosen, seed=0))


def test_rows_labelled_positive_are_left_out() -> None:
    features, labels = labelled()
    wild = features.copy()
    wild[labels == 1] *= -50

    assert np.array_equal(fit(features, labels).score(features), fit(wild, labels).score(features))


def test_unlabelled_the_most_isolated_share_is_left_out() -> None:
    features, labels = labelled()

    clean, dirty = fit(features, None, contamination=0.06), fit(features, None, contamination=0.0)

    anomalous = features[labels == 1]
    assert clean.score(anomalous).mean() > dirty.score(anomalous).mean()


def test_background_tells_apart_what_lies_beyond_the_normal_rows() -> None:
    features, labels = labelled()
    beyond = np.array([[5.0, 0, 0, 0], [9.0, 0, 0, 0]], dtype=np.float32)

    with_room, without = fit(features, labels, background_width=2.0), fit(features, labels, background=0.0)

    near, far = with_room.score(beyond)
    assert far > near
    near, far = without.score(beyond)
    assert far == near


def test_a_feature_that_never_moved_is_told_when_it_does() -> None:
    features, labels = labelled()
    features[:, 1] = 0.5
    still = np.median(features[labels == 0], axis=0)[None]
    moved = still.copy()
    moved[0, 1] = 3.0

    forest = fit(features, labels)

    assert forest.score_one(moved) > forest.score_one(still) + 0.05


@pytest.mark.parametrize("onnx", [None, b"", b"not a graph"])
def test_parts_without_a_graph_are_refused(onnx: bytes | None) -> None:
    with pytest.raises(BundleError, match=r"model\.onnx") as raised:
        ESTIMATOR.load(Parts(onnx=onnx))

    assert "rain" in raised.value.mend
