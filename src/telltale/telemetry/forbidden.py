"""Columns that could hold content: found by name in columns, or as keys in the bytes of a body, and refused."""

import re
from collections.abc import Callable, Iterable

import msgspec

from telltale.contract.errors import SchemaError
from telltale.contract.schema import EventSchema


def refuse_forbidden(schema: EventSchema, names: Iterable[str], *, where: str) -> None:
    """Raise SchemaError where one of the names is forbidden, in capitals or not; it says which."""
    forbidden = _forbidden(schema)
    found = [name for name in names if name.strip().casefold() in forbidden]
    if found:
        raise _refusal(found, where)


def content_check(schemas: Iterable[EventSchema]) -> Callable[[bytes], None] | None:
    """A check of JSON bytes; None where nothing is forbidden.

    It raises SchemaError where a forbidden name is a key in them, however deep, and takes about a microsecond: a body need
    not be decoded for it.
    """
    names = sorted({name for schema in schemas for name in _forbidden(schema)})
    if not names:
        return None
    key = re.compile(rb'"\s*(%s)\s*"\s*:' % b"|".join(re.escape(name.encode()) for name in names))

    def check(body: bytes) -> None:
        found = key.search(body.lower())
        if found is None and b"\\" in body:  # a key may be spelled with escapes
            found = key.search(_unescaped(body).lower())
        if found is not None:
            raise _refusal([found.group(1).decode()], "request body")

    return check


def _unescaped(body: bytes) -> bytes:
    """The document with every escape written out; as it is where it is no JSON, which its reader will say."""
    try:
        return msgspec.json.encode(msgspec.json.decode(body))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return body


def _forbidden(schema: EventSchema) -> frozenset[str]:
    """Forbidden names in small letters; what the event itself declares is not among them."""
    declared = {*(column.name for column in schema.columns), schema.time, schema.entity, schema.label}
    return frozenset(name.casefold() for name in schema.forbidden if name not in declared)


def _refusal(found: list[str], where: str) -> SchemaError:
    return SchemaError(
        f"columns {found} could hold content, and such events are not taken",
        where=where,
        mend="Remove the columns at the source.",
    )
