import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from telltale.contract.errors import BundleError, NotEnoughDataError, UsageError
from telltale.contract.estimator import Parts
from telltale.models.logistic_fit import (
    LogisticModel,
    Penalty,
    class_probabilities,
    feature_importance,
    fit_logistic,
    predict_classes,
    sigmoid,
)
from telltale.models.logistic_regression import ESTIMATOR

PENALTIES: tuple[Penalty, ...] = ("l1", "l2", "none")


def classes(n_classes: int, *, n: int = 300, seed: int = 0) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Overlapping clouds of classes 0, 1, ..., on features of very different scales."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, n_classes, n)
    rows = rng.normal(size=(n, 4)) + 1.5 * np.eye(max(n_classes, 4))[labels][:, :4]
    return rows * [1.0, 1e3, 1e-3, 1.0] + [0.0, 5e4, 0.0, -7.0], labels


def cost(model: LogisticModel, rows: NDArray[np.float64], labels: NDArray[np.int64], penalty: str, lam: float) -> float:
    """What is minimised, written out: mean log loss of the true class plus the penalty."""
    normal = (rows - model.mean) / model.scale
    total = 0.0
    for row, label in zip(normal, labels, strict=True):
        logits = [0.0, float(row @ model.weights[:, 0] + model.intercept[0])]
        if len(model.classes) > 2:
            logits = [float(z) for z in row @ model.weights + model.intercept]
        highest = max(logits)
        total += highest + np.log(sum(np.exp(z - highest) for z in logits)) - logits[list(model.classes).index(label)]
    size = {"l1": np.abs(model.weights).sum(), "l2": (model.weights**2).sum() / 2, "none": 0.0}[penalty]
    return float(total / len(rows) + lam * size)


@given(x=st.floats(allow_nan=False))
def test_the_sigmoid_neither_overflows_nor_leaves_0_to_1(x: float) -> None:
    value = float(sigmoid(x))

    assert 0.0 <= value <= 1.0
    assert value + float(sigmoid(-x)) == pytest.approx(1.0)


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("penalty", PENALTIES)
def test_no_small_move_of_a_weight_lowers_the_cost(n_classes: int, penalty: Penalty) -> None:
    rows, labels = classes(n_classes)
    model = fit_logistic(rows, labels, penalty=penalty, lambda_reg=0.02)
    least = cost(model, rows, labels, penalty, 0.02)

    assert model.settled
    assert model.costs[-1] == pytest.approx(least, rel=1e-9)
    for place in np.ndindex(model.weights.shape):
        for move in (-0.01, 0.01):
            moved = model.weights.copy()
            moved[place] += move
            other = LogisticModel(
                classes=model.classes,
                mean=model.mean,
                scale=model.scale,
                weights=moved,
                intercept=model.intercept,
                costs=(),
                settled=True,
            )
            assert cost(other, rows, labels, penalty, 0.02) > least


@pytest.mark.parametrize("n_classes", [2, 4])
def test_it_is_scikit_learns_on_normalised_features(n_classes: int) -> None:
    from sklearn.linear_model import LogisticRegression

    rows, labels = classes(n_classes)
    ours = fit_logistic(rows, labels)
    normal = (rows - rows.mean(axis=0)) / rows.std(axis=0)
    theirs = LogisticRegression(tol=1e-9, max_iter=10_000).fit(normal, labels)

    assert np.abs(class_probabilities(ours, rows) - theirs.predict_proba(normal)).max() < 2e-3
    assert (predict_classes(ours, rows) == theirs.predict(normal)).mean() > 0.99


def test_a_strong_l1_penalty_leaves_out_what_says_nothing_and_l2_does_not() -> None:
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, 400)
    rows = np.column_stack([labels + rng.normal(0, 0.5, 400), rng.normal(size=(400, 3))])

    lasso = fit_logistic(rows, labels, penalty="l1", lambda_reg=0.1)
    ridge = fit_logistic(rows, labels, penalty="l2", lambda_reg=0.1)

    assert lasso.weights[0] > 0
    assert (lasso.weights[1:] == 0).all()
    assert (ridge.weights[1:] != 0).all()
    assert feature_importance(lasso).tolist() == [1.0, 0.0, 0.0, 0.0]


def test_more_penalty_means_smaller_weights() -> None:
    rows, labels = classes(2)
    sizes = [np.abs(fit_logistic(rows, labels, lambda_reg=lam).weights).sum() for lam in (0.0, 0.01, 0.1, 1.0, 10.0)]

    assert sizes == sorted(sizes, reverse=True)


