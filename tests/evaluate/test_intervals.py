import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from telltale.evaluate.intervals import auroc_interval, rate, undefined, wilson
from telltale.evaluate.ranking import auroc


@given(n=st.integers(1, 10**7), share=st.floats(0, 1))
def test_a_rate_lies_inside_its_interval_inside_zero_and_one(n: int, share: float) -> None:
    k = round(share * n)
    low, high = wilson(k, n)

    assert 0 <= low <= k / n <= high <= 1
    assert low < high


@given(n=st.integers(1, 10_000), share=st.floats(0, 1))
def test_ten_times_the_rows_narrow_the_interval(n: int, share: float) -> None:
    k = round(share * n)
    low, high = wilson(k, n)
    low_more, high_more = wilson(10 * k, 10 * n)

    assert high_more - low_more < high - low


def test_the_published_example_has_its_interval() -> None:
    assert wilson(38, 44) == pytest.approx((0.733, 0.936), abs=5e-4)
    assert wilson(38, 47) == pytest.approx((0.675, 0.896), abs=5e-4)


def test_twenty_of_twenty_still_leaves_doubt() -> None:
    low, high = wilson(20, 20)

    assert low == pytest.approx(0.839, abs=1e-3)
    assert high == 1.0


def test_no_trials_tell_nothing() -> None:
    assert wilson(0, 0) == (0.0, 1.0)
    assert rate(0, 0).n == 0
    assert np.isnan(rate(0, 0).value)
    assert np.isnan(undefined().low)


@pytest.mark.parametrize(("k", "n"), [(-1, 5), (6, 5)])
def test_more_hits_than_trials_are_refused(k: int, n: int) -> None:
    with pytest.raises(ValueError, match=r"hits must be in \[0, 5\]"):
        wilson(k, n)


@pytest.mark.parametrize("k", [0, 1, 5, 19, 20])
def test_wilson_covers_the_true_rate_about_95_times_in_100(k: int) -> None:
    true = (k + 0.5) / 21
    hits = np.random.default_rng(k).binomial(60, true, size=2_000)

    covered = [low <= true <= high for low, high in (wilson(int(hit), 60) for hit in hits)]

    assert 0.90 < np.mean(covered) < 0.99


@given(value=st.floats(0, 1), n_positive=st.integers(1, 10**6), n_negative=st.integers(1, 10**6))
def test_an_area_lies_inside_its_interval(value: float, n_positive: int, n_negative: int) -> None:
    low, high = auroc_interval(value, n_positive, n_negative)

    assert 0 <= low <= value <= high <= 1
    assert low < high


def test_a_perfect_ranking_of_few_rows_keeps_a_wide_interval() -> None:
    low, high = auroc_interval(1.0, 5, 100)

    assert low < 0.81
    assert high == 1.0


@pytest.mark.parametrize(("shift", "true"), [(0.0, 0.5), (1.0, 0.76025), (2.0, 0.92135)])
def test_the_area_interval_covers_the_true_area_about_95_times_in_100(shift: float, true: float) -> None:
    rng = np.random.default_rng(7)
    labels = np.array([1] * 20 + [0] * 380, dtype=np.int8)

    covered = []
    for _ in range(400):
        low, high = auroc_interval(auroc(labels, rng.normal(size=400) + shift * labels), 20, 380)
        covered.append(low <= true <= high)

    assert 0.92 < np.mean(covered) < 0.995
