import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from telltale.evaluate.forecast_metrics import Compared, forecast_metrics

NUMBERS = st.lists(st.tuples(st.floats(-1e6, 1e6), st.floats(-1e6, 1e6)), min_size=1, max_size=20)


def compared(pairs: list[tuple[float, float]], *, width: float = 1.0, scale: float = 2.0) -> Compared:
    truth, values = (np.array(side) for side in zip(*pairs, strict=True))
    return Compared(truth=truth, values=values, low=values - width, high=values + width, scale=scale)


@given(st.lists(NUMBERS, min_size=1, max_size=5))
def test_figures_are_those_of_the_definitions_and_accuracy_is_a_share(told: list[list[tuple[float, float]]]) -> None:
    found = forecast_metrics([compared(pairs) for pairs in told])

    by_series = [
        np.mean([200 * abs(y - f) / (abs(y) + abs(f)) if abs(y) + abs(f) > 0 else 0.0 for y, f in pairs])
        for pairs in told
    ]
    assert found["smape"].value == pytest.approx(np.mean(by_series), abs=1e-9)
    assert found["accuracy"].value == pytest.approx(1 - found["smape"].value / 200)
    assert found["mase"].value == pytest.approx(np.mean([np.mean([abs(y - f) / 2 for y, f in p]) for p in told]))
    for measured in found.values():
        assert measured.low <= measured.value <= measured.high
        assert measured.n == sum(len(pairs) for pairs in told)
    assert -1e-9 <= found["accuracy"].value <= 1 + 1e-9


def test_a_long_series_counts_no_more_than_a_short_one() -> None:
    long, short = compared([(100.0, 100.0)] * 90), compared([(100.0, 300.0)] * 10)

    assert forecast_metrics([long, short])["smape"].value == pytest.approx(50.0)


def test_coverage_counts_values_inside_the_interval() -> None:
    found = forecast_metrics([compared([(0.0, 0.0), (0.0, 5.0)]), compared([(1.0, 1.5), (1.0, 1.5)])])

    assert found["coverage_95"].value == 0.75


def test_a_series_that_naive_knew_exactly_has_no_mase() -> None:
    still = compared([(1.0, 2.0)], scale=0.0)

    assert np.isnan(forecast_metrics([still])["mase"].value)
    assert forecast_metrics([still, compared([(1.0, 2.0)])])["mase"].value == 0.5


def test_no_series_define_no_figure() -> None:
    assert all(np.isnan(measured.value) and measured.n == 0 for measured in forecast_metrics([]).values())
