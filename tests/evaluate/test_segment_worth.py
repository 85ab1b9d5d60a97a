"""How well segments tell apart what came later, against arithmetic by hand and the plain way."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from telltale.evaluate.segment_worth import METRICS, eta_squared, lift_of_top, quintiles, worth_metrics


def sample(n: int = 400, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """A known worth, and what came later of it."""
    rng = np.random.default_rng(seed)
    worth = rng.normal(size=n)
    return worth, np.where(rng.random(n) < 0.6, np.exp(worth + rng.normal(size=n)), 0.0)


@given(st.lists(st.integers(0, 4), min_size=3, max_size=40), st.integers(0, 99))
def test_between_segments_lies_what_the_means_of_segments_say(which: list[int], seed: int) -> None:
    outcome = np.random.default_rng(seed).normal(size=len(which))
    numbers = np.array(which)
    by_means = np.array([outcome[numbers == one].mean() for one in which])

    assert eta_squared(numbers, outcome) == pytest.approx(by_means.var() / outcome.var(), abs=1e-9)


def test_nothing_varies_and_nothing_is_told_apart() -> None:
    assert eta_squared(np.array([0, 1]), np.ones(2)) == 0.0
    assert lift_of_top(np.arange(5.0), np.zeros(5)) == 1.0


def test_the_first_fifth_by_worth_is_what_lift_counts() -> None:
    outcome = np.array([10.0, 0, 0, 0, 0, 5, 5, 0, 0, 0])

    assert lift_of_top(np.arange(10.0)[::-1], outcome) == pytest.approx(2.5)
    assert lift_of_top(np.arange(10.0), outcome) == 0.0


def test_equal_values_are_in_one_fifth() -> None:
    values = np.array([1.0] * 7 + [2.0, 3.0, 4.0])

    assert len(set(quintiles(values)[:7].tolist())) == 1
    assert quintiles(np.arange(100.0)).tolist() == sorted(quintiles(np.arange(100.0)).tolist())
    assert np.bincount(quintiles(np.arange(100.0))).tolist() == [20] * 5


def test_segments_that_know_more_than_the_plain_way_gain_and_those_that_know_nothing_lose() -> None:
    worth, later = sample()
    plain = [worth + 3 * np.random.default_rng(1).normal(size=len(worth))]

    knows = worth_metrics(4 - quintiles(worth), worth, later, plain=plain)
    blind = worth_metrics(np.arange(len(worth)) % 5, np.zeros(len(worth)), later, plain=plain)

    assert knows["eta2_gain"].low > 0
    assert knows["lift_top20"].value > 1.5
    assert knows["lift_top20"].low <= knows["lift_top20"].value <= knows["lift_top20"].high
    assert blind["eta2"].value < 0.05
    assert blind["eta2_gain"].value < 0


def test_rows_whose_outcome_is_not_known_are_left_out() -> None:
    worth, later = sample()
    which = 4 - quintiles(worth)
    more = worth_metrics(
        np.concatenate([which, which]),
        np.concatenate([worth, -worth]),
        np.concatenate([later, np.full(len(later), np.nan)]),
        plain=(),
    )

    assert more["eta2"] == worth_metrics(which, worth, later, plain=())["eta2"]
    assert np.isnan(more["eta2_gain"].value)


def test_too_few_rows_define_no_figure() -> None:
    found = worth_metrics(np.zeros(5, dtype=np.int64), np.zeros(5), np.ones(5), plain=())

    assert set(found) == set(METRICS)
    assert all(one.n == 0 for one in found.values())
