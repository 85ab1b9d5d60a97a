import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from telltale.contract.errors import BundleError
from telltale.contract.estimator import Interactions, Parts
from telltale.models.ease import CANDIDATES, ESTIMATOR
from telltale.models.popular import ESTIMATOR as POPULAR


def interactions(taken: NDArray[np.int64]) -> Interactions:
    """From a table of users by items, 1 where taken."""
    users, items = np.nonzero(taken)
    return Interactions(
        users=users.astype(np.int64),
        items=items.astype(np.int64),
        weights=np.ones(len(users)),
        times_s=np.arange(len(users), dtype=np.float64),
        n_users=taken.shape[0],
        n_items=taken.shape[1],
    )


def tastes(seed: int = 0, *, n_users: int = 120, n_items: int = 40) -> NDArray[np.int64]:
    """Two kinds of people, each with a half of the items that they like."""
    rng = np.random.default_rng(seed)
    likes_first = rng.random(n_users) < 0.5
    is_first = np.arange(n_items) < n_items // 2
    chance = np.where(likes_first[:, None] == is_first[None, :], 0.35, 0.03)
    return (rng.random((n_users, n_items)) < chance).astype(np.int64)


def plain_scores(taken: NDArray[np.int64], l2: float) -> NDArray[np.float64]:
    """The closed form as it stands in the paper, on the dense table."""
    x = taken.astype(np.float64)
    p = np.linalg.inv(x.T @ x + l2 * np.eye(x.shape[1]))
    b = -p / np.diag(p)
    np.fill_diagonal(b, 0.0)
    return np.asarray(x @ b)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 1_000), st.sampled_from((1.0, 30.0, 500.0)))
def test_scores_are_those_of_the_closed_form(seed: int, l2: float) -> None:
    taken = tastes(seed, n_users=30, n_items=12)
    ranker = ESTIMATOR.load(ESTIMATOR.fit(interactions(taken), parameters={"l2": l2, "max_items": 100}, seed=0))
    kept = taken.sum(axis=0) > 0
    expected = plain_scores(taken[:, kept], l2)

    for user, items in enumerate(taken):
        found = ranker.score(np.flatnonzero(items).tolist())
        assert found[kept] == pytest.approx(expected[user], abs=1e-5)


def test_people_are_offered_what_people_like_them_take() -> None:
    taken = tastes()
    ranker = ESTIMATOR.load(ESTIMATOR.fit(interactions(taken), parameters=ESTIMATOR.defaults, seed=0))

    first, second = ranker.score([0, 1, 2]), ranker.score([20, 21, 22])

    assert set(np.argsort(-first)[:10].tolist()) <= set(range(20))
    assert set(np.argsort(-second)[:10].tolist()) <= set(range(20, 40))


def test_the_penalty_is_chosen_among_the_candidates_and_told() -> None:
    told: list[str] = []
    rows = interactions(tastes(n_users=200))

    parts = ESTIMATOR.fit(rows, parameters=ESTIMATOR.defaults, seed=0, tell=told.append)

    assert parts.arrays["l2"][0] in CANDIDATES
    assert f"Penalty {parts.arrays['l2'][0]:g}" in told[0]


def test_an_item_seen_twice_counts_once_and_order_does_not_matter() -> None:
    ranker = ESTIMATOR.load(ESTIMATOR.fit(interactions(tastes()), parameters=ESTIMATOR.defaults, seed=0))

    assert np.array_equal(ranker.score([3, 5]), ranker.score([5, 3, 5]))


def test_items_beyond_the_limit_come_last_and_nothing_seen_tells_nothing() -> None:
    taken = tastes()
    parts = ESTIMATOR.fit(interactions(taken), parameters={"l2": 50.0, "max_items": 10}, seed=0)
    ranker = ESTIMATOR.load(parts)
    most = np.argsort(-taken.sum(axis=0), kind="stable")[:10]
    scores = ranker.score(most[:3].tolist())

    assert parts.arrays["weights"].shape == (10, 10)
    assert parts.arrays["weights"].dtype == np.float32
    assert scores[np.setdiff1d(np.arange(40), most)].max() <= scores[most].min()
    assert not ranker.score([]).any()


def test_same_rows_same_parts() -> None:
    one, other = (ESTIMATOR.fit(interactions(tastes()), parameters=ESTIMATOR.defaults, seed=1) for _ in range(2))

    assert all(one.arrays[name].tobytes() == other.arrays[name].tobytes() for name in one.arrays)


@pytest.mark.parametrize("estimator", [ESTIMATOR, POPULAR])
def test_parts_of_something_else_are_refused(estimator: object) -> None:
    with pytest.raises(BundleError, match="Train the version again"):
        estimator.load(Parts(arrays={"something": np.zeros(3)}))  # type: ignore[attr-defined]  # both have it


def test_popularity_counts_each_person_once_and_forgets() -> None:
    day = 86_400.0
    rows = Interactions(
        users=np.array([0, 0, 0, 1, 2]),
        items=np.array([0, 0, 0, 1, 1]),
        weights=np.ones(5),
        times_s=np.array([0.0, 1.0, 30 * day, 30 * day, 0.0]),
        n_users=3,
        n_items=3,
    )

    counted = POPULAR.fit(rows, parameters={"half_life_days": 0.0}, seed=0).arrays["popularity"]
    forgot = POPULAR.fit(rows, parameters={"half_life_days": 30.0}, seed=0).arrays["popularity"]

    assert counted.tolist() == [1.0, 2.0, 0.0]
    assert forgot.tolist() == [1.0, 1.5, 0.0]
