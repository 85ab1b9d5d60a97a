"""Writing checked rows to files that `read_rows` and `check_rows` take back."""

import secrets
from pathlib import Path

import msgspec
import polars as pl

from telltale.contract.errors import SchemaError, UsageError
from telltale.contract.schema import EventSchema
from telltale.telemetry.files import FileFormat, format_of
from telltale.telemetry.frames import ENTITY, KEY, LABEL, LINE, TIME


def event_columns(frame: pl.DataFrame, schema: EventSchema) -> pl.DataFrame:
    """A checked frame under the event's own column names, without line numbers.

    Columns that carry nothing are left out: a time that is always null, an entity that is always "", labels that are
    not there.

    Raises:
        SchemaError: rows have entities or labels, and the event has no column for them.
    """
    names = {TIME: schema.time, ENTITY: schema.entity, LABEL: schema.label}
    carries = {
        TIME: frame.is_empty() or frame[TIME].null_count() < len(frame),
        ENTITY: bool((frame[ENTITY] != "").any()),
        LABEL: LABEL in frame.columns,
    }
    unnamed = [name for name in (ENTITY, LABEL) if carries[name] and names[name] is None]
    if unnamed:
        raise SchemaError(f"event {schema.name} has no column for {unnamed}", where="export")
    kept = frame.drop([LINE, KEY, *(name for name, has in carries.items() if not has)], strict=False)
    return kept.rename({name: new for name, new in names.items() if new is not None and carries[name]})


def write_frame(frame: pl.DataFrame, path: Path) -> None:
    """Write a frame as CSV, NDJSON or Parquet by the file's suffix; times in ISO 8601, UTC; in CSV lists as JSON text.

    CSV cannot tell an empty text from a missing one: both come back as missing.

    The file appears whole or not at all, and replaces one of that name.

    Raises:
        UsageError: the suffix is unknown, or the file cannot be written.
    """
    kind = format_of(path)
    # Beside the file, so that the last step is a rename within one file system.
    unfinished = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        _write(frame, unfinished, kind)
        unfinished.replace(path)
    except (OSError, pl.exceptions.PolarsError) as error:
        why = getattr(error, "strerror", None) or str(error).partition(" (os error")[0]
        raise UsageError(
            f"the file cannot be written ({why})",
            where=str(path),
            mend="Check the folder and the room on the disk.",
        ) from error
    finally:
        unfinished.unlink(missing_ok=True)


def _write(frame: pl.DataFrame, path: Path, kind: FileFormat) -> None:
    if kind == "parquet":
        frame.write_parquet(path)
        return
    instants = [name for name, dtype in frame.schema.items() if isinstance(dtype, pl.Datetime)]
    texts = frame.with_columns(pl.col(instants).dt.to_string("%Y-%m-%dT%H:%M:%S%.6fZ"))
    if kind == "csv":
        texts.with_columns(_as_json(series) for series in texts if isinstance(series.dtype, pl.List)).write_csv(path)
    else:
        texts.write_ndjson(path)


def _as_json(lists: pl.Series) -> pl.Series:
    encode = msgspec.json.Encoder().encode
    return pl.Series(
        lists.name, [None if row is None else encode(row).decode() for row in lists.to_list()], dtype=pl.String
    )
