"""How the blend is chosen: what is left out, what repeats are worth, and what stands close."""

import numpy as np
import pytest
from msgspec.structs import replace
from tests.models.recommend.taste import interactions, tastes

from telltale.contract.estimator import Interactions
from telltale.models.hybrid import ESTIMATOR
from telltale.models.recommend.blend import Judged, climb, standardised
from telltale.models.recommend.closeness import gram_matrices, weights_of
from telltale.models.recommend.left_out import leave_out
from telltale.models.recommend.repeats import AS_ANY, repeat_terms
from telltale.models.recommend.taken import most_taken

PARAMETERS = {**ESTIMATOR.defaults, "n_factors": 8}
DAY_S = 86_400.0


def shop(*, again: float, seed: int = 0, n_users: int = 150, n_items: int = 40, n_rows: int = 16) -> Interactions:
    """A row a day each, for so many days; with the chance `again` it is an item of their own five, else one new to them."""
    rng = np.random.default_rng(seed)
    own = np.stack([rng.permutation(n_items)[:5] for _ in range(n_users)])
    is_own = rng.random((n_users, n_rows)) < again
    items = np.where(
        is_own,
        np.take_along_axis(own, rng.integers(0, 5, (n_users, n_rows)), axis=1),
        np.stack([rng.permutation(n_items)[:n_rows] for _ in range(n_users)]),
    )
    return Interactions(
        users=np.repeat(np.arange(n_users), n_rows),
        items=items.ravel().astype(np.int64),
        weights=np.ones(items.size),
        times_s=np.tile(np.arange(n_rows) * DAY_S, n_users),
        n_users=n_users,
        n_items=n_items,
    )


def test_the_latest_rows_are_left_out_where_people_came_before_and_after() -> None:
    rows = shop(again=0.5)

    out = leave_out(rows, seed=0, most_users=50)

    assert out is not None
    assert out.is_latest
    assert out.rows.times_s.max() < rows.times_s.max()
    assert len(out.past) == len(out.wanted) == 50
    assert {len(past) for past in out.past} == {14}  # a tenth of sixteen days, whole moments


def test_where_few_people_came_after_a_fifth_of_each_ones_items_is_left_out() -> None:
    rows = interactions(tastes(n_items=60))

    out = leave_out(rows, seed=0, most_users=1_000)

    assert out is not None
    assert not out.is_latest
    share = sum(map(len, out.wanted)) / len(rows.users)
    assert 0.15 < share < 0.25
    for past, wanted in zip(out.past, out.wanted, strict=True):
        assert not set(past) & set(wanted.tolist())


def test_too_few_rows_leave_nothing_out_and_the_blend_is_the_one_given() -> None:
    rows = interactions(np.eye(12, dtype=np.int64))

    assert leave_out(rows, seed=0, most_users=1_000) is None
    assert ESTIMATOR.fit(rows, parameters=PARAMETERS, seed=0).arrays["blend"].tolist() == [1.0, 1.0, 0.0, 0.0, 0.0]


def test_items_taken_again_come_first_where_people_take_them_again() -> None:
    parts = ESTIMATOR.fit(shop(again=0.9), parameters=PARAMETERS, seed=0)

    scores = ESTIMATOR.load(parts).score([7, 7, 7, 3, 7])

    assert np.argsort(-scores)[:2].tolist() == [7, 3]


def test_where_nothing_is_ever_taken_again_a_repeat_is_worth_what_any_item_is() -> None:
    parts = ESTIMATOR.fit(interactions(tastes(n_items=60)), parameters=PARAMETERS, seed=0)

    assert parts.arrays["again"].tolist() == list(AS_ANY)


def test_of_repeats_the_count_and_the_last_place_are_told() -> None:
    items, terms = repeat_terms([4, 2, 4, 9])

    assert items.tolist() == [2, 4, 9]
    assert terms[:, 1].tolist() == pytest.approx(np.log([1, 2, 1]).tolist())
    assert terms[:, 2].tolist() == pytest.approx((-np.log1p(np.array([2, 1, 0]) / 20)).tolist())


def test_what_stands_close_counts_more_than_what_stands_apart() -> None:
    taken = np.ones((6, 30), dtype=np.int64)
    rows = interactions(taken)
    kept = np.arange(30)

    both, close = gram_matrices(rows, kept)

    assert both[0, 1] == pytest.approx(both[0, 29])
    assert close[0, 1] > close[0, 5] > close[0, 29] >= 0
    assert close == pytest.approx(close.T)
    assert close[3, 4] == pytest.approx(6 * np.exp(-1 / 10))
    assert np.diag(close).tolist() == [6.0] * 30


def test_an_attribute_brings_its_items_together_and_reaches_items_that_hardly_anybody_took() -> None:
    taken = tastes(n_items=20, n_users=60)
    taken[:, 19] = 0
    taken[:2, 19] = 1
    plain = interactions(taken)
    told = replace(plain, attributes={"tags": [("first",) if item in {0, 1, 19} else () for item in range(20)]})
    kept = most_taken(plain, 99)
    place = {item: number for number, item in enumerate(kept.tolist())}

    def weight(rows: Interactions) -> float:
        return float(weights_of(gram_matrices(rows, kept)[0], l2=20.0)[place[0], place[19]])

    assert weight(told) > weight(plain)


def test_weights_are_the_closed_form() -> None:
    rows = interactions(tastes(n_items=20))
    gram, _ = gram_matrices(rows, np.arange(20))
    inverse = np.linalg.inv(gram + 30.0 * np.eye(20))
    expected = -inverse / np.diag(inverse)
    np.fill_diagonal(expected, 0.0)

    assert weights_of(gram, l2=30.0) == pytest.approx(expected, abs=1e-4)


def test_ndcg_of_scores_is_the_usual_one() -> None:
    judged = Judged.of([[0], [1]], [np.array([2]), np.array([1])], n_items=4, again=False)

    assert judged.n == 1  # the second wants what they had
    assert judged.ndcg(np.array([[9.0, 3.0, 2.0, 1.0]] * 2)) == pytest.approx(1 / np.log2(3))
    assert Judged.of([[0]], [np.array([0])], n_items=4, again=True).ndcg(np.array([[9.0, 3, 2, 1]])) == 1.0


def test_a_climb_takes_what_is_clearly_better_and_stays_where_nothing_is() -> None:
    grid = [(0.0, 1.0, 2.0), (0.0, 1.0, 2.0)]

    assert climb([0.0, 0.0], grid, lambda at: np.array([5 - (at[0] - 1) ** 2 - (at[1] - 2) ** 2]))[0] == [1.0, 2.0]
    assert climb([1.0, 1.0], grid, lambda at: np.array([1.0 + 1e-4 * at[0]]))[0] == [1.0, 1.0]
    by_chance = np.array([1.0, -1.0, 1.0, -0.9])  # higher on average, by far less than its error
    assert climb([1.0, 1.0], grid, lambda at: 9 + at[0] * by_chance)[0] == [1.0, 1.0]


def test_standardised_scores_have_one_scale_and_equal_ones_none() -> None:
    found = standardised(np.array([1.0, 5.0, 3.0]))

    assert (found.mean(), found.std()) == pytest.approx((0.0, 1.0))
    assert standardised(np.full(3, 7.0)).tolist() == [0.0, 0.0, 0.0]
