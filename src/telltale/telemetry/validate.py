"""The check where rows enter: a checked frame of the good rows, and each bad row with the reason."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

import msgspec
import polars as pl
from msgspec.structs import replace

from telltale.contract.schema import Column, EventSchema
from telltale.telemetry.columns import Roles, assign_roles
from telltale.telemetry.frames import ENTITY, KEY, LABEL, LINE, TIME, TIME_DTYPE, sort_checked
from telltale.telemetry.list_values import parse_lists
from telltale.telemetry.raw_rows import Quarantined, RawRows, show_value
from telltale.telemetry.times import parse_times, show_time, time_fault
from telltale.telemetry.values import Cells, parse_entities, parse_labels, parse_numbers, parse_text

__all__ = ["Checked", "Quarantined", "check_rows"]

_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, kw_only=True)
class Checked:
    """What the check found.

    Args:
        frame: the good rows as a checked frame.
        columns: the measured columns, in order.
        quarantined: the bad rows by line, unreadable ones included.
        ignored: columns of the source that were not used, each with why.
        n_read: rows read; `frame` and `quarantined` add up to it.
    """

    frame: pl.DataFrame
    columns: tuple[str, ...]
    quarantined: tuple[Quarantined, ...]
    ignored: Mapping[str, str]
    n_read: int


def check_rows(
    schema: EventSchema, raw: RawRows, *, columns: tuple[str, ...] | None = None, require_time: bool
) -> Checked:
    """Check rows against an event's schema, row by row; nothing is dropped, filled or clipped.

    Of events with forbidden columns a row set aside keeps no more than its declared columns, and a line that cannot be
    read nothing.

    A row is quarantined where a value is missing, of the wrong type, NaN, infinite or out of range; where the time
    cannot be read or the label is not 0 or 1; where a good row before it has the same entity, time and key; and where
    time goes back by more than the schema's `lateness_s` within the source and entity. Time is compared within one source
    only, so that old rows can be added later.

    Args:
        schema: the declared shape.
        raw: rows as read.
        columns: the measured columns required, exactly (a trained version's), of which nullable ones may be absent;
            None to take the schema's, or with `any_numeric` and none of those present, every numeric column.
        require_time: refuse a source that has no event time; storing needs it.

    Raises:
        SchemaError: the source as a whole does not fit: a required column is missing, a forbidden one is there.
    """
    roles = assign_roles(schema, raw, columns=columns, require_time=require_time)
    reasons: defaultdict[int, list[str]] = defaultdict(list)
    frame = _parse(schema, raw, roles, reasons)
    if schema.key:
        frame = frame.insert_column(frame.columns.index(LINE), _keys(schema, frame, raw))
    frame = frame.with_row_index("@row")
    if reasons:
        frame = frame.filter(~pl.col("@row").is_in(pl.Series(list(reasons), dtype=pl.UInt32).implode()))
    if roles.time is not None:
        frame = _check_order(frame, schema, roles, reasons)
    indices = sorted(reasons)
    # Where content is forbidden, a row set aside must not keep any either.
    keeps = None if not schema.forbidden else roles.used
    bad = zip(raw.frame[LINE][indices], indices, raw.raw_texts(indices, columns=keeps), strict=True)
    quarantined = [Quarantined(line=line, reason="; ".join(reasons[at]), raw=text) for line, at, text in bad]
    unreadable = raw.unreadable if not schema.forbidden else [replace(row, raw="") for row in raw.unreadable]
    return Checked(
        frame=sort_checked(frame.drop("@row")),
        columns=tuple(column.name for column in roles.measured),
        quarantined=tuple(sorted([*quarantined, *unreadable], key=lambda row: row.line)),
        ignored=roles.ignored,
        n_read=len(raw.frame) + len(raw.unreadable),
    )


def _parse(schema: EventSchema, raw: RawRows, roles: Roles, reasons: defaultdict[int, list[str]]) -> pl.DataFrame:
    """Every row in the columns of a checked frame; `reasons` collects what is wrong with whole cells."""
    frame = raw.frame
    n_rows = len(frame)
    if roles.time is None:
        times = pl.repeat(None, n_rows, dtype=TIME_DTYPE, eager=True)
    else:
        times = parse_times(frame[roles.time])
        for index in times.is_null().arg_true():
            value = frame[roles.time][index]
            is_missing = value is None or (isinstance(value, str) and not value.strip())
            reasons[index].append(
                f"{roles.time} has no value" if is_missing else f"{roles.time} {show_value(value)} {time_fault(value)}"
            )
    parsed = {ENTITY: pl.repeat("", n_rows, eager=True), TIME: times}
    if roles.entity is not None:
        parsed[ENTITY] = _keep(parse_entities(frame[roles.entity]), reasons)
    if roles.label is not None:
        parsed[LABEL] = _keep(parse_labels(frame[roles.label]), reasons)
    parsed[LINE] = frame[LINE]
    for column in roles.measured:
        parsed[column.name] = _keep(_parse_cells(raw, column), reasons)
    _check_lengths([parsed[name] for name in schema.aligned if name in parsed], reasons)
    return pl.DataFrame([series.alias(name) for name, series in parsed.items()])


def _check_lengths(lists: list[pl.Series], reasons: defaultdict[int, list[str]]) -> None:
    """Rows whose lists are not equally long; a list that is itself missing or wrong has its own reason."""
    if len(lists) < 2:
        return
    lengths = pl.DataFrame([series.list.len() for series in lists])
    for index in (lengths.min_horizontal() != lengths.max_horizontal()).arg_true():
        counted = ", ".join(f"{n} {name}" for name, n in lengths.row(index, named=True).items() if n is not None)
        reasons[index].append(f"{counted}: there must be as many of each")


def _parse_cells(raw: RawRows, column: Column) -> Cells:
    """The cells of a measured column; missing ones where the source does not have it."""
    frame = raw.frame
    series = frame[column.name] if column.name in frame.columns else pl.repeat(None, len(frame), eager=True)
    if column.dtype == "str":
        return parse_text(series, column)
    if column.dtype in ("floats", "strs"):
        return parse_lists(series, column, is_text=raw.is_text)
    return parse_numbers(series, column, is_text=raw.is_text)


def _keys(schema: EventSchema, frame: pl.DataFrame, raw: RawRows) -> pl.Series:
    """What beside entity and time tells each row apart; read also where the columns wanted leave it out."""
    columns = [schema.column(name) or Column(name=name) for name in schema.key]
    values = [
        frame[column.name] if column.name in frame.columns else _parse_cells(raw, column).values for column in columns
    ]
    rows = zip(*(series.to_list() for series in values), strict=True)
    return pl.Series(KEY, [_encode(row).decode() for row in rows], dtype=pl.String)


def _keep(cells: Cells, reasons: defaultdict[int, list[str]]) -> pl.Series:
    for index, fault in cells.faults.items():
        reasons[index].append(fault)
    return cells.values


def _check_order(
    frame: pl.DataFrame, schema: EventSchema, roles: Roles, reasons: defaultdict[int, list[str]]
) -> pl.DataFrame:
    """Without repeated and late rows. In line order within an entity: a late row never moves the latest time on."""
    lateness_us = int(min(schema.lateness_s, 1e12) * 1e6)  # 1e12 s is more than the calendar holds
    identity = [ENTITY, TIME, *([KEY] if schema.key else [])]
    latest = pl.col(TIME).cum_max().over(ENTITY)
    leads = (pl.col(TIME) > latest.shift(1).over(ENTITY)).fill_null(value=True)
    marked = frame.with_columns(
        latest.alias("@latest"),
        pl.when(leads).then(pl.col(LINE)).forward_fill().over(ENTITY).alias("@latest_line"),
        pl.col(LINE).first().over(identity).alias("@first_line"),
    ).with_columns((pl.col("@latest") - pl.col(TIME) > pl.duration(microseconds=lateness_us)).alias("@late"))
    repeats = (pl.col(LINE) != pl.col("@first_line")) & ~pl.col("@late").first().over(identity)
    marked = marked.with_columns(repeats.alias("@repeats"))
    *names, last = [name for name in (roles.entity, roles.time, *schema.key) if name]
    same = f"{', '.join(names)} and {last}" if names else last
    for row in marked.filter(pl.col("@repeats")).iter_rows(named=True):
        reasons[row["@row"]].append(f"duplicate of line {row['@first_line']}: same {same}")
    for row in marked.filter(pl.col("@late") & ~pl.col("@repeats")).iter_rows(named=True):
        back_s = (row["@latest"] - row[TIME]).total_seconds()
        reasons[row["@row"]].append(
            f"{roles.time} {show_time(row[TIME])} goes back {back_s:g} s behind line {row['@latest_line']}; "
            f"allowed: {schema.lateness_s:g} s"
        )
    return frame.filter(~(marked["@repeats"] | marked["@late"]))
