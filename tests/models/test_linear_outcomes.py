import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from telltale.contract.errors import BundleError
from telltale.contract.estimator import Parts
from telltale.models.linear_outcomes import ESTIMATOR


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**31), alpha=st.floats(0.01, 100.0), n_missing=st.integers(0, 30))
def test_lines_are_those_of_a_ridge_regression_on_the_measured_rows(seed: int, alpha: float, n_missing: int) -> None:
    from sklearn.linear_model import Ridge

    rng = np.random.default_rng(seed)
    features = rng.normal(size=(80, 4)).astype(np.float32)
    outcomes = np.column_stack([features @ rng.normal(size=4) + 3.0, rng.normal(size=80)])
    outcomes[:n_missing, 1] = np.nan

    model = ESTIMATOR.load(ESTIMATOR.fit(features, outcomes=outcomes, parameters={"alpha": alpha}, seed=0))

    scaled = (features - features.mean(axis=0, dtype=np.float64)) / features.std(axis=0, dtype=np.float64)
    for place, outcome in enumerate(outcomes.T):
        known = np.isfinite(outcome)
        expected = Ridge(alpha).fit(scaled[known], outcome[known]).predict(scaled)
        within = np.clip(expected, outcome[known].min(), outcome[known].max())
        assert np.abs(model.predict(features)[:, place] - within).max() < 1e-9


def test_a_row_is_predicted_alike_alone_and_among_others_and_no_further_than_training_went() -> None:
    rng = np.random.default_rng(0)
    features = rng.normal(size=(200, 5)).astype(np.float32)
    outcomes = (features @ rng.normal(size=(5, 3))).astype(np.float64)
    model = ESTIMATOR.load(ESTIMATOR.fit(features, outcomes=outcomes, parameters=ESTIMATOR.defaults, seed=0))
    far = (1_000 * features).astype(np.float32)

    together = model.predict(far)

    assert all(np.array_equal(model.predict(far[i : i + 1])[0], together[i]) for i in range(len(far)))
    assert (together >= outcomes.min(axis=0)).all()
    assert (together <= outcomes.max(axis=0)).all()


def test_parts_without_arrays_are_refused() -> None:
    with pytest.raises(BundleError, match="slopes"):
        ESTIMATOR.load(Parts())
