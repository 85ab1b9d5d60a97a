"""Cells of one column: numbers, text, labels and entities, with what is wrong where something is.

Lists are in `telltale.telemetry.list_values`.
"""

from dataclasses import dataclass
from math import isfinite
from typing import Final

import polars as pl

from telltale.contract.schema import Column
from telltale.telemetry.raw_rows import show_value

LONGEST_ENTITY: Final = 512  # characters; it is in an index, and named in every answer about it
_EXACT = 2.0**53  # whole numbers below it are exact as floats
_LABELS = {"0": 0, "1": 1, "0.0": 0, "1.0": 1, "false": 0, "true": 1, "False": 0, "True": 1}


@dataclass(frozen=True, kw_only=True)
class Cells:
    """A column after parsing: `values`, null where missing or at fault, and `faults` by row position."""

    values: pl.Series
    faults: dict[int, str]


def parse_numbers(raw: pl.Series, column: Column, *, is_text: bool) -> Cells:
    """Measured values as Float64, held to the column's type and range.

    NaN is a fault in a nullable column too: a missing value is given by leaving it out.
    """
    values = as_floats(raw, is_text=is_text)
    is_missing = _is_missing(raw, is_text=is_text)
    is_wrong = values.is_null() & ~is_missing
    faults = {index: f"{column.name} {show_value(raw[index])} is not a number" for index in _where(is_wrong)}
    if not column.nullable:
        faults |= dict.fromkeys(_where(is_missing), f"{column.name} has no value")
    faults |= dict.fromkeys(_where(values.is_nan()), f"{column.name} is NaN; a finite number is needed")
    infinite = _where(values.is_infinite())
    faults |= {index: f"{column.name} is {values[index]}; a finite number is needed" for index in infinite}
    finite = values.is_finite()
    if column.dtype == "int":
        broken = _where(finite & (values != values.round()))
        faults |= {index: f"{column.name} {show_value(values[index])} is not a whole number" for index in broken}
    allowed = limits(column)
    if column.low is not None:
        below = _where(finite & (values < column.low))
        faults |= {index: f"{column.name} {show_value(values[index])} is below {allowed}" for index in below}
    if column.high is not None:
        above = _where(finite & (values > column.high))
        faults |= {index: f"{column.name} {show_value(values[index])} is above {allowed}" for index in above}
    return Cells(values=values, faults=faults)


def parse_text(raw: pl.Series, column: Column) -> Cells:
    """Values of a column declared as text; whole numbers are names too: 123 is taken as "123"."""
    values = as_names(raw)
    is_missing = raw.is_null()
    faults = {
        index: f"{column.name} {show_value(raw[index])} is not text" for index in _where(values.is_null() & ~is_missing)
    }
    if not column.nullable:
        faults |= dict.fromkeys(_where(is_missing), f"{column.name} has no value")
    if column.allowed:
        strange = _where(~values.is_in(list(column.allowed)))
        faults |= {index: f"{column.name} {show_value(values[index])} is not {one_of(column)}" for index in strange}
    return Cells(values=values, faults=faults)


def parse_labels(raw: pl.Series) -> Cells:
    """Labels as Int8; a missing one is null. 0 and 1 are taken as number, text or truth value.

    >>> parse_labels(pl.Series("is_anomaly", ["0", "1.0", None, "2"])).faults
    {3: "is_anomaly '2' is not 0 or 1"}
    """
    texts = _as_texts(raw).str.strip_chars()
    values = texts.replace_strict(_LABELS, default=None, return_dtype=pl.Int8)
    is_missing = raw.is_null() | (texts == "")
    wrong = _where(values.is_null() & ~is_missing)
    return Cells(values=values, faults={index: f"{raw.name} {show_value(raw[index])} is not 0 or 1" for index in wrong})


def parse_entities(raw: pl.Series) -> Cells:
    """Entities as text, numbers included; a missing one is the entity ""."""
    values = as_names(raw).fill_null(_other_names(raw))
    wrong = _where(values.is_null() & ~raw.is_null())
    faults = {index: f"{raw.name} {show_value(raw[index])} is not a name; give text or a number" for index in wrong}
    long = _where(values.str.len_chars() > LONGEST_ENTITY)
    faults |= {index: f"{raw.name} has {len(values[index])} characters; {LONGEST_ENTITY} are allowed" for index in long}
    faults |= dict.fromkeys(_where(values.str.contains("\0", literal=True)), f"{raw.name} has a NUL in it")
    return Cells(values=values.fill_null(""), faults=faults)


