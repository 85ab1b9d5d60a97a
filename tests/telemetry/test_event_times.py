"""Event times: what is taken, what is refused, and that each is exact to the microsecond."""

from datetime import UTC, datetime, timedelta, timezone, tzinfo

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from telltale.telemetry.frames import TIME_DTYPE
from telltale.telemetry.times import parse_times, time_fault

_OFFSETS: st.SearchStrategy[tzinfo] = st.integers(-14 * 60, 14 * 60).map(
    lambda minutes: timezone(timedelta(minutes=minutes))
)
_FIRST, _LAST = datetime(1900, 1, 1), datetime(2200, 1, 1)  # noqa: DTZ001  # hypothesis wants naive bounds


@given(st.lists(st.datetimes(_FIRST, _LAST, timezones=_OFFSETS), min_size=1), st.sampled_from("T t"))
def test_iso_text_with_an_offset_is_the_same_moment_in_utc(moments: list[datetime], between: str) -> None:
    times = parse_times(pl.Series([moment.isoformat(between) for moment in moments]))

    assert times.dtype == TIME_DTYPE
    assert times.to_list() == [moment.astimezone(UTC) for moment in moments]


@given(st.datetimes(_FIRST, _LAST))
def test_naive_time_is_utc_in_text_and_in_columns(moment: datetime) -> None:
    aware = moment.replace(tzinfo=UTC)

    assert parse_times(pl.Series([moment.isoformat()])).to_list() == [aware]
    assert parse_times(pl.Series([moment], dtype=pl.Datetime("us"))).to_list() == [aware]
    assert parse_times(pl.Series([moment], dtype=pl.Datetime("ns"))).to_list() == [aware]
    assert parse_times(pl.Series([aware], dtype=pl.Datetime("us", "Asia/Tokyo"))).to_list() == [aware]


@given(st.integers(-(10**9), 4 * 10**9), st.integers(0, 999_999))
def test_epoch_seconds_are_exact_to_the_microsecond(seconds: int, micros: int) -> None:
    expected = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds, microseconds=micros)
    number = (seconds * 1_000_000 + micros) / 1e6

    assert parse_times(pl.Series([number])).to_list() == [expected]
    assert parse_times(pl.Series([repr(number)])).to_list() == [expected]
    assert parse_times(pl.Series([seconds])).to_list() == [expected - timedelta(microseconds=micros)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2024-02-29", "2024-02-29T00:00:00"),
        ("2024-01-01 10:30", "2024-01-01T10:30:00"),
        (" 2024-01-01T10:30:00Z ", "2024-01-01T10:30:00"),
        ("2024-01-01T10:30:00+0530", "2024-01-01T05:00:00"),
        ("2024-01-01T10:30:00-05", "2024-01-01T15:30:00"),
        ("2024-01-01T10:30:00.1234567", "2024-01-01T10:30:00.123456"),
        ("2024-01-01T10:30:00.05Z", "2024-01-01T10:30:00.050000"),
        ("1704067200", "2024-01-01T00:00:00"),
    ],
)
def test_forms_of_a_time_that_are_taken(text: str, expected: str) -> None:
    moment = datetime.fromisoformat(expected).replace(tzinfo=UTC)

    assert parse_times(pl.Series([text])).to_list() == [moment]
    assert parse_times(pl.Series([text, 1.5], dtype=pl.Object)).to_list()[0] == moment


@pytest.mark.parametrize(
    "value",
    [
        "",
        "soon",
        "2024-13-01",
        "2023-02-29",
        "2024-01-01T24:00:00",
        "2024-01-01T10:60",
        "2024-01-01T10:30:61",
        "01/02/2024",
        "2024-01-01T10:30:00+25:00",
        "nan",
        "inf",
        "٢٠٢٤-01-01",
        "0000-01-01",
        "-62135596801",
        "1_704_067_200",
    ],
)
def test_forms_that_are_no_time(value: str) -> None:
    assert parse_times(pl.Series([value])).to_list() == [None]
    assert time_fault(value) == "is not a time; give ISO 8601 or epoch seconds"


@pytest.mark.parametrize("value", [1_704_067_200_000, 1.704e12, "1704067200000", 1_704_067_200_000_000])
def test_milliseconds_are_refused_with_the_mend_not_guessed(value: float | str) -> None:
    assert parse_times(pl.Series([value])).to_list() == [None]
    assert time_fault(value) == "is not epoch seconds; give seconds, not milliseconds"


@pytest.mark.parametrize("values", [[True], [[1]], [b"2024-01-01"]])
def test_other_types_are_no_time(values: list[object]) -> None:
    assert parse_times(pl.Series(values)).to_list() == [None]
