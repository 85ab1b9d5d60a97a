"""Event times: ISO 8601 or epoch seconds in, microseconds UTC out."""

import math
from datetime import UTC, datetime
from typing import Final

import polars as pl

from telltale.telemetry.frames import TIME_DTYPE

# Epoch seconds above this (the year 5138) are milliseconds or microseconds: refused, for a guess may be wrong.
SECONDS_LIMIT: Final = 1e11
FIRST_S: Final = -62_135_596_800.0  # 0001-01-01, the first day that Python's datetime has

_ISO: Final = (
    r"^\s*(?P<day>[0-9]{4}-[0-9]{2}-[0-9]{2})"
    r"(?:[Tt ](?P<clock>(?:[01][0-9]|2[0-3]):[0-5][0-9])(?::(?P<second>[0-5][0-9])(?:\.(?P<fraction>[0-9]{1,9}))?)?"
    r"(?P<offset>[Zz]|[+-](?:[01][0-9]|2[0-3])(?::?[0-5][0-9])?)?)?\s*$"
)


def parse_times(raw: pl.Series) -> pl.Series:
    """Times as `TIME_DTYPE`; null where the value is missing or is no time.

    Taken: ISO 8601 dates and date-times (`T` or a space between, with or without offset; naive = UTC; finer than
    microseconds is cut), epoch seconds as number or text, and date or datetime columns (naive = UTC).

    >>> parse_times(pl.Series(["2024-01-01T02:00:00+02:00", "1704067200.5", "soon"])).dt.to_string("%H:%M:%S%.3f").to_list()
    ['00:00:00.000', '00:00:00.500', None]
    """
    dtype = raw.dtype
    if isinstance(dtype, pl.Datetime):
        aware = raw.dt.convert_time_zone("UTC") if dtype.time_zone else raw.dt.replace_time_zone("UTC")
        return _within_calendar(aware.cast(TIME_DTYPE))
    if dtype == pl.Date:
        return _within_calendar(raw.cast(pl.Datetime("us")).dt.replace_time_zone("UTC"))
    if dtype.is_numeric():
        return _from_seconds(raw.cast(pl.Float64))
    if dtype == pl.Object:
        raw = pl.Series(raw.name, [_as_text(value) for value in raw.to_list()], dtype=pl.String)
    if raw.dtype != pl.String:
        return pl.Series(raw.name, [None] * len(raw), dtype=TIME_DTYPE)
    times = _from_seconds(raw.str.strip_chars().cast(pl.Float64, strict=False))
    return times if times.null_count() == raw.null_count() else times.fill_null(_from_iso(raw))


def time_fault(value: object) -> str:
    """Why a value is no time, with the mend.

    >>> time_fault(1704067200000)
    'is not epoch seconds; give seconds, not milliseconds'
    """
    try:
        number = float(value) if isinstance(value, int | float | str) else math.nan
    except (ValueError, OverflowError):
        number = math.nan
    if math.isfinite(number) and number > SECONDS_LIMIT:
        return "is not epoch seconds; give seconds, not milliseconds"
    return "is not a time; give ISO 8601 or epoch seconds"


def show_time(time: datetime) -> str:
    """The time in ISO 8601, UTC, with `Z`.

    >>> show_time(datetime(2024, 1, 1, tzinfo=UTC))
    '2024-01-01T00:00:00Z'
    """
    return time.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _from_seconds(seconds: pl.Series) -> pl.Series:
    allowed = seconds.is_finite() & seconds.is_between(FIRST_S, SECONDS_LIMIT)
    kept = pl.select(pl.when(allowed).then(seconds * 1e6).alias(seconds.name)).to_series()
    return kept.round(mode="half_to_even").cast(pl.Int64).cast(pl.Datetime("us")).dt.replace_time_zone("UTC")


def _from_iso(texts: pl.Series) -> pl.Series:
    fields = pl.DataFrame({"text": texts}).select(pl.col("text").str.extract_groups(_ISO)).unnest("text")
    day, clock = pl.col("day"), pl.col("clock")
    offset = pl.col("offset").str.strip_chars_start("Zz").str.replace(":", "", literal=True)
    sign = pl.when(offset.str.starts_with("-")).then(-1).otherwise(1)
    offset_min = sign * (
        offset.str.slice(1, 2).cast(pl.Int64, strict=False).fill_null(0) * 60
        + offset.str.slice(3, 2).cast(pl.Int64, strict=False).fill_null(0)
    )
    second_us = pl.col("second").cast(pl.Int64).fill_null(0) * 1_000_000
    fraction_us = pl.col("fraction").str.pad_end(6, "0").str.slice(0, 6).cast(pl.Int64).fill_null(0)
    minute_us = (
        clock.str.slice(0, 2).cast(pl.Int64).fill_null(0) * 60
        + clock.str.slice(3, 2).cast(pl.Int64).fill_null(0)
        - offset_min.fill_null(0)
    ) * 60_000_000
    midnight_us = day.str.to_date("%Y-%m-%d", strict=False).cast(pl.Datetime("us")).cast(pl.Int64)
    time_us = midnight_us + minute_us + second_us + fraction_us
    return _within_calendar(
        fields.select(time_us.cast(pl.Datetime("us")).dt.replace_time_zone("UTC").alias(texts.name)).to_series()
    )


def _within_calendar(times: pl.Series) -> pl.Series:
    """Null for what Python's datetime cannot hold."""
    allowed = times.is_between(datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC))
    return pl.select(pl.when(allowed).then(times).alias(times.name)).to_series()


def _as_text(value: object) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return repr(value) if isinstance(value, int | float) and not isinstance(value, bool) else ""
