"""Cells that hold lists of numbers or of texts, with what is wrong where something is."""

import math

import msgspec
import polars as pl

from telltale.contract.schema import Column
from telltale.telemetry.raw_rows import show_value
from telltale.telemetry.values import Cells, as_float, as_name, limits, one_of

_decode = msgspec.json.Decoder().decode


def parse_lists(raw: pl.Series, column: Column, *, is_text: bool) -> Cells:
    """Lists as List(Float64) or List(String); each value is held to what a cell of the column would be.

    A list may be empty. A missing value inside one is a fault in a nullable column too: a position cannot be left out.

    Args:
        raw: lists, or JSON text of lists where the source is text.
        column: declared as "floats" or "strs".
        is_text: the source is text (CSV).
    """
    faults: dict[int, str] = {}
    inner = raw.dtype.inner if isinstance(raw.dtype, pl.List) else None
    if column.dtype == "floats" and inner is not None and inner.is_numeric():
        values = raw.cast(pl.List(pl.Float64))
    elif column.dtype == "strs" and inner == pl.String:
        values = raw
    else:
        cells = [_cell(value, column, is_text=is_text) for value in raw.to_list()]
        faults = {index: f"{column.name}{fault}" for index, (_, fault) in enumerate(cells) if fault}
        dtype = pl.List(pl.Float64() if column.dtype == "floats" else pl.String())
        values = pl.Series(raw.name, [value for value, _ in cells], dtype=dtype)
    if not column.nullable:
        faults |= {index: f"{column.name} has no value" for index in values.is_null().arg_true() if index not in faults}
    return Cells(values=values, faults=_inside(values, column) | faults)


def _cell(value: object, column: Column, *, is_text: bool) -> tuple[list[float] | list[str] | None, str]:
    """The list, and the fault as it follows the column's name, or ""."""
    kind = "numbers" if column.dtype == "floats" else "texts"
    if is_text and isinstance(value, str):
        if not value.strip():
            return None, ""
        try:
            value = _decode(value)
        except msgspec.DecodeError:
            return None, f" {show_value(value)} is not a list of {kind} in JSON"
    if value is None:
        return None, ""
    if not isinstance(value, list):
        return None, f" {show_value(value)} is not a list of {kind}"
    types = set(map(type, value))
    if column.dtype == "floats":
        if types <= {float}:
            return value, ""
        numbers = [as_float(inside) for inside in value]
        found = [number for number in numbers if number is not None]
        return (found, "") if len(found) == len(value) else (None, _first_fault(value, numbers, "a number"))
    if types <= {str}:
        return value, ""
    texts = [as_name(inside) for inside in value]
    named = [text for text in texts if text is not None]
    return (named, "") if len(named) == len(value) else (None, _first_fault(value, texts, "text"))


def _first_fault(given: list[object], taken: list[float | None] | list[str | None], wanted: str) -> str:
    position = next(position for position, value in enumerate(taken) if value is None)
    value = given[position]
    return f"[{position}] has no value" if value is None else f"[{position}] {show_value(value)} is not {wanted}"


def _inside(values: pl.Series, column: Column) -> dict[int, str]:
    """What is wrong with the first faulty value of each list, by row."""
    filled = pl.DataFrame({"row": pl.int_range(len(values), eager=True), "value": values}).filter(
        pl.col("value").list.len() > 0
    )
    if filled.is_empty():
        return {}
    at = pl.int_ranges(pl.col("value").list.len()).alias("at")
    flat = filled.select("row", "value", at).explode("value", "at")
    value = pl.col("value")
    is_bad = value.is_null()
    if column.dtype == "floats":
        is_bad |= ~value.is_finite()
        is_bad |= value < column.low if column.low is not None else pl.lit(value=False)
        is_bad |= value > column.high if column.high is not None else pl.lit(value=False)
    elif column.allowed:
        is_bad |= ~value.is_in(list(column.allowed))
    bad = flat.filter(is_bad).unique("row", keep="first", maintain_order=True)
    return {row: f"{column.name}[{at}] {_why(found, column)}" for row, found, at in bad.iter_rows()}


def _why(value: float | str | None, column: Column) -> str:
    if value is None:
        return "has no value"
    if isinstance(value, str):
        return f"{show_value(value)} is not {one_of(column)}"
    if not math.isfinite(value):
        return f"is {'NaN' if math.isnan(value) else value}; a finite number is needed"
    side = "below" if column.low is not None and value < column.low else "above"
    return f"{show_value(value)} is {side} {limits(column)}"
