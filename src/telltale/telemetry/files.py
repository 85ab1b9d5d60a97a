"""Reading rows from CSV, NDJSON and Parquet files, and from standard input."""

import json
import re
import sys
from pathlib import Path
from typing import Final, Literal, get_args

import msgspec
import polars as pl

from telltale.contract.errors import NotFoundError, TelltaleError, UsageError
from telltale.telemetry.csv_rows import parse_csv
from telltale.telemetry.frames import LINE
from telltale.telemetry.raw_rows import Quarantined, RawRows, cut, keep_named, refuse_reserved, rows_from_objects
from telltale.telemetry.repeated_keys import refuse_repeated

__all__ = [
    "FORMATS",
    "STANDARD_INPUT",
    "FileFormat",
    "Quarantined",
    "RawRows",
    "format_of",
    "parse_ndjson",
    "parse_rows",
    "read_rows",
    "rows_from_objects",
]

FileFormat = Literal["csv", "ndjson", "parquet"]
FORMATS: Final[dict[str, FileFormat]] = {
    ".csv": "csv",
    ".ndjson": "ndjson",
    ".jsonl": "ndjson",
    ".json": "ndjson",
    ".parquet": "parquet",
}
STANDARD_INPUT: Final = Path("-")
_STRANGE = re.compile(rb"NaN|Infinity|[eE]\+?\d{3}")
# Broken text inside a string, and nesting that is too deep, have errors of their own.
_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


def format_of(path: Path) -> FileFormat:
    """The format that the file's suffix stands for. Raises UsageError.

    >>> format_of(Path("a/b.jsonl"))
    'ndjson'
    """
    found = FORMATS.get(path.suffix.lower())
    if found is None:
        raise UsageError.not_one_of(path.suffix, FORMATS, where=f"{path}: file suffix")
    return found


def read_rows(source: Path, *, format: FileFormat | None = None) -> RawRows:  # noqa: A002  # the field's word
    """The rows of a file as they are, with line numbers; nothing is checked yet.

    A line that is no row at all (broken JSON, another number of values than the header) is in `unreadable` and costs
    that line only. CSV values stay text.

    Args:
        source: a file, or `-` for NDJSON (or CSV, where `format` says so) on standard input.
        format: the format, where the suffix does not say it.

    Raises:
        NotFoundError: there is no such file.
        UsageError: the suffix is unknown, or the file as a whole is not of that format.
        SchemaError: the header is missing, or names a column twice or with a reserved name.
    """
    if format is not None and format not in get_args(FileFormat):
        raise UsageError.not_one_of(format, get_args(FileFormat), where="file format")
    if source == STANDARD_INPUT:
        name, kind = "standard input", format or "ndjson"
        data = sys.stdin.buffer.read()
    else:
        name, kind = str(source), format or format_of(source)
        data = _bytes_of(source)
    return parse_rows(data, kind, source=name)


def parse_rows(data: bytes, kind: FileFormat, *, source: str) -> RawRows:
    """Rows of a file's bytes. Raises UsageError and SchemaError, as `read_rows` does."""
    if kind == "csv":
        return parse_csv(data, source=source)
    if kind == "ndjson":
        return parse_ndjson(data, source=source)
    return _parse_parquet(data, source=source)


def parse_ndjson(data: bytes, *, source: str = "request body") -> RawRows:
    """Rows of newline-delimited JSON objects; one JSON list of objects is taken too. Raises as `read_rows` does."""
    data = data.removeprefix(b"\xef\xbb\xbf")
    if data.lstrip()[:1] == b"[":
        listed: object
        try:
            listed = msgspec.json.decode(data)
        except _UNREADABLE as error:
            try:
                listed = _decode_with_nan(data)
            except (ValueError, RecursionError):
                raise UsageError(
                    f"the list is not JSON ({error})", where=source, mend="Give one object a line."
                ) from error
        assert isinstance(listed, list)
        refuse_repeated(data, listed, source=source)
        return rows_from_objects(listed, source=source)
    decode = msgspec.json.Decoder().decode
    lines: list[int] = []
    objects: list[object] = []
    unreadable: list[Quarantined] = []
    for line, text in enumerate(data.split(b"\n"), start=1):
        if not text.strip():
            continue
        try:
            decoded = decode(text)
        except _UNREADABLE as error:
            try:
                decoded = _decode_with_nan(text)
            except (ValueError, RecursionError):
                raw = cut(text.decode(errors="replace").rstrip("\r"))
                unreadable.append(Quarantined(line=line, reason=f"is not JSON: {error}", raw=raw))
                continue
        try:
            refuse_repeated(text, decoded)
        except TelltaleError as fault:
            raw = cut(text.decode(errors="replace").rstrip("\r"))
            unreadable.append(Quarantined(line=line, reason=fault.what, raw=raw))
            continue
        objects.append(decoded)
        lines.append(line)
    return rows_from_objects(objects, source=source, lines=lines, unreadable=unreadable)


def _decode_with_nan(text: bytes) -> object:
    """Decode what Python's own encoder writes for NaN and infinities, and 1e999, so that the reason names the value."""
    if _STRANGE.search(text) is None:
        raise ValueError(text)
    value: object = json.loads(text)
    json.dumps(value, ensure_ascii=False).encode()  # half a surrogate pair is no text: UnicodeEncodeError, a ValueError
    return value


def _parse_parquet(data: bytes, *, source: str) -> RawRows:
    try:
        frame = pl.read_parquet(data)
    except (pl.exceptions.PolarsError, OSError) as error:
        raise UsageError(f"the file is not Parquet ({error})", where=source, mend="Write it again.") from error
    refuse_reserved(frame.columns, source)
    frame, dropped = keep_named(frame)
    return RawRows(
        frame=frame.with_columns(pl.int_range(1, len(frame) + 1, dtype=pl.Int64, eager=True).alias(LINE)),
        source=source,
        dropped=dropped,
    )


def _bytes_of(source: Path) -> bytes:
    try:
        return source.read_bytes()
    except FileNotFoundError as error:
        raise NotFoundError("there is no such file", where=str(source), mend="Check the path.") from error
    except OSError as error:
        raise UsageError(f"the file cannot be read ({error.strerror})", where=str(source)) from error
