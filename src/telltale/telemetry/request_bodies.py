"""Rows of a request body: one object, a list of objects, or one object a line."""

import msgspec

from telltale.contract.errors import UsageError
from telltale.telemetry.files import parse_ndjson
from telltale.telemetry.raw_rows import RawRows, rows_from_objects
from telltale.telemetry.repeated_keys import refuse_repeated

_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


def read_objects(body: bytes) -> RawRows:
    """The rows as they are. Raises UsageError and SchemaError, as `parse_ndjson` does, and where the body is empty."""
    if not body.strip():
        raise UsageError(
            "the body is empty",
            where="request body",
            mend="Send one object, a list of objects, or one object a line.",
        )
    try:
        decoded = msgspec.json.decode(body)
    except _UNREADABLE:
        return parse_ndjson(body)
    refuse_repeated(body, decoded)
    return rows_from_objects(decoded if isinstance(decoded, list) else [decoded])
