from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telltale.storage.instants import from_us, to_us

ZONES = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
MOMENTS = st.datetimes(min_value=datetime(1900, 1, 1), max_value=datetime(2200, 1, 1), timezones=ZONES)  # noqa: DTZ001


@given(at=MOMENTS)
def test_a_stored_moment_comes_back_to_the_microsecond(at: datetime) -> None:
    assert from_us(to_us(at)) == at


@given(first=MOMENTS, second=MOMENTS)
def test_stored_moments_sort_as_moments_do(first: datetime, second: datetime) -> None:
    assert (to_us(first) < to_us(second)) == (first < second)


def test_a_moment_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match=r"no time zone.*datetime.now"):
        to_us(datetime.now(UTC).replace(tzinfo=None))
