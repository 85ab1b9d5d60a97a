"""CSV: values as text with their line numbers; a broken line costs that line only."""

import csv

import polars as pl

from telltale.contract.errors import SchemaError, UsageError
from telltale.telemetry.frames import LINE
from telltale.telemetry.raw_rows import Quarantined, RawRows, cut, keep_named, refuse_reserved

# A quoted value may hold line ends. The bound keeps an unclosed quote from swallowing the file, and from making the
# search for its end quadratic.
QUOTED_LINES = 20


def parse_csv(data: bytes, *, source: str) -> RawRows:
    """Rows of a CSV file: UTF-8 with or without a byte order mark, commas, a header line. Blank lines are no rows.

    Raises:
        UsageError: it is not UTF-8 with commas.
        SchemaError: there is no header, or it names a column twice.
    """
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise UsageError("the file is UTF-16", where=source, mend="Save it as CSV in UTF-8.")
    head, _, body = data.removeprefix(b"\xef\xbb\xbf").replace(b"\r\n", b"\n").partition(b"\n")
    names, dropped = _names(head, source)
    if b'"' in body or not _is_utf8(body):
        lines, rows, unreadable = _records(body, n_fields=len(names))
        columns = list(zip(*rows, strict=True)) if rows else [()] * len(names)
        frame = pl.DataFrame(
            [pl.Series(name, values, dtype=pl.String) for name, values in zip(names, columns, strict=True)]
        ).with_columns(pl.all().replace("", None))
    else:
        lines, frame, unreadable = _plain(body, names)
    frame, indexes = keep_named(frame.drop(dropped).with_columns(lines.alias(LINE)))
    return RawRows(frame=frame, source=source, unreadable=unreadable, is_text=True, dropped={**dropped, **indexes})


def _names(head: bytes, source: str) -> tuple[list[str], dict[str, str]]:
    """Names of the columns, and which have none in the header: those get a name by position, to be left out."""
    try:
        header = next(csv.reader([head.decode()], strict=True), [])
    except (UnicodeDecodeError, csv.Error) as error:
        raise UsageError(f"line 1 is not a CSV header ({error})", where=source, mend="Save it as UTF-8 CSV.") from error
    stripped = [name.strip() for name in header]
    if not any(stripped):
        raise SchemaError("line 1 is empty", where=source, mend="Begin the file with a line that names its columns.")
    if len(stripped) == 1 and any(sign in stripped[0] for sign in ";\t|"):
        raise UsageError("the values are not separated by commas", where=source, mend="Save it with commas.")
    refuse_reserved(stripped, source)
    twice = sorted({name for name in stripped if name and stripped.count(name) > 1})
    if twice:
        raise SchemaError(f"columns {twice} appear twice in the header", where=source, mend="Rename or remove one.")
    named = [name or f"@column {position}" for position, name in enumerate(stripped, start=1)]
    return named, {name: "has no name in the header" for name in named if name.startswith("@")}


def _is_utf8(body: bytes) -> bool:
    try:
        body.decode()
    except UnicodeDecodeError:
        return False
    return True


def _plain(body: bytes, names: list[str]) -> tuple[pl.Series, pl.DataFrame, tuple[Quarantined, ...]]:
    """Without quotes a line is a row: commas are counted and values split in columns, not row by row."""
    texts = pl.Series("text", [body.decode().removesuffix("\n")]).str.split("\n").explode()
    table = pl.DataFrame({"text": texts, LINE: pl.int_range(2, len(texts) + 2, dtype=pl.Int64, eager=True)})
    table = table.filter(pl.col("text").str.strip_chars() != "")
    is_row = pl.col("text").str.count_matches(",", literal=True) == len(names) - 1
    broken = table.filter(~is_row)
    unreadable = tuple(
        Quarantined(line=line, reason=_field_count(text.count(",") + 1, len(names)), raw=cut(text))
        for text, line in broken.iter_rows()
    )
    if len(table) < len(texts) or unreadable:
        table = table.filter(is_row)
        body = "\n".join(table["text"]).encode()
    schema = dict.fromkeys(names, pl.String())
    if table.is_empty():
        return table[LINE], pl.DataFrame(schema=schema), unreadable
    frame = pl.read_csv(body, has_header=False, schema=schema, quote_char=None)
    return table[LINE], frame, unreadable


def _records(body: bytes, *, n_fields: int) -> tuple[pl.Series, list[list[str]], tuple[Quarantined, ...]]:
    """Row by row, where there are quotes or bytes that are not UTF-8."""
    texts = body.decode(errors="surrogateescape").split("\n")
    lines: list[int] = []
    rows: list[list[str]] = []
    unreadable: list[Quarantined] = []
    position = 0
    while position < len(texts):
        text, line = texts[position], position + 2
        n_lines, reason = 1, ""
        if text.strip():
            n_lines, row, reason = _record(texts, position, n_fields)
            if reason:
                shown = text.encode(errors="surrogateescape").decode(errors="replace")
                unreadable.append(Quarantined(line=line, reason=reason, raw=cut(shown)))
                n_lines = 1
            else:
                lines.append(line)
                rows.append(row)
        position += n_lines
    return pl.Series(LINE, lines, dtype=pl.Int64), rows, tuple(unreadable)


def _record(texts: list[str], position: int, n_fields: int) -> tuple[int, list[str], str]:
    """How many lines the record at this position takes, its values, and what is wrong with it, or ""."""
    text = texts[position]
    if '"' not in text:
        row, n_lines = text.split(","), 1
    else:
        is_whole = text.count('"') % 2 == 0  # else a quoted value goes on in the lines after this one
        reader = csv.reader([text] if is_whole else _with_ends(texts, position), strict=True)
        try:
            row, n_lines = next(reader), reader.line_num
        except csv.Error as error:
            return 1, [], f"is not CSV: {error}"
    if len(row) != n_fields:
        return 1, [], _field_count(len(row), n_fields)
    if not (text.isascii() and n_lines == 1) and any("\udc80" <= sign <= "\udcff" for sign in "".join(row)):
        return 1, [], "is not UTF-8 text"
    return n_lines, row, ""


def _with_ends(texts: list[str], position: int) -> list[str]:
    return [f"{text}\n" for text in texts[position : position + QUOTED_LINES]]


def _field_count(got: int, wanted: int) -> str:
    return f"has {got} values where the header names {wanted}"
