"""Bodies and query strings that are decoded into a struct, and what is told where they do not fit."""

import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qs

import msgspec

from telltale.contract.errors import SchemaError, TelltaleError, UsageError

# Broken text inside a string, and nesting that is too deep, have errors of their own.
UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
_PATH = re.compile(r" - at `\$(.*)`$")


def read_body(decode: Callable[[bytes], Any], body: bytes, kind: type) -> Any:
    """A decoded body.

    Args:
        decode: of a msgspec decoder for `kind`.
        body: JSON.
        kind: a struct, for what is told of a body that does not fit.

    Raises:
        UsageError: it is not JSON.
        SchemaError: a field is missing, unknown or of another type.
    """
    try:
        return decode(body)
    except UNREADABLE as error:
        raise body_fault(error, kind) from None


def body_fault(error: Exception, kind: type) -> TelltaleError:
    """The error to answer with for a body that msgspec refused."""
    if isinstance(error, msgspec.ValidationError):
        return _fault(error, kind, "request body")
    return UsageError(f"the body is not JSON ({error})", where="request body", mend=_mend(kind))


def read_query(query: str, kind: type) -> Any:
    """A query string as a struct; of a parameter given twice the last one counts. Raises SchemaError."""
    given = {name: values[-1] for name, values in parse_qs(query, keep_blank_values=True).items()}
    try:
        return msgspec.convert(given, kind, strict=False)
    except msgspec.ValidationError as error:
        raise _fault(error, kind, "query string") from None


def _fault(error: Exception, kind: type, part: str) -> SchemaError:
    path = found.group(1).lstrip(".") if (found := _PATH.search(str(error))) else ""
    what = _PATH.sub("", str(error)).replace("`", "")
    return SchemaError(f"{what[:1].lower()}{what[1:]}", where=f"{part}{f', {path}' if path else ''}", mend=_mend(kind))


def _mend(kind: type) -> str:
    known = _known(kind)
    needed = [name for name, is_needed in known.items() if is_needed]
    others = [name for name, is_needed in known.items() if not is_needed]
    if not known:
        return "GET /docs says what is taken."
    told = f"Send one object with {', '.join(needed)}" if needed else "Send one object"
    return f"{told}{'; known besides' if needed else '; known'}: {', '.join(others)}." if others else f"{told}."


def _known(kind: type) -> Mapping[str, bool]:
    """The names of a struct's fields as they are sent, and whether each is needed."""
    if not (isinstance(kind, type) and issubclass(kind, msgspec.Struct)):
        return {}
    return {field.encode_name: field.required for field in msgspec.structs.fields(kind)}
