"""The shape of a checked frame: reserved columns, then the measured ones.

A checked frame has `ENTITY`, `TIME`, `LABEL` (only where the source had labels), `KEY` (only where the event has key
columns) and `LINE`, then the measured columns: Float64, String, List(Float64) or List(String), as declared. It is sorted
by entity, time, key and line. `@` keeps the reserved names apart from every column a source may have.
"""

from typing import Final

import polars as pl

from telltale.contract.schema import Dtype, EventSchema

ENTITY: Final = "@entity"  # String, "" where a row has none
TIME: Final = "@time"  # Datetime("us", "UTC"), null in every row where the source carries no time
LABEL: Final = "@label"  # Int8: 1 is the task's event, 0 is not, null is unknown
KEY: Final = "@key"  # String: the values of the event's key columns as a JSON list
LINE: Final = "@line"  # Int64: line of the source, or its row number from 1

TIME_DTYPE: Final = pl.Datetime("us", "UTC")
RESERVED: Final[dict[str, pl.DataType]] = {
    ENTITY: pl.String(),
    TIME: TIME_DTYPE,
    LABEL: pl.Int8(),
    KEY: pl.String(),
    LINE: pl.Int64(),
}
_DTYPES: Final[dict[Dtype, pl.DataType]] = {
    "float": pl.Float64(),
    "int": pl.Float64(),
    "str": pl.String(),
    "floats": pl.List(pl.Float64()),
    "strs": pl.List(pl.String()),
}


def frame_dtype(schema: EventSchema | None, name: str) -> pl.DataType:
    """The type of a measured column in a checked frame; Float64 where the schema does not declare it.

    >>> frame_dtype(EventSchema(name="e", columns=()), "load")
    Float64
    """
    column = None if schema is None else schema.column(name)
    return _DTYPES[column.dtype if column is not None else "float"]


def measured_columns(frame: pl.DataFrame) -> tuple[str, ...]:
    """The measured columns of a checked frame, in order.

    >>> measured_columns(empty_frame(("value", "load")))
    ('value', 'load')
    """
    return tuple(name for name in frame.columns if name not in RESERVED)


def empty_frame(columns: tuple[str, ...], *, schema: EventSchema | None = None) -> pl.DataFrame:
    """A checked frame of no rows, without labels."""
    has_key = schema is not None and bool(schema.key)
    reserved = {name: dtype for name, dtype in RESERVED.items() if name != LABEL and (has_key or name != KEY)}
    return pl.DataFrame(schema={**reserved, **{name: frame_dtype(schema, name) for name in columns}})


def sort_checked(frame: pl.DataFrame) -> pl.DataFrame:
    """The frame in the order of a checked frame: entity, time, key where it has one, line.

    The key comes before the line, so that rows of one moment have the same order in every source.
    """
    return frame.sort(ENTITY, TIME, *([KEY] if KEY in frame.columns else []), LINE)