def test_with_a_learning_rate_it_takes_plain_steps_and_the_cost_falls_with_each() -> None:
    rows, labels = classes(2)

    model = fit_logistic(rows, labels, learning_rate=0.01, n_iterations=1_000, lambda_reg=0.01)

    assert len(model.costs) == 1_001
    assert not model.settled
    assert all(later < earlier for earlier, later in zip(model.costs, model.costs[1:], strict=False))
    # By hand: the first step from weights of 0, where every row is expected to be half a positive.
    normal = (rows - rows.mean(axis=0)) / rows.std(axis=0)
    first = fit_logistic(rows, labels, learning_rate=0.01, n_iterations=1, lambda_reg=0.01)
    assert first.weights[:, 0] == pytest.approx(-0.01 * normal.T @ (0.5 - labels) / len(rows))


def test_it_stops_once_the_cost_no_longer_falls() -> None:
    rows, labels = classes(2)

    model = fit_logistic(rows, labels, learning_rate=1.0, n_iterations=50_000, lambda_reg=0.1)

    assert model.settled
    assert len(model.costs) < 2_000


def test_a_learning_rate_that_runs_away_is_refused_with_the_mend() -> None:
    rows, labels = classes(2)

    with pytest.raises(UsageError, match=r"learning_rate: the cost ran away.*Give less than 1000000\.0"):
        fit_logistic(rows, labels, learning_rate=1e6, lambda_reg=0.5)


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"lambda_reg": -1.0}, "lambda_reg"),
        ({"lambda_reg": float("nan")}, "lambda_reg"),
        ({"learning_rate": 0.0}, "learning_rate"),
        ({"n_iterations": 0}, "n_iterations"),
    ],
)
def test_parameters_that_make_no_sense_are_refused_by_name(given: dict[str, float], named: str) -> None:
    rows, labels = classes(2, n=20)

    with pytest.raises(UsageError, match=f"^{named}"):
        fit_logistic(rows, labels, **given)  # type: ignore[arg-type]  # names and values come from the table


def test_labels_of_one_class_are_refused() -> None:
    with pytest.raises(NotEnoughDataError, match="all of one class"):
        fit_logistic([[1.0], [2.0]], [1, 1])


def test_a_feature_that_never_moves_weighs_nothing() -> None:
    rows, labels = classes(2)
    rows[:, 2] = 5.0

    model = fit_logistic(rows, labels)

    assert np.abs(model.weights[2]).max() == 0.0
    assert np.isfinite(class_probabilities(model, rows)).all()


def test_far_from_the_middle_on_either_side_can_mean_the_same() -> None:
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(600, 2)).astype(np.float32)
    labels = (np.abs(rows[:, 0]) > 1.5).astype(np.int8)
    probe = np.array([[-3, 0], [0, 0], [3, 0]], dtype=np.float32)

    def scores(squares: int) -> list[float]:
        parameters = {**ESTIMATOR.defaults, "squares": squares}
        scored: list[float] = (
            ESTIMATOR.load(ESTIMATOR.fit(rows, labels=labels, parameters=parameters, seed=0)).score(probe).tolist()
        )
        return scored

    low, middle, high = scores(1)
    assert min(low, high) > 0.9
    assert middle < 0.1
    assert max(scores(0)) < 0.5  # a line cannot say it


def test_rows_without_a_label_are_left_out() -> None:
    rows, known = classes(2)
    features, labels = rows.astype(np.float32), known.astype(np.int8)
    more = np.vstack([features, features + 100])
    unknown = np.concatenate([labels, np.full_like(labels, -1)])

    alone = ESTIMATOR.fit(features, labels=labels, parameters=ESTIMATOR.defaults, seed=0)
    among = ESTIMATOR.fit(more, labels=unknown, parameters=ESTIMATOR.defaults, seed=0)

    assert all(np.array_equal(alone.arrays[name], among.arrays[name]) for name in alone.arrays)
    with pytest.raises(NotEnoughDataError, match="0 rows are labelled positive and 3 negative"):
        ESTIMATOR.fit(features[:3], labels=np.zeros(3, dtype=np.int8), parameters=ESTIMATOR.defaults, seed=0)


def test_parts_without_their_arrays_are_refused() -> None:
    with pytest.raises(BundleError, match="mean, scale, weights and intercept"):
        ESTIMATOR.load(Parts(arrays={"mean": np.zeros(2)}))
