"""Bodies and query strings that are decoded into a struct, and what is told where they do not fit."""

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from math import isinf
from typing import Annotated, Any
from urllib.parse import parse_qs

import msgspec

from telltale.contract.errors import SchemaError, TelltaleError, UsageError
from telltale.telemetry.repeated_keys import refuse_repeated

# Why somebody did something, as it is kept for ever.
Reason = Annotated[str, msgspec.Meta(max_length=2_000, pattern=r"\A[^\x00]*\Z")]
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
        SchemaError: a field is missing, unknown, named twice or of another type.
    """
    try:
        decoded = decode(body)
    except UNREADABLE as error:
        raise body_fault(body, error, kind) from None
    refuse_repeated(body)
    return decoded


def body_fault(body: bytes, error: Exception, kind: type) -> TelltaleError:
    """The error to answer with for a body that msgspec refused."""
    if isinstance(error, msgspec.ValidationError):
        return _fault(error, kind, "request body")
    return strange_number(body) or UsageError(not_json(body, error), where="request body", mend=_mend(kind))


def not_json(body: bytes, error: Exception) -> str:
    r"""What is wrong with a body that is no JSON, for people.

    >>> not_json(b"\xff", ValueError("broken")), not_json(b" ", ValueError("broken"))
    ('the body is not JSON (byte 0 is no UTF-8)', 'the body is not JSON (it is empty)')
    """
    why = str(error).replace("`", "")
    try:
        text = body.decode()
    except UnicodeDecodeError as broken:
        why = f"byte {broken.start} is no UTF-8"
    else:
        if not text.strip():
            why = "it is empty"
        elif text.startswith("\ufeff"):
            why = "it begins with a byte order mark"
        elif isinstance(error, RecursionError):
            why = "objects and lists lie too deep in each other"
    return f"the body is not JSON ({why})"


class _Strange(msgspec.Struct):
    """A number that JSON does not have, as it was sent."""

    text: str


def strange_number(body: bytes) -> SchemaError | None:
    """The error for a body that is not JSON because of NaN, an infinity or 1e999, where it stands; None for another."""
    try:
        decoded = json.loads(body.decode(), parse_constant=_Strange, parse_float=_float, parse_int=str)
        path, strange = next(_stranges(decoded, ""), ("", None))
    except (ValueError, RecursionError):
        return None
    if strange is None:
        return None
    name = path.lstrip(".")
    return SchemaError(
        f"{name.rpartition('.')[2] or 'it'} is {strange.text[:60]}",
        where=f"request body{name and f', {name}'}",
        mend="Send a finite number, or leave out what was not measured.",
    )


def _float(text: str) -> object:
    return _Strange(text) if isinf(float(text)) else text


def _stranges(value: object, path: str) -> Iterator[tuple[str, _Strange]]:
    if isinstance(value, _Strange):
        yield path, value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _stranges(item, f"{path}.{key}")
    elif isinstance(value, list):
        for place, item in enumerate(value):
            yield from _stranges(item, f"{path}[{place}]")


def read_query(query: str, kind: type) -> Any:
    """A query string as a struct. Raises SchemaError, also where a parameter is given twice."""
    given = {name: one_of(values, name) for name, values in query_parameters(query).items()}
    try:
        return msgspec.convert(given, kind, strict=False)
    except msgspec.ValidationError as error:
        raise _fault(error, kind, "query string") from None


def query_parameters(query: str) -> dict[str, list[str]]:
    """What a query string says. Raises SchemaError where it is no UTF-8."""
    try:
        return parse_qs(query, keep_blank_values=True, errors="strict")
    except ValueError:
        raise SchemaError(
            "it is no UTF-8", where="query string", mend="Escape what is not ASCII as UTF-8, byte by byte."
        ) from None


def one_of(values: Sequence[str], name: str) -> str:
    """The value of a parameter that may be given once. Raises SchemaError."""
    if len(values) > 1:
        raise SchemaError(f"{name} is given {len(values)} times", where=f"query string, {name}", mend="Give it once.")
    return values[0]


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