def as_floats(raw: pl.Series, *, is_text: bool) -> pl.Series:
    """The numbers in a column as Float64, null elsewhere. Text counts as a number only where the source is text."""
    if raw.dtype.is_numeric():
        return raw.cast(pl.Float64)
    if raw.dtype == pl.String and is_text:
        return raw.str.strip_chars().cast(pl.Float64, strict=False)
    if raw.dtype == pl.Object:
        return pl.Series(raw.name, [as_float(value) for value in raw.to_list()], dtype=pl.Float64)
    return _all_null(raw, pl.Float64())


def as_names(raw: pl.Series) -> pl.Series:
    """The texts in a column, and its whole numbers as text; null elsewhere.

    Tables that pass through other tools turn a column of whole numbers with gaps into floats: 123.0 is still "123".

    >>> as_names(pl.Series([7.0, None, 7.5])).to_list()
    ['7', None, None]
    """
    if raw.dtype == pl.Object:
        return pl.Series(raw.name, [as_name(value) for value in raw.to_list()], dtype=pl.String)
    if raw.dtype == pl.String or raw.dtype.is_integer() or raw.dtype in (pl.Categorical, pl.Enum):
        return raw.cast(pl.String)
    if not raw.dtype.is_numeric():
        return _all_null(raw, pl.String())
    floats = raw.cast(pl.Float64)
    is_whole = (floats == floats.round()) & (floats.abs() < _EXACT)
    return pl.select(pl.when(is_whole).then(floats)).to_series().cast(pl.Int64).cast(pl.String).alias(raw.name)


def as_name(value: object) -> str | None:
    """A text, or a whole number as text; None for anything else.

    >>> as_name(123), as_name("a"), as_name(True)
    ('123', 'a', None)
    """
    if isinstance(value, str):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return str(int(value)) if isinstance(value, float) and value.is_integer() and abs(value) < _EXACT else None


def as_float(value: object) -> float | None:
    """A number as float, infinite where it is too large for one; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return float(value)
    except OverflowError:
        return float("inf") if value > 0 else float("-inf")


def limits(column: Column) -> str:
    """The range or the one limit, in words."""
    if column.low is not None and column.high is not None:
        return f"the range {show_value(column.low)} to {show_value(column.high)}"
    return f"the limit {show_value(column.low if column.low is not None else column.high)}"


def one_of(column: Column) -> str:
    """The texts that are allowed, in words."""
    return f"one of {', '.join(map(repr, column.allowed))}"


def _is_missing(raw: pl.Series, *, is_text: bool) -> pl.Series:
    if raw.dtype == pl.String and is_text:
        return (raw.str.strip_chars() == "").fill_null(value=True)
    return raw.is_null()


def _other_names(raw: pl.Series) -> pl.Series:
    """Fractions and times as text: odd names for an entity, and names all the same."""
    if raw.dtype == pl.Object:
        texts = [str(value) if isinstance(value, float) and isfinite(value) else None for value in raw.to_list()]
        return pl.Series(raw.name, texts, dtype=pl.String)
    if raw.dtype.is_float():
        return pl.select(pl.when(raw.is_finite()).then(raw)).to_series().cast(pl.String)
    return raw.cast(pl.String) if raw.dtype.is_temporal() else _all_null(raw, pl.String())


def _as_texts(raw: pl.Series) -> pl.Series:
    if raw.dtype == pl.Object:
        return pl.Series(raw.name, [None if value is None else str(value) for value in raw.to_list()], dtype=pl.String)
    return _all_null(raw, pl.String()) if raw.dtype.is_nested() or raw.dtype == pl.Binary else raw.cast(pl.String)


def _all_null(raw: pl.Series, dtype: pl.DataType) -> pl.Series:
    return pl.Series(raw.name, [None] * len(raw), dtype=dtype)


def _where(mask: pl.Series) -> list[int]:
    return mask.fill_null(value=False).arg_true().to_list() if mask.any() else []
