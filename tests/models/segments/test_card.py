"""A card of points: sums that anybody can check, levels, and the fit that makes it."""

import numpy as np
import pytest

from telltale.contract.errors import BundleError, NotEnoughDataError, UsageError
from telltale.contract.estimator import Features, Floats, Parts
from telltale.models.segments.card import Card
from telltale.models.segments.card_fit import SHARES, as_value, fit_card, thinned
from telltale.models.value_points import ESTIMATOR, resampled

BY_HAND = Parts(
    arrays={
        "cuts": np.array([2.0, 5.0, 30.0]),
        "n_cuts": np.array([2, 1]),
        "points": np.array([0, 20, 60, 40, 0]),
        "expected": np.log(np.array([[1.0], [2.0], [4.0], [1.0], [0.5]])),
        "base": np.log(np.array([10.0])),
        "most": np.log(np.array([35.0])),
        "levels": np.array([80, 40]),
        "middles": np.array([100.0, 60.0, 10.0]),
    }
)


def rows(n: int = 900, seed: int = 0) -> tuple[Features, Floats, list[Floats]]:
    """Orders and days since the last; those who order often and lately spend more later."""
    rng = np.random.default_rng(seed)
    orders, days = rng.poisson(4.0, n).astype(np.float64), rng.uniform(0, 100, n)
    spend = rng.gamma(2.0, np.exp(0.4 * orders - 0.02 * days))
    later = np.where(rng.random(n) < 0.7, spend, 0.0)
    features = np.column_stack([orders, days]).astype(np.float32)
    return (
        features,
        np.column_stack([later, later > 0]).astype(np.float64),
        [np.arange(1.0, 12), np.arange(10.0, 100, 10)],
    )


def fitted(k: int = 4, seed: int = 0) -> Card:
    features, outcomes, cuts = rows(seed=seed)
    parts = fit_card(features, outcomes, cuts=cuts, rows=np.arange(len(features)), k=k, shrinkage=1.0)
    return Card(parts, where="card")


def test_points_add_up_and_the_sum_is_the_segment() -> None:
    card = Card(BY_HAND, where="card")
    given = np.array([[5, 10], [2, 10], [4.9, 30], [0, 30]], dtype=np.float32)

    points = card.points(given)

    assert points.of.tolist() == [[60, 40], [20, 40], [20, 0], [0, 0]]
    which, distance = card.assign(given)
    assert which.tolist() == [0, 1, 2, 2]
    assert distance.tolist() == [0.0, 0.0, 10.0, 10.0]
    assert points.expected[:, 0] == pytest.approx([35.0, 20.0, 10.0, 5.0])  # the first is held at the most


@pytest.mark.parametrize("lost", ["levels", "most", "points"])
def test_a_card_without_a_part_is_refused_by_name(lost: str) -> None:
    arrays = {name: array for name, array in BY_HAND.arrays.items() if name != lost}

    with pytest.raises(BundleError, match=lost):
        Card(Parts(arrays=arrays), where="card")


def test_a_card_whose_parts_do_not_fit_is_refused() -> None:
    with pytest.raises(BundleError, match="do not fit each other"):
        Card(Parts(arrays={**BY_HAND.arrays, "points": np.array([0, 1])}), where="card")


def test_more_orders_give_more_points_and_longer_ago_gives_fewer() -> None:
    orders, days = fitted().points_of

    assert (np.diff(orders) >= 0).all()
    assert (np.diff(days) <= 0).all()
    assert orders.max() + days.max() == pytest.approx(100, abs=2)


@pytest.mark.parametrize("k", sorted(SHARES))
def test_segments_hold_about_their_shares_and_the_first_is_worth_most(k: int) -> None:
    features, outcomes, _ = rows()
    card = fitted(k)
    which, _ = card.assign(features)

    shares = np.bincount(which, minlength=k) / len(which)
    assert shares == pytest.approx(SHARES[k], abs=0.05)
    later = [outcomes[which == segment, 0].mean() for segment in range(k)]
    assert later == sorted(later, reverse=True)


def test_what_is_expected_is_near_what_comes_of_others() -> None:
    features, outcomes, _ = rows(seed=1)
    expected = fitted(seed=0).points(features).expected

    assert expected[:, 0].mean() == pytest.approx(outcomes[:, 0].mean(), rel=0.3)
    assert np.corrcoef(np.argsort(np.argsort(expected[:, 0])), np.argsort(np.argsort(outcomes[:, 0])))[0, 1] > 0.25
    assert 0.3 < expected[:, 1].mean() < 0.9


def test_rows_whose_outcome_is_not_known_have_no_part_in_the_points() -> None:
    features, outcomes, cuts = rows()
    more = np.concatenate([features, features[:300]])
    later = np.concatenate([outcomes, np.full((300, 2), np.nan)])
    # Wrong outcomes on the added rows would move the card.
    wrong = np.concatenate([outcomes, np.full((300, 2), 1e6)])

    def points(of: Floats) -> list[int]:
        parts = fit_card(more, of, cuts=cuts, rows=np.arange(len(more)), k=4, shrinkage=1.0)
        found: list[int] = Card(parts, where="card").points_of[0].tolist()
        return found

    assert points(later) != points(wrong)
    orders = fitted().points_of[0]
    assert np.abs(np.array(points(later)[: len(orders)]) - orders).max() <= 5


def test_cuts_so_close_that_hardly_a_row_lies_between_are_left_out() -> None:
    values = np.repeat(np.arange(10.0), 10)

    assert thinned(values, np.array([0.5, 0.6, 4.5, 9.5])).tolist() == [0.5, 4.5]
    assert thinned(values, np.array([])).tolist() == []


def test_values_are_logarithms_from_the_middle_of_what_was_not_nothing() -> None:
    assert as_value(np.array([0.0, 10.0, 10.0])).tolist() == [0.0, np.log(2), np.log(2)]


def test_rows_of_one_group_are_drawn_together() -> None:
    groups = np.array([0, 0, 1, 2, 2, 2])
    drawn = resampled(groups, np.random.default_rng(0))

    counts = np.bincount(drawn, minlength=6)
    assert counts[0] == counts[1]
    assert counts[3] == counts[4] == counts[5]
    assert counts.sum() == len(drawn)


def test_too_few_known_outcomes_and_a_number_of_segments_that_there_is_not_are_refused() -> None:
    features, outcomes, cuts = rows(60)
    outcomes[40:] = np.nan
    groups = np.arange(60)

    with pytest.raises(NotEnoughDataError, match="known of 40 rows"):
        ESTIMATOR.fit(features, outcomes=outcomes, cuts=cuts, groups=groups, parameters=ESTIMATOR.defaults, seed=0)
    outcomes[:] = 1.0
    with pytest.raises(UsageError, match="k of value_points"):
        ESTIMATOR.fit(
            features, outcomes=outcomes, cuts=cuts, groups=groups, parameters={**ESTIMATOR.defaults, "k": 9}, seed=0
        )


def test_the_most_segments_that_come_out_alike_are_chosen_and_said() -> None:
    features, outcomes, cuts = rows(1_200)
    told: list[str] = []
    parts = ESTIMATOR.fit(
        features, outcomes=outcomes, cuts=cuts, groups=np.arange(1_200),
        parameters=ESTIMATOR.defaults, seed=0, tell=told.append,
    )  # fmt: skip

    assert ESTIMATOR.load(parts).n_segments in SHARES
    assert told[0].startswith(f"{ESTIMATOR.load(parts).n_segments} segments")
