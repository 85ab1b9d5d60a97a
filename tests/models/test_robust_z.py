import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from telltale.contract.errors import BundleError
from telltale.contract.estimator import Features, Parts
from telltale.models.robust_z import ESTIMATOR

matrices = npst.arrays(
    np.float32, st.tuples(st.integers(1, 30), st.integers(1, 5)), elements=st.floats(-1e6, 1e6, width=32)
)


@given(features=matrices, floor=st.floats(0.01, 1.0))
def test_score_is_the_largest_distance_from_the_median_in_robust_deviations_and_upwards_alone_for_a_magnitude(
    features: Features, floor: float
) -> None:
    parts = ESTIMATOR.fit(features, labels=None, parameters={"floor": floor}, seed=0)

    scores = ESTIMATOR.load(parts).score(features)

    for row, score in zip(features.astype(float), scores, strict=True):
        distances = []
        for column, value in zip(features.astype(float).T, row, strict=True):
            middle = np.median(column)
            spread = max(1.4826 * float(np.median(np.abs(column - middle))), floor)
            distance = (value - middle) / spread
            distances.append(abs(distance) if column.min() < 0 else max(distance, 0.0))
        assert score == pytest.approx(max(distances), rel=1e-9, abs=1e-12)


def test_less_of_a_magnitude_is_never_the_event() -> None:
    rng = np.random.default_rng(0)
    features = np.abs(rng.normal(5, 0.5, size=(200, 2))).astype(np.float32)
    features[:, 1] -= 5

    scorer = ESTIMATOR.load(ESTIMATOR.fit(features, labels=None, parameters=ESTIMATOR.defaults, seed=0))

    calm, low = np.array([[0.0, 0.0]], dtype=np.float32), np.array([[5.0, -5.0]], dtype=np.float32)
    assert scorer.score_one(calm) < 1.0
    assert scorer.score_one(low) > 5.0


def test_rows_labelled_positive_are_left_out_and_unlabelled_ones_are_not() -> None:
    features = np.array([[0.0], [1.0], [2.0], [1_000.0]], dtype=np.float32)
    labels = np.array([0, 0, -1, 1], dtype=np.int8)

    parts = ESTIMATOR.fit(features, labels=labels, parameters=ESTIMATOR.defaults, seed=0)

    assert parts.arrays["centre"].tolist() == [1.0]


def test_parts_stored_before_magnitudes_were_told_apart_count_either_way() -> None:
    scorer = ESTIMATOR.load(Parts(arrays={"centre": np.array([5.0]), "spread": np.array([1.0])}))

    assert scorer.score_one(np.array([[1.0]], dtype=np.float32)) == 4.0


def test_parts_without_their_arrays_are_refused() -> None:
    with pytest.raises(BundleError, match="centre and spread"):
        ESTIMATOR.load(Parts(arrays={"centre": np.zeros(2)}))
