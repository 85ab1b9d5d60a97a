from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from telltale.contract.errors import SchemaError
from telltale.telemetry.frames import ENTITY, LINE, TIME
from telltale.train.series import Series, series_of

START = datetime(2024, 1, 1, tzinfo=UTC)


def frame(times: list[datetime], values: list[float], name: str = "a") -> pl.DataFrame:
    return pl.DataFrame(
        {
            ENTITY: [name] * len(times),
            TIME: pl.Series(times, dtype=pl.Datetime("us", "UTC")),
            LINE: pl.Series(range(1, len(times) + 1), dtype=pl.Int64),
            "value": pl.Series(values, dtype=pl.Float64),
        }
    )


def only(times: list[datetime], values: list[float] | None = None) -> Series:
    found, refused = series_of(frame(times, values or [1.0] * len(times)), "value")
    assert not refused
    return found[0]


def every(n: int, **step: float) -> list[datetime]:
    return [START + number * timedelta(**step) for number in range(n)]


def months(n: int) -> list[datetime]:
    return [datetime(2020 + number // 12, number % 12 + 1, 1, tzinfo=UTC) for number in range(n)]


def ahead(one: Series, horizon: int) -> list[datetime]:
    return [datetime.fromtimestamp(time_s, UTC) for time_s in one.ahead_s(horizon).tolist()]


@pytest.mark.parametrize(
    ("times", "seasons"),
    [
        (every(40, days=1), (7,)),
        (every(100, hours=1), (24,)),
        (every(340, hours=1), (24, 168)),
        (every(110, weeks=1), (52,)),
        (every(100, minutes=15), ()),  # a day is 96 steps: not two of them
        (every(200, minutes=15), (96,)),
        (every(50, seconds=7), ()),
        (months(30), (12,)),
        (months(40)[::3], (4,)),
        (every(13, days=1), ()),  # less than two weeks
        (every(90, weeks=1), ()),
    ],
    ids=[
        "daily",
        "hourly",
        "two weeks of hours",
        "weekly",
        "quarters",
        "two days of quarters",
        "odd",
        "monthly",
        "quarterly",
        "short",
        "year",
    ],
)
def test_the_season_follows_from_the_spacing_and_the_length(times: list[datetime], seasons: tuple[int, ...]) -> None:
    assert only(times).seasons == seasons


def test_steps_go_on_where_the_rows_end() -> None:
    daily = only(every(20, days=1))

    assert ahead(daily, 2) == [START + timedelta(days=20), START + timedelta(days=21)]
    assert daily.origin_s == (START + timedelta(days=19)).timestamp()


def test_months_go_on_by_the_calendar() -> None:
    monthly = only(months(14))

    assert ahead(monthly, 3) == [datetime(2021, month, 1, tzinfo=UTC) for month in (3, 4, 5)]


def test_missing_steps_are_filled_between_their_neighbours_and_counted() -> None:
    times = [*every(10, days=1)[:4], *every(10, days=1)[6:]]
    one = only(times, [0.0, 1.0, 2.0, 3.0, 6.0, 7.0, 8.0, 9.0])

    assert one.values.tolist() == list(map(float, range(10)))
    assert one.n_filled == 2


def test_rows_that_come_late_by_minutes_are_still_daily() -> None:
    rng = np.random.default_rng(0)
    times = [time + timedelta(minutes=float(rng.uniform(0, 20))) for time in every(30, days=1)]
    one = only(times)

    assert (len(one.values), one.seasons, one.n_filled) == (30, (7,), 0)


def test_a_long_history_is_cut_to_its_end() -> None:
    values = list(map(float, range(5_000)))

    one = only(every(5_000, days=1), values)

    assert len(one.values) == 1_000
    assert one.values[-1] == 4_999.0


def test_one_row_is_a_series_and_rows_anyhow_are_none() -> None:
    assert only([START]).values.tolist() == [1.0]

    burst = [START + timedelta(seconds=number) for number in range(10)]
    found, refused = series_of(frame([*burst, START + timedelta(days=300)], [1.0] * 11), "value")
    assert found == []
    assert "unevenly" in refused["a"]


def test_rows_without_time_are_refused() -> None:
    rows = frame([START], [1.0]).with_columns(pl.lit(None, dtype=pl.Datetime("us", "UTC")).alias(TIME))

    with pytest.raises(SchemaError, match="Give each row its time"):
        series_of(rows, "value")
