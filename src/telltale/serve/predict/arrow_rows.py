"""Rows of an Arrow stream held against a version's columns: what `predict` asks of a body, asked of whole frames."""

from collections.abc import Container, Iterator, Sequence
from itertools import combinations
from typing import Final, NamedTuple

import polars as pl

from telltale.contract.errors import SchemaError
from telltale.contract.schema import Column, EventSchema
from telltale.serve.http.body_faults import LARGEST, allowed_values, bounded
from telltale.serve.predict.arrow_heads import TEXTS, WHERE, Field
from telltale.telemetry.forbidden import refuse_forbidden
from telltale.telemetry.frames import ENTITY, TIME, TIME_DTYPE
from telltale.telemetry.times import parse_times
from telltale.telemetry.values import LONGEST_ENTITY

# The years 1 to 9999, which is what Python's datetime holds.
_FIRST_US: Final = -62_135_596_800_000_000
_LAST_US: Final = 253_402_300_799_999_999
_UNITS_US: Final = {"us": 1, "ms": 1_000}
_DAY_US: Final = 86_400_000_000
_NUMBERS: Final = frozenset({"int", "float"})
_SHOWN: Final = 60  # characters of a wrong value that are told


class CheckedRows(NamedTuple):
    """What was found in a frame.

    Args:
        good: the rows that fit, as a checked frame.
        entity: of every row, null where it has none that can be told.
        faults: what is wrong with every row, null where nothing is; None where all rows fit.
    """

    good: pl.DataFrame
    entity: pl.Series
    faults: pl.Series | None


class ArrowRows:
    """Reads a version's rows from the columns of one stream.

    Args:
        event: ranges, names of time and entity.
        columns: the version's measured columns, in order.
        nullable: those of them that may be null or left out, since the version's plan fills them.
        fields: the stream's columns.

    Raises:
        SchemaError: a column is missing, is of another kind than it must be, or could hold content.
    """

    def __init__(
        self, event: EventSchema, columns: Sequence[str], nullable: frozenset[str], fields: Sequence[Field]
    ) -> None:
        there = {field.name: field for field in fields}
        refuse_forbidden(event, there, where=WHERE)
        missing = [name for name in columns if name not in there and name not in nullable]
        if missing or not there.keys() & set(columns):
            raise SchemaError.missing(missing or columns, there, where=WHERE)
        self._columns = [event.column(name) or Column(name=name) for name in columns]
        self._text = frozenset(column.name for column in self._columns if column.dtype == "str")
        self._nullable = nullable
        self._may_be_empty = nullable >= set(columns)
        taken = set(columns)
        self._times = [name for name in (event.time, *event.time_aliases) if name in there.keys() - taken]
        names = dict.fromkeys((event.entity or "entity", "entity"))
        self._entities = [name for name in names if name in there.keys() - taken]
        if "explain" in there and "explain" not in taken:
            raise SchemaError(
                "there is a column explain", where=WHERE, mend="Leave it out; reasons come with NDJSON, not with Arrow."
            )
        for name in columns:
            empty = {"null"} if name in nullable else frozenset()
            if name in self._text:
                _check_kind(there.get(name), TEXTS | empty, wanted="a column of texts")
            else:
                _check_kind(
                    there.get(name),
                    _NUMBERS | empty,
                    can_have_dictionary=False,
                    wanted="a column of integers or floats",
                )
        for name in self._times:
            _check_kind(
                there[name],
                _NUMBERS | TEXTS | {"timestamp", "date", "null"},
                wanted="timestamps, ISO 8601 texts or epoch seconds",
            )
        for name in self._entities:
            _check_kind(there[name], TEXTS | {"int", "null"}, wanted="texts or integers")
        self.names = [name for name in (*columns, *self._times, *self._entities) if name in there]
        self.has_entity = bool(self._entities)

    def check(self, frame: pl.DataFrame, *, received_s: float) -> CheckedRows:
        """Which rows of a frame fit.

        Args:
            frame: of the columns `names`.
            received_s: the time of a row that has none, in epoch seconds.
        """
        given = pl.DataFrame(
            [
                *(_measured(frame, column) for column in self._columns),
                *(_epoch_us(frame[name]).alias(f"@us {name}") for name in self._times),
                *(_told_time(frame[name]).alias(f"@time {name}") for name in self._times),
                *(frame[name].cast(pl.String).alias(f"@entity {name}") for name in self._entities),
            ],
            height=frame.height,
        )
        entity = pl.coalesce([*(pl.col(f"@entity {name}") for name in self._entities), pl.lit(None, pl.String)])
        us = pl.coalesce([*(pl.col(f"@us {name}") for name in self._times), pl.lit(round(received_s * 1e6), pl.Int64)])
        rules = [*self._rules()]
        is_bad = given.select(pl.any_horizontal([bad for bad, _ in rules])).to_series()
        checked = given.select(
            entity.fill_null("").alias(ENTITY),
            us.cast(TIME_DTYPE).alias(TIME),
            *(column.name for column in self._columns),
        )
        named = given.select(pl.when(entity.str.len_chars() <= LONGEST_ENTITY).then(entity).alias("entity")).to_series()
        if not is_bad.any():
            return CheckedRows(checked, named, None)
        told = given.filter(is_bad).select(pl.coalesce([pl.when(bad).then(said) for bad, said in rules])).to_series()
        faults = pl.repeat(None, frame.height, dtype=pl.String, eager=True).scatter(is_bad.arg_true(), told)
        return CheckedRows(checked.filter(~is_bad), named, faults)

    def _rules(self) -> Iterator[tuple[pl.Expr, pl.Expr]]:
        """What a row may be at fault with, and what is said of it; the first that holds is told."""
        for column in self._columns:
            if column.name in self._text:
                continue
            value = pl.col(column.name)
            fits = value.is_finite()
            if column.low is not None:
                fits &= value >= column.low
            if column.high is not None:
                fits &= value <= column.high
            bad = ~fits.fill_null(value=column.name in self._nullable)
            yield bad, _said(f"{column.name} is {{}}. Send {allowed_values(column)}.", value)
            is_beyond = (value.abs() > LARGEST).fill_null(value=False)
            yield is_beyond, _said(f"{column.name} is {{}}. Send {allowed_values(bounded(column))}.", value)
        if self._may_be_empty:
            names = [column.name for column in self._columns]
            empty = pl.all_horizontal(pl.col(name).is_null() for name in names)
            yield empty, pl.lit(f"there is no value for any of {names}. Send a number for at least one of them.")
        for name in self._times:
            raw = pl.col(f"@time {name}")
            unreadable = raw.is_not_null() & pl.col(f"@us {name}").is_null()
            yield unreadable, _said(f"the time {{}} in {name} is no time. Send ISO 8601, or epoch seconds.", raw)
        for name in self._entities:
            text = pl.col(f"@entity {name}")
            unfit = (text.str.len_chars() > LONGEST_ENTITY) | text.str.contains("\0", literal=True)
            told = f"{name} is too long or has a NUL in it. Send a name of at most {LONGEST_ENTITY} characters."
            yield unfit.fill_null(value=False), pl.lit(told)
        for kind, names in (("@us", self._times), ("@entity", self._entities)):
            for one, other in combinations(names, 2):
                differ = pl.col(f"{kind} {one}") != pl.col(f"{kind} {other}")
                yield differ.fill_null(value=False), pl.lit(f"{one} and {other} differ. Send {names[0]} alone.")


