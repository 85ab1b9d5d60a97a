import numpy as np
import pytest

from telltale.contract.estimator import Continued, Floats, Seasons
from telltale.train.interval_factor import Continue, interval_factors, widened
from telltale.train.series import Series

HORIZON = 10


def walks(n: int, *, length: int = 60) -> list[Series]:
    rng = np.random.default_rng(0)
    return [
        Series(
            name=str(number),
            values=np.cumsum(rng.normal(size=length)),
            seasons=(),
            n_filled=0,
            origin_s=0.0,
            ahead_s=lambda horizon: np.arange(1.0, horizon + 1.0),
        )
        for number in range(n)
    ]


def last_value(width: float, *, grows: bool = True) -> Continue:
    """The last value again, with the right interval of a walk of unit steps times `width`."""

    def forecast(values: Floats, seasons: Seasons) -> Continued:
        middle = np.full(HORIZON, values[-1])
        reach = 1.96 * width * np.sqrt(np.arange(1, HORIZON + 1) if grows else np.ones(HORIZON))
        return Continued(values=middle, low=middle - reach, high=middle + reach)

    return forecast


def factors(series: list[Series], forecast: Continue, *, most_series: int = 500) -> Floats:
    return interval_factors(series, forecast, horizon=HORIZON, level=0.95, most_series=most_series)


@pytest.mark.parametrize(("width", "expected"), [(1.0, 1.0), (0.5, 2.0), (1.6, 1 / 1.6)])
def test_an_interval_is_brought_to_the_width_that_it_should_have(width: float, expected: float) -> None:
    found = factors(walks(400), last_value(width))

    assert found == pytest.approx(np.full(HORIZON, expected), rel=0.12)


def test_the_further_half_is_widened_by_itself() -> None:
    found = factors(walks(400), last_value(1.5, grows=False))

    assert found[-1] > 1.3 * found[0]
    assert (np.diff(found) >= 0).all()


def test_a_few_series_move_it_little_and_none_not_at_all() -> None:
    many, few = factors(walks(400), last_value(0.5)), factors(walks(2), last_value(0.5))

    assert (few < many).all()
    assert factors(walks(5, length=15), last_value(0.5)).tolist() == [1.0] * HORIZON


def test_what_it_learns_from_is_not_what_is_forecast() -> None:
    seen = []

    def watched(values: Floats, seasons: Seasons) -> Continued:
        seen.append(len(values))
        return last_value(1.0)(values, seasons)

    factors(walks(7), watched, most_series=3)

    assert seen == [50, 50, 50]


def test_values_stay_and_bounds_move() -> None:
    said = Continued(values=np.array([5.0]), low=np.array([4.0]), high=np.array([8.0]), method="m")

    found = widened(said, np.array([2.0]))

    assert (found.values[0], found.low[0], found.high[0], found.method) == (5.0, 3.0, 11.0, "m")
