"""Values of mapped columns, and why a value cannot be read."""

from collections import defaultdict

import polars as pl

from telltale.telemetry.frames import TIME_DTYPE
from telltale.telemetry.mapping import ANY_OTHER, EPOCHS, ISO, MappedColumn
from telltale.telemetry.raw_rows import show_value
from telltale.telemetry.times import parse_times
from telltale.telemetry.values import as_floats

Faults = defaultdict[int, list[str]]
"""What is wrong, by the position of the row."""


def made_values(frame: pl.DataFrame, one: MappedColumn, name: str, *, is_text: bool, faults: Faults) -> pl.Series:
    """A column that is no difference. What cannot be read is null, and in `faults`."""
    key = f"columns.{name}"
    if one.constant is not None:
        return pl.Series([one.constant]).new_from_index(0, frame.height)
    if one.sum is not None or one.scale is not None:
        parts = [
            _numbers(frame[source], key, is_text=is_text, faults=faults, missing=one.missing) for source in one.sources
        ]
        return sum(parts[1:], parts[0]) * (1.0 if one.scale is None else one.scale)
    assert one.column is not None, "checked when the mapping was read"
    series = frame[one.column]
    if one.time:
        return _times(series, one.time, key, is_text=is_text, faults=faults)
    if one.values is not None:
        series = _named(series, one.values, key, faults=faults)
    if one.missing is None:
        return series
    return series.fill_null(pl.lit(str(one.missing) if series.dtype == pl.String else one.missing))


def _numbers(series: pl.Series, key: str, *, is_text: bool, faults: Faults, missing: object = None) -> pl.Series:
    values = as_floats(series, is_text=is_text)
    _tell(faults, series, values.is_null() & ~series.is_null(), f"is not a number ({key})")
    return values if missing is None else values.fill_null(float(str(missing)))


def readings_of(series: pl.Series, key: str, *, is_text: bool, faults: Faults) -> pl.Series:
    """Readings of a counter as UInt64: exact up to 64 bits where they are written as whole numbers."""
    if series.dtype == pl.Object:
        series = pl.Series(series.name, [None if value is None else str(value) for value in series], dtype=pl.String)
    elif series.dtype == pl.String and not is_text:
        values = series.cast(pl.UInt64, strict=False).clear(len(series))
        _tell(faults, series, ~series.is_null(), f"is text, not a number ({key})")
        return values
    stripped = series.str.strip_chars() if series.dtype == pl.String else series
    values = stripped.cast(pl.UInt64, strict=False)
    if series.dtype == pl.String:  # 5.0 and 1e6 are whole too
        floats = stripped.cast(pl.Float64, strict=False)
        values = values.fill_null(floats.set(floats != floats.floor(), None).cast(pl.UInt64, strict=False))
    _tell(faults, series, values.is_null() & ~series.is_null(), f"is not a whole number of 0 or more ({key})")
    return values


def _times(series: pl.Series, written: str, key: str, *, is_text: bool, faults: Faults) -> pl.Series:
    if written == ISO:
        times = parse_times(series)
    elif written in EPOCHS:
        us = (as_floats(series, is_text=is_text) * EPOCHS[written]).round()
        allowed = us.is_finite() & us.is_between(-6.2e16, 2.5e17)
        us = us.zip_with(allowed.fill_null(value=False), pl.Series([None], dtype=pl.Float64).new_from_index(0, len(us)))
        times = us.cast(pl.Int64).cast(pl.Datetime("us")).dt.replace_time_zone("UTC")
    else:
        texts = series if series.dtype == pl.String else series.cast(pl.String, strict=False)
        times = texts.str.strip_chars().str.to_datetime(written, time_unit="us", strict=False)
        zoned = isinstance(times.dtype, pl.Datetime) and times.dtype.time_zone
        times = times.dt.convert_time_zone("UTC") if zoned else times.dt.replace_time_zone("UTC")
    _tell(faults, series, times.is_null() & ~series.is_null(), f"is no time as {written} ({key})")
    return times.cast(TIME_DTYPE)


def _named(series: pl.Series, values: dict[str, bool | int | float | str], key: str, *, faults: Faults) -> pl.Series:
    """What each text stands for; a missing one stays missing."""
    asked = [None if value is None else str(value).strip().removesuffix(".0") for value in series.to_list()]
    known = dict(values)
    otherwise = known.pop(ANY_OTHER, None)
    found = [None if text is None else known.get(text, otherwise) for text in asked]
    is_text = any(isinstance(value, str) for value in values.values())
    named = pl.Series(series.name, found, dtype=pl.String if is_text else pl.Float64, strict=False)
    listed = ", ".join(sorted(known))
    _tell(faults, series, named.is_null() & ~series.is_null(), f'is none of {listed}; add it, or "*", to {key}.values')
    return named


def _tell(faults: Faults, series: pl.Series, is_wrong: pl.Series, why: str) -> None:
    for at in is_wrong.arg_true():
        faults[at].append(f"{series.name} {show_value(series[at])} {why}")
