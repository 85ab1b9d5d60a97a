"""The shape of a checked frame: reserved columns, then the measured ones.

A checked frame has `ENTITY`, `TIME`, `LABEL` (only where the source had labels) and `LINE`, then the measured columns
as Float64, sorted by entity, time and line. `@` keeps the reserved names apart from every column a source may have.
"""

from typing import Final

import polars as pl

ENTITY: Final = "@entity"  # String, "" where a row has none
TIME: Final = "@time"  # Datetime("us", "UTC"), null in every row where the source carries no time
LABEL: Final = "@label"  # Int8: 1 is the task's event, 0 is not, null is unknown
LINE: Final = "@line"  # Int64: line of the source, or its row number from 1

TIME_DTYPE: Final = pl.Datetime("us", "UTC")
RESERVED: Final[dict[str, pl.DataType]] = {
    ENTITY: pl.String(),
    TIME: TIME_DTYPE,
    LABEL: pl.Int8(),
    LINE: pl.Int64(),
}


def measured_columns(frame: pl.DataFrame) -> tuple[str, ...]:
    """The measured columns of a checked frame, in order.

    >>> measured_columns(empty_frame(("value", "load")))
    ('value', 'load')
    """
    return tuple(name for name in frame.columns if name not in RESERVED)


def empty_frame(columns: tuple[str, ...], *, has_labels: bool = False) -> pl.DataFrame:
    """A checked frame of no rows."""
    reserved = {name: dtype for name, dtype in RESERVED.items() if has_labels or name != LABEL}
    return pl.DataFrame(schema={**reserved, **dict.fromkeys(columns, pl.Float64())})


def sort_checked(frame: pl.DataFrame) -> pl.DataFrame:
    """The frame in the order of a checked frame: entity, time, line."""
    return frame.sort(ENTITY, TIME, LINE)
