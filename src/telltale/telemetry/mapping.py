"""How the columns of a source become those of an event: a TOML file, read and checked.

`examples/mappings/README.md` shows every key, and the files beside it real sources.
"""

import tomllib
from pathlib import Path
from typing import Final, Literal

import msgspec

from telltale.contract.errors import NotFoundError, UsageError

EPOCHS: Final = {"epoch_s": 1e6, "epoch_ms": 1e3, "epoch_us": 1.0}  # microseconds in one
ISO: Final = "iso"
ANY_OTHER: Final = "*"

Scalar = bool | int | float | str


class MappedColumn(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a column of the event is made of: exactly one of `column`, `sum`, `difference` and `constant`.

    Args:
        column: a column of the source.
        sum: columns of the source, added up; no value where one of them has none.
        difference: a counter, or several whose differences are added up.
        constant: the value of every row.
        scale: a factor, for numbers.
        values: what each text (or whole number) becomes; "*" for all others.
        missing: what stands where the source has no value.
        time: what the column's times are written as: `iso`, a name of `EPOCHS`, or a format with `%`.
    """

    column: str | None = None
    sum: tuple[str, ...] | None = None
    difference: str | tuple[str, ...] | None = None
    constant: Scalar | None = None
    scale: float | None = None
    values: dict[str, Scalar] | None = None
    missing: Scalar | None = None
    time: str = ""

    @property
    def counters(self) -> tuple[str, ...]:
        """The counters whose differences it is."""
        if self.difference is None:
            return ()
        return (self.difference,) if isinstance(self.difference, str) else self.difference

    @property
    def sources(self) -> tuple[str, ...]:
        """The columns of the source that it is made of."""
        return (*(() if self.column is None else (self.column,)), *(self.sum or ()), *self.counters)


class Differences(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How readings of counters follow each other.

    Args:
        per: source columns; readings alike in all of them belong together and are reset together.
        order: the source column they follow each other by; None for the mapped time, else the order of the file.
        interval: seconds that a value is told for: the difference times this, by the time that truly passed; None for
            the plain difference.
        longest: seconds; a difference over more gives no row.
        columns: counters that keep their own names.
    """

    per: tuple[str, ...] = ()
    order: str | None = None
    interval: float | None = None
    longest: float | None = None
    columns: tuple[str, ...] = ()


class SourceMapping(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A whole file; `columns` by the event's column, each checked."""

    columns: dict[str, str | MappedColumn] = {}
    differences: Differences = Differences()
    drop: tuple[str, ...] = ()
    absent: tuple[str, ...] = ()
    rest: Literal["keep", "drop"] = "keep"
    source: str = msgspec.field(name="@source", default="")

    @property
    def targets(self) -> dict[str, MappedColumn]:
        """What every column named in the file is made of."""
        made = {name: MappedColumn(column=one) if isinstance(one, str) else one for name, one in self.columns.items()}
        return made | {name: MappedColumn(difference=name) for name in self.differences.columns if name not in made}

    @property
    def time(self) -> str | None:
        """The target that holds the time, or None."""
        return next((name for name, one in self.targets.items() if one.time), None)


def read_mapping(path: Path) -> SourceMapping:
    """The mapping that a file holds.

    Raises:
        NotFoundError: there is no such file.
        UsageError: it is not TOML, or a key of it is wrong; the key is named.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise NotFoundError("there is no such file", where=str(path), mend="Check the path given to --map.") from error
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"the mapping cannot be read ({error})", where=str(path), mend="Save it as UTF-8.") from error
    return parse_mapping(text, source=str(path))


def parse_mapping(text: str, *, source: str) -> SourceMapping:
    """The mapping that a text holds. Raises UsageError, as `read_mapping`."""
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"it is not TOML ({error})", where=source, mend="Mend that line.") from error
    try:
        mapping = msgspec.structs.replace(msgspec.convert(document, SourceMapping), source=source)
    except msgspec.ValidationError as error:
        what, _, key = str(error).replace("`", "").partition(" - at ")
        at = _key_of(key, document)
        raise UsageError(what, where=f"{source}: {at}" if at else source, mend=_known(at)) from error
    for name, one in mapping.targets.items():
        fault = _fault(one)
        if fault:
            raise UsageError(fault, where=f"{source}: columns.{name}", mend=_known(f"columns.{name}"))
    _check_differences(mapping)
    return mapping


def _fault(one: MappedColumn) -> str:
    """What is wrong with a column's making, or ""."""
    made_of = [key for key in ("column", "sum", "difference", "constant") if getattr(one, key) is not None]
    if len(made_of) != 1:
        return f"it is made of {' and '.join(made_of) or 'nothing'}; exactly one of them is needed"
    if not one.sources and one.constant is None:
        return f"{made_of[0]} names no column"
    for key, takes in (("values", "column"), ("time", "column"), ("missing", "column or sum")):
        if getattr(one, key) not in (None, "") and made_of[0] not in takes:
            return f"{key} goes with {takes}, not with {made_of[0]}"
    given = [key for key in ("scale", "values", "time") if getattr(one, key) not in (None, "")]
    if len(given) > 1 or (one.scale is not None and one.constant is not None):
        return (
            f"{' and '.join(given)} do not go together" if len(given) > 1 else "scale goes with numbers of the source"
        )
    if one.values is not None and len({isinstance(value, str) for value in one.values.values()}) != 1:
        return "values has texts and numbers, or nothing"
    if one.time and one.time not in {ISO, *EPOCHS} and "%" not in one.time:
        return f"time {one.time!r} is none of {', '.join((ISO, *EPOCHS))}, and no format with %"
    return ""


def _check_differences(mapping: SourceMapping) -> None:
    told = mapping.differences
    for key, value in (("interval", told.interval), ("longest", told.longest)):
        where = f"{mapping.source}: differences.{key}"
        if value is not None and not value > 0:
            raise UsageError(f"it is {value:g}", where=where, mend="Give seconds, above 0.")
        if value is not None and mapping.time is None:
            mend = 'Say which column is the time: timestamp = { column = "…", time = "iso" } under [columns].'
            raise UsageError("it needs the time between two readings", where=where, mend=mend)


def _key_of(path: str, document: dict[str, object]) -> str:
    """The TOML key that a decoder's path means; it writes `[...]` for the one of a table that is wrong."""
    key = path.strip("`").removeprefix("$").removeprefix(".")
    if not key.startswith("columns[...]"):
        return key
    columns = document.get("columns")
    for name, one in columns.items() if isinstance(columns, dict) else ():
        try:
            msgspec.convert(one, str | MappedColumn)
        except msgspec.ValidationError:
            return key.replace("columns[...]", f"columns.{name}")
    return key


def _known(key: str) -> str:
    of = MappedColumn if key.startswith("columns.") else Differences if key.startswith("differences") else SourceMapping
    return f"Known here: {', '.join(name for name in of.__struct_fields__ if name != 'source')}."
