"""Neighbours, SLIM and iALS: as their definitions read, and what every order of items promises."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.models.recommend.taste import Table, interactions, tastes

from telltale.contract.errors import BundleError
from telltale.contract.estimator import Parts, RankEstimator
from telltale.models.estimators import estimator_named
from telltale.models.hybrid import ESTIMATOR as HYBRID
from telltale.models.ials import ESTIMATOR as IALS
from telltale.models.item_knn import ESTIMATOR as ITEM_KNN
from telltale.models.recommend.factors import Factorising, item_factors
from telltale.models.slim import sparse_weights
from telltale.models.user_knn import ESTIMATOR as USER_KNN
from telltale.testing.quick_parameters import check_parameters

ALL = [estimator_named(name) for name in ("hybrid", "ials", "item_knn", "slim", "user_knn")]
every = pytest.mark.parametrize("estimator", ALL, ids=lambda one: one.name)


def plain_user_knn(taken: Table, seen: list[int], neighbours: int) -> list[float]:
    """User by user, as the definition reads; of equal neighbours the first."""
    asks = np.zeros(taken.shape[1])
    asks[seen] = 1.0
    likeness = []
    for user, own in enumerate(taken):
        common = float((own * asks).sum())
        if common:
            likeness.append((-common / np.sqrt(own.sum() * asks.sum()), user))
    scores = np.zeros(taken.shape[1])
    for minus, user in sorted(likeness)[:neighbours]:
        scores += -minus * taken[user]
    return scores.tolist()


def plain_item_knn(taken: Table, seen: list[int], neighbours: int, shrink: float) -> list[float]:
    """Pair by pair, as the definition reads."""
    n = taken.shape[1]
    scores = np.zeros(n)
    for item in seen:
        likeness = []
        for other in range(n):
            common = float((taken[:, item] * taken[:, other]).sum())
            length = np.sqrt(float(taken[:, item].sum() * taken[:, other].sum()))
            if other != item and common:
                likeness.append((common / (length + shrink), other))
        for value, other in sorted(likeness, reverse=True)[:neighbours]:
            scores[other] += value
    return scores.tolist()


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 1_000), st.integers(1, 30))
def test_user_knn_is_its_definition(seed: int, neighbours: int) -> None:
    taken = tastes(seed, n_users=25, n_items=12)
    ranker = USER_KNN.load(
        USER_KNN.fit(interactions(taken), parameters={"neighbours": neighbours, "max_users": 99}, seed=0)
    )
    seen = np.flatnonzero(taken[seed % 25]).tolist() or [0]

    assert ranker.score(seen).tolist() == pytest.approx(plain_user_knn(taken, seen, neighbours))


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 1_000), st.sampled_from((0.0, 5.0)))
def test_item_knn_is_its_definition(seed: int, shrink: float) -> None:
    taken = tastes(seed, n_users=25, n_items=12)
    parameters = {"neighbours": 12, "shrink": shrink, "max_items": 99}
    ranker = ITEM_KNN.load(ITEM_KNN.fit(interactions(taken), parameters=parameters, seed=0))
    seen = np.flatnonzero(taken[seed % 25] * taken.sum(axis=0)).tolist()

    assert ranker.score(seen).tolist() == pytest.approx(plain_item_knn(taken, seen, 12, shrink), abs=1e-6)


def test_slim_is_an_elastic_net_for_each_item() -> None:
    from sklearn.linear_model import ElasticNet

    taken = tastes(3, n_users=60, n_items=10).astype(np.float64)
    l1, l2, n = 0.8, 4.0, len(taken)

    weights = sparse_weights(taken.T @ taken, l1=l1, l2=l2, n_sweeps=60)

    for item in range(10):
        others = taken.copy()
        others[:, item] = 0.0
        alpha = (l1 + l2) / n
        net = ElasticNet(alpha=alpha, l1_ratio=l1 / (l1 + l2), fit_intercept=False, positive=True, tol=1e-10)
        expected = net.fit(others, taken[:, item]).coef_
        assert weights[:, item] == pytest.approx(expected, abs=2e-3)


def test_each_round_of_ials_lowers_what_it_minimises() -> None:
    taken = tastes(1, n_users=50, n_items=20)
    rows = interactions(taken)

    def loss(n_epochs: int) -> float:
        how = Factorising(n_factors=6, unobserved=0.2, l2=0.05, n_epochs=n_epochs)
        items = item_factors(rows, how, seed=0)
        users = np.stack([_folded(items, np.flatnonzero(own), how) for own in taken])
        found = users @ items.T
        of_users = how.l2 * (taken.sum(axis=1) + how.unobserved * 20)
        of_items = how.l2 * (taken.sum(axis=0) + how.unobserved * 50)
        fit = (taken * (found - 1) ** 2).sum() + how.unobserved * (found**2).sum()
        return float(fit + (of_users[:, None] * users**2).sum() + (of_items[:, None] * items**2).sum())

    losses = [loss(n) for n in (1, 2, 4, 8)]

    assert losses == sorted(losses, reverse=True)
    assert losses[-1] < 0.98 * losses[0]


def _folded(items: np.ndarray, seen: np.ndarray, how: Factorising) -> np.ndarray:
    """The normal equations as they read, without a short cut."""
    k = items.shape[1]
    left, right = how.l2 * (len(seen) + how.unobserved * len(items)) * np.eye(k), np.zeros(k)
    for number, vector in enumerate(items):
        left += how.unobserved * np.outer(vector, vector)
        if number in seen:
            left += np.outer(vector, vector)
            right += vector
    return np.asarray(np.linalg.solve(left, right))


def test_ials_folds_in_one_whom_training_did_not_see() -> None:
    taken = tastes(2)
    how = Factorising(n_factors=8, unobserved=0.1, l2=0.03, n_epochs=5)
    parameters = {"n_factors": 8, "unobserved": 0.1, "l2": 0.03, "n_epochs": 5}
    parts = IALS.fit(interactions(taken), parameters=parameters, seed=0)
    items = item_factors(interactions(taken), how, seed=0)

    found = IALS.load(parts).score([0, 3, 7])

    assert found == pytest.approx(items @ _folded(items, np.array([0, 3, 7]), how), abs=1e-4)


@every
def test_people_are_offered_what_people_like_them_take(estimator: RankEstimator) -> None:
    ranker = estimator.load(estimator.fit(interactions(tastes()), parameters=check_parameters(estimator), seed=0))

    first, second = ranker.score([0, 1, 2]), ranker.score([], [20, 21, 22])

    assert set(np.argsort(-first, kind="stable")[:10].tolist()) <= set(range(20))
    assert set(np.argsort(-second, kind="stable")[:10].tolist()) <= set(range(20, 40))


@every
def test_scores_are_finite_whatever_was_seen_and_inputs_stay(estimator: RankEstimator) -> None:
    rows = interactions(tastes())
    ranker = estimator.load(estimator.fit(rows, parameters=check_parameters(estimator), seed=0))
    past = [3, 5, 3]

    for own, session in (([], []), (past, []), ([], [7]), (past, [5, 9]), (list(range(40)), [])):
        scores = ranker.score(own, session)
        assert scores.shape == (40,)
        assert np.isfinite(scores).all()
        assert np.array_equal(ranker.score(own, session), scores)
    assert past == [3, 5, 3]


@every
def test_same_seed_same_parts(estimator: RankEstimator) -> None:
    rows = interactions(tastes(), seed=4)
    one, other = (estimator.fit(rows, parameters=check_parameters(estimator), seed=1) for _ in range(2))

    assert one.arrays.keys() == other.arrays.keys()
    assert all(one.arrays[name].tobytes() == other.arrays[name].tobytes() for name in one.arrays)


@every
@pytest.mark.parametrize(
    "taken",
    [
        np.array([[1, 1]]),
        np.array([[1, 0], [0, 1]]),
        np.array([[1, 1, 0]]),
        np.ones((40, 8), dtype=np.int64),
        np.eye(30, dtype=np.int64),
    ],
    ids=["one user", "nothing in common", "an item that nobody took", "all took all", "one item each"],
)
def test_little_or_odd_data_still_give_an_order(estimator: RankEstimator, taken: Table) -> None:
    ranker = estimator.load(estimator.fit(interactions(taken), parameters=check_parameters(estimator), seed=0))

    scores = ranker.score([0])

    assert scores.shape == (taken.shape[1],)
    assert np.isfinite(scores).all()


@every
def test_parts_of_something_else_are_refused(estimator: RankEstimator) -> None:
    with pytest.raises(BundleError, match="Train the version again"):
        estimator.load(Parts(arrays={"something": np.zeros(3)}))
    whole = estimator.fit(interactions(tastes()), parameters=check_parameters(estimator), seed=0)
    for lost in whole.arrays.keys() - {"l2", "nearness", "memory"}:
        less = Parts(arrays={name: array for name, array in whole.arrays.items() if name != lost})
        with pytest.raises(BundleError, match="Train the version again"):
            estimator.load(less)


def test_beyond_the_limit_a_bundle_stays_small_and_the_rest_is_still_ranked() -> None:
    taken = tastes(5, n_users=200, n_items=60)
    parameters = {**HYBRID.defaults, "max_items": 10, "n_weights": 4}

    parts = HYBRID.fit(interactions(taken), parameters=parameters, seed=0)

    assert len(parts.arrays["weight_items"]) <= 40
    assert len(np.unique(HYBRID.load(parts).score([0, 1]))) > 30
