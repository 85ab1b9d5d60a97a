"""Rows as a source gave them, before any rule is applied; and rows set aside."""

import csv
import io
import json
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain

import msgspec
import polars as pl

from telltale.contract.errors import SchemaError
from telltale.telemetry.frames import LINE

RAW_LIMIT = 1_000  # characters of a quarantined row that are kept: enough to find it, not enough to fill a disk

_PANDAS_INDEX = re.compile(r"Unnamed: \d+|__index_level_\d+__")


class Quarantined(msgspec.Struct, frozen=True, kw_only=True):
    """A row set aside.

    Args:
        line: its line in the source (a CSV header is line 1), or its row number from 1.
        reason: what is wrong, with the value and, where short, the mend.
        raw: the row as text, cut after `RAW_LIMIT` characters.
    """

    line: int
    reason: str
    raw: str


@dataclass(frozen=True, kw_only=True)
class RawRows:
    """Rows as they were read.

    Args:
        frame: the source's columns with their raw values, and `LINE`.
        source: for messages: a path, "standard input", "request body".
        unreadable: lines that are no rows at all.
        is_text: values are text, so that numbers are parsed from it (CSV); elsewhere text in place of a number is wrong.
        dropped: columns left out while reading, with why.
    """

    frame: pl.DataFrame
    source: str
    unreadable: tuple[Quarantined, ...] = ()
    is_text: bool = False
    dropped: Mapping[str, str] = field(default_factory=dict)

    @property
    def columns(self) -> tuple[str, ...]:
        """The source's columns, without `LINE`."""
        return tuple(name for name in self.frame.columns if name != LINE)

    def raw_texts(self, indices: Sequence[int], *, columns: Collection[str] | None = None) -> list[str]:
        """The rows at these positions as text: a CSV line where the source is text, else a JSON object.

        `columns` are those that may be kept; None for all. The place of another in a CSV line stays empty.
        """
        names = self.columns
        rows = self.frame.select(names)[list(indices)].rows() if indices else []
        kept = [columns is None or name in columns for name in names]
        if self.is_text:
            return [
                cut(_csv_line([value if keep else "" for value, keep in zip(row, kept, strict=True)])) for row in rows
            ]
        return [
            cut(json.dumps({n: value for n, value, keep in zip(names, row, kept, strict=True) if keep}, default=str))
            for row in rows
        ]


def cut(text: str) -> str:
    """The text, no longer than `RAW_LIMIT` characters.

    >>> cut("1,2,3")
    '1,2,3'
    """
    return text if len(text) <= RAW_LIMIT else text[: RAW_LIMIT - 1] + "…"


def is_row_index(name: str) -> bool:
    """Whether pandas calls a row index so.

    >>> is_row_index("Unnamed: 0"), is_row_index("load")
    (True, False)
    """
    return _PANDAS_INDEX.fullmatch(name) is not None


def keep_named(frame: pl.DataFrame) -> tuple[pl.DataFrame, dict[str, str]]:
    """The frame without row indexes that pandas wrote, and why each is left out.

    An index taken for a measurement would look like a trend in every file.
    """
    indexes = [name for name in frame.columns if is_row_index(name)]
    return frame.drop(indexes), dict.fromkeys(indexes, "is a row index written by pandas")


def refuse_reserved(names: Sequence[str], source: str) -> None:
    """Raise SchemaError where a name begins with `@`, which is ours."""
    reserved = [name for name in names if name.startswith("@")]
    if reserved:
        raise SchemaError(
            f"columns {reserved} begin with @, which is reserved", where=source, mend="Rename the source columns."
        )


def rows_from_objects(
    objects: Sequence[object],
    *,
    source: str = "request body",
    lines: Sequence[int] | None = None,
    unreadable: Sequence[Quarantined] = (),
) -> RawRows:
    """Rows from decoded JSON values; whatever is no object is quarantined.

    Args:
        objects: one decoded value per row.
        source: for messages.
        lines: the line of each, or None to number them from 1.
        unreadable: lines already found to be no JSON.

    Raises:
        SchemaError: a column has a reserved name, or nearly every object has columns of its own.

    >>> rows_from_objects([{"load": 1.5}, 7]).unreadable[0].reason
    'is a number, not an object of named values'
    """
    numbered = range(1, len(objects) + 1) if lines is None else lines
    kept: list[dict[str, object]] = []
    kept_lines: list[int] = []
    broken = list(unreadable)
    for line, value in zip(numbered, objects, strict=True):
        if isinstance(value, dict):
            kept.append(value)
            kept_lines.append(line)
        else:
            reason = f"is {json_kind(value)}, not an object of named values"
            broken.append(Quarantined(line=line, reason=reason, raw=cut(json.dumps(value, default=str))))
    names = list(dict.fromkeys(chain.from_iterable(kept)))
    # A table is rows times columns: a small body of objects that share no column would make a huge one.
    if len(names) * len(kept) > 100_000 + 16 * sum(map(len, kept)):
        raise SchemaError(
            f"{len(kept)} objects have {len(names)} different columns",
            where=source,
            mend="Give every row the same columns.",
        )
    refuse_reserved(names, source)
    columns = [narrow_series(name, [row.get(name) for row in kept]) for name in names]
    frame, dropped = keep_named(pl.DataFrame([*columns, pl.Series(LINE, kept_lines, dtype=pl.Int64)]))
    return RawRows(frame=frame, source=source, unreadable=tuple(broken), dropped=dropped)


def json_kind(value: object) -> str:
    """What a decoded JSON value is, for people.

    >>> json_kind(True), json_kind([])
    ('true or false', 'a list')
    """
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, int | float):
        return "a number"
    if isinstance(value, str):
        return "text"
    return "a list" if isinstance(value, list | tuple) else "an object"


def show_value(value: object) -> str:
    """A raw value in a reason.

    >>> show_value(1.0), show_value("a"), show_value([1, 2])
    ('1', "'a'", '(a list)')
    """
    if isinstance(value, list | dict | pl.Series):
        return "(an object)" if isinstance(value, dict) else "(a list)"
    text = repr(value).removesuffix(".0") if isinstance(value, str | bytes | float | int) else str(value)
    return text if len(text) <= 80 else f"{text[:80]}…"


def narrow_series(name: str, values: list[object]) -> pl.Series:
    """The narrowest column that holds the values as they are; an Object column where they are of several kinds."""
    kinds = set(map(type, values)) - {type(None)}
    dtype: pl.DataType = pl.Object()
    if not kinds:
        dtype = pl.Null()
    elif kinds == {str}:
        dtype = pl.String()
    elif kinds == {bool}:
        dtype = pl.Boolean()
    elif kinds <= {int, float} and not any(
        isinstance(value, int) and not -(2**63) <= value < 2**63 for value in values
    ):
        dtype = pl.Float64() if float in kinds else pl.Int64()
    return pl.Series(name, values, dtype=dtype, strict=False)


def _csv_line(row: Sequence[object]) -> str:
    line = io.StringIO()
    csv.writer(line, lineterminator="").writerow(["" if value is None else value for value in row])
    return line.getvalue()
