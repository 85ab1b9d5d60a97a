import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from telltale.evaluate.rank_metrics import gain_over, rank_metrics

Users = list[tuple[list[bool], int]]


@st.composite
def users(draw: st.DrawFn) -> Users:
    found = []
    for _ in range(draw(st.integers(1, 12))):
        flags = draw(st.lists(st.booleans(), max_size=25))
        found.append((flags, max(1, sum(flags)) + draw(st.integers(0, 30))))
    return found


def plain(told: Users) -> dict[str, float]:
    """Item by item, as the definitions read."""
    hit, ndcg, recall = [], [], []
    for flags, n_relevant in told:
        gained = sum(1 / np.log2(place + 2) for place, flag in enumerate(flags[:10]) if flag)
        ideal = sum(1 / np.log2(place + 2) for place in range(min(10, n_relevant)))
        hit.append(float(any(flags[:10])))
        ndcg.append(gained / ideal)
        recall.append(sum(flags[:20]) / n_relevant)
    return {
        name: float(np.mean(values))
        for name, values in (("hit_rate_10", hit), ("ndcg_10", ndcg), ("recall_20", recall))
    }


@given(users())
def test_figures_are_those_of_the_definitions(told: Users) -> None:
    found = rank_metrics([np.array(flags, dtype=bool) for flags, _ in told], [n for _, n in told])

    for name, value in plain(told).items():
        assert found[name].value == pytest.approx(value)
        assert 0 <= found[name].low <= found[name].value <= found[name].high <= 1 + 1e-9
        assert found[name].n == len(told)


def test_an_item_first_is_worth_more_than_an_item_tenth_and_an_eleventh_nothing() -> None:
    first, tenth, eleventh = (rank_metrics([np.arange(20) == place], [1])["ndcg_10"].value for place in (0, 9, 10))

    assert first == 1.0 > tenth > eleventh == 0.0


def test_a_hundred_hits_in_a_hundred_keep_a_width() -> None:
    found = rank_metrics([np.array([True])] * 100, [1] * 100)["hit_rate_10"]

    assert found.value == 1.0
    assert 0.9 < found.low < 1.0


def test_the_gain_is_paired_by_user() -> None:
    ours = [np.array([True]), np.array([True])] * 50
    theirs = [np.array([True]), np.array([False])] * 50

    gain = gain_over(ours, theirs, [1] * 100, metric="hit_rate_10")

    assert gain.value == 0.5
    assert 0.3 < gain.low < 0.5 < gain.high < 0.7
    assert gain_over(ours, ours, [1] * 100, metric="hit_rate_10").high == 0.0


def test_nobody_defines_no_figure() -> None:
    assert all(np.isnan(measured.value) for measured in rank_metrics([], []).values())
    assert np.isnan(gain_over([], [], [], metric="ndcg_10").value)
