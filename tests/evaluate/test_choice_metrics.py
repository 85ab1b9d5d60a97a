import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from telltale.evaluate.choice_metrics import choice_metrics

COSTS = arrays(np.float64, st.tuples(st.integers(1, 40), st.integers(2, 5)), elements=st.floats(0.01, 1e3))


@settings(deadline=None)  # nothing here is about time
@given(costs=COSTS)
def test_the_cheapest_choice_has_no_regret_and_no_choice_has_less(costs: np.ndarray) -> None:
    best = choice_metrics(costs, costs.argmin(axis=1))
    other = choice_metrics(costs, np.zeros(len(costs), dtype=np.int64))

    assert best["regret"].value == 0.0
    assert best["accuracy"].value == 1.0
    assert other["regret"].value >= 0.0
    assert other["regret"].low <= other["regret"].value <= other["regret"].high


def test_figures_by_hand() -> None:
    costs = np.array([[1.0, 2.0], [1.0, 1.01], [4.0, 1.0], [1.0, 3.0]])
    figures = choice_metrics(costs, np.array([0, 1, 0, 1]))

    assert figures["regret"].value == (0.0 + 0.01 + 3.0 + 2.0) / 4
    assert figures["accuracy"].value == 0.25
    assert (figures["accuracy_clear"].value, figures["accuracy_clear"].n) == (1 / 3, 3)
    assert (figures["majority_accuracy"].value, figures["majority_accuracy"].n) == (2 / 3, 3)  # on the same three rows
    assert np.isclose(figures["regret_best_single"].value, 3.0 / 4)  # 7 for the first everywhere, 7.01 for the second
    assert np.isclose(figures["regret_gain"].value, 3.0 / 4 - 5.01 / 4)


def test_no_row_gives_no_figure() -> None:
    assert choice_metrics(np.empty((0, 3)), np.empty(0, dtype=np.int64)) == {}