def _check_kind(field: Field | None, kinds: Container[str], *, can_have_dictionary: bool = True, wanted: str) -> None:
    if field is None or (field.kind in kinds and (can_have_dictionary or field.dictionary is None)):
        return
    shown = field.kind if field.dictionary is None else f"dictionary of {field.kind}"
    raise SchemaError(f"column {field.name!r} is of kind {shown}", where=WHERE, mend=f"Send {wanted}.")


def _measured(frame: pl.DataFrame, column: Column) -> pl.Series:
    """A measured column; nulls where the stream has none, which only a column that is filled may lack."""
    dtype = pl.String() if column.dtype == "str" else pl.Float64()
    if column.name not in frame.columns:
        return pl.repeat(None, frame.height, dtype=dtype, eager=True).alias(column.name)
    return frame[column.name].cast(dtype)


def _epoch_us(raw: pl.Series) -> pl.Series:
    """Epoch microseconds, null where there is no time or none that the calendar has.

    Timestamps are read as the numbers they are: Polars panics over those beyond its calendar.
    """
    if raw.dtype == pl.Categorical:
        raw = raw.cast(pl.String)
    if isinstance(raw.dtype, pl.Datetime):
        if raw.dtype.time_unit == "ns":
            return raw.to_physical() // 1_000
        return _in_calendar(raw.to_physical(), _UNITS_US[raw.dtype.time_unit])
    if raw.dtype == pl.Date:
        return _in_calendar(raw.to_physical().cast(pl.Int64), _DAY_US)
    return parse_times(raw).to_physical()


def _told_time(raw: pl.Series) -> pl.Series:
    """A time as it is told where it is none; a timestamp as its number, since as text Polars panics over it."""
    return raw.to_physical() if raw.dtype.is_temporal() else raw.cast(pl.String)


def _in_calendar(number: pl.Series, unit_us: int) -> pl.Series:
    is_in = number.is_between(-(-_FIRST_US // unit_us), _LAST_US // unit_us)
    return pl.select(pl.when(is_in).then(number) * unit_us).to_series()


def _said(text: str, value: pl.Expr) -> pl.Expr:
    shown = value.cast(pl.String).fill_null("null").str.slice(0, _SHOWN)
    return pl.format(text, shown)
