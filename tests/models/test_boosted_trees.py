import numpy as np
import pytest

from telltale.contract.errors import BundleError
from telltale.contract.estimator import Features, Floats, Parts
from telltale.models.boosted_trees import ESTIMATOR, fuse


def made(n: int = 600, *, seed: int = 0) -> tuple[Features, Floats]:
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(n, 5)).astype(np.float32)
    first = features[:, 0] * 2.0 + (features[:, 1] > 0)
    second = np.sin(3.0 * features[:, 2]) + rng.normal(0, 0.1, n)
    return features, np.stack([first, second], axis=1).astype(np.float64)


def test_the_fused_graph_says_what_the_library_says() -> None:
    from sklearn.ensemble import HistGradientBoostingRegressor

    features, outcomes = made()
    models = [HistGradientBoostingRegressor(max_iter=40, random_state=0).fit(features, y) for y in outcomes.T]
    expected = np.stack([model.predict(made(seed=1)[0]) for model in models], axis=1)

    predicted = ESTIMATOR.load(Parts(onnx=fuse(models, n_features=5))).predict(made(seed=1)[0])

    assert np.abs(predicted - expected).max() < 1e-5


def test_values_on_a_threshold_go_the_way_they_went_in_training() -> None:
    from sklearn.ensemble import HistGradientBoostingRegressor

    features = (np.random.default_rng(0).integers(0, 7, (400, 5)) * np.float32(0.1)).astype(np.float32)
    outcome = features.sum(axis=1).astype(np.float64)
    model = HistGradientBoostingRegressor(max_iter=30, random_state=0).fit(features, outcome)

    predicted = ESTIMATOR.load(Parts(onnx=fuse([model], n_features=5))).predict(features)

    assert np.abs(predicted[:, 0] - model.predict(features)).max() < 1e-5


def test_an_outcome_is_learned_from_the_rows_that_measured_it() -> None:
    features, outcomes = made(2_000)
    outcomes[::2, 1] = np.nan

    parts = ESTIMATOR.fit(features, outcomes=outcomes, parameters=ESTIMATOR.defaults, seed=0)

    held_out, truth = made(seed=2)
    predicted = ESTIMATOR.load(parts).predict(held_out)
    for column in range(2):
        assert np.corrcoef(predicted[:, column], truth[:, column])[0, 1] > 0.9


def test_same_seed_same_parts_and_rows_do_not_move_each_other() -> None:
    features, outcomes = made()
    parts = ESTIMATOR.fit(features, outcomes=outcomes, parameters=ESTIMATOR.defaults, seed=3)
    again = ESTIMATOR.fit(features, outcomes=outcomes, parameters=ESTIMATOR.defaults, seed=3)
    model = ESTIMATOR.load(parts)

    assert parts.onnx == again.onnx
    assert np.array_equal(model.predict(features)[7], model.predict(features[7:8])[0])


def test_parts_without_a_graph_are_refused() -> None:
    with pytest.raises(BundleError, match=r"model\.onnx"):
        ESTIMATOR.load(Parts())
