"""Why a body was refused, in the words of the schema: the column, the value got, what is allowed."""

import re
from collections.abc import Sequence
from typing import Any, Final

import msgspec
from msgspec.structs import replace

from telltale.contract.errors import SchemaError, TelltaleError, UsageError
from telltale.contract.schema import Column
from telltale.serve.http.struct_bodies import UNREADABLE, not_json, strange_number

_PATH = re.compile(r" - at `\$(.*)`$")
_STEP = re.compile(r"\.([^.\[]+)|\[(\d+)\]")
# Models reckon in single precision, where the squares of larger numbers are infinite, and answers would be none.
LARGEST: Final = 1e18
_SHOWN = 60  # characters of a wrong value that are told


def bounded(column: Column) -> Column:
    """The column with the bounds that hold where it declares none."""
    low = -LARGEST if column.low is None else column.low
    high = LARGEST if column.high is None else column.high
    return replace(column, low=low, high=high)


def explain_fault(body: bytes, error: Exception, columns: Sequence[Column]) -> TelltaleError:
    """The error to answer with. Called only once a body was refused, so it may take its time."""
    names = [column.name for column in columns]
    try:
        decoded = msgspec.json.decode(body)
    except UNREADABLE as broken:
        return strange_number(body) or UsageError(
            not_json(body, broken), where="request body", mend=f"Send one JSON object with {names}."
        )
    path = found.group(1) if (found := _PATH.search(str(error))) else ""
    where = f"request body{', ' + path.lstrip('.') if path else ''}"
    holder, value, name = _walk(decoded, path)
    if "missing required field" in str(error):
        present = holder if isinstance(holder, dict) else {}
        needed = [column.name for column in columns if not column.nullable]
        return SchemaError.missing([key for key in needed if key not in present], list(present), where=where)
    column = next((column for column in columns if column.name == name), None)
    if column is None:
        return SchemaError(
            f"{_shown(value)} does not fit: {_PATH.sub('', str(error)).replace('`', '')}",
            where=where,
            mend='Send one object with a number for each column, or {"rows": [...]} with several of them.',
        )
    if isinstance(value, int | float) and abs(value) > LARGEST:
        column = bounded(column)
    return SchemaError(f"{name} is {_shown(value)}", where=where, mend=f"Send {allowed_values(column)}.")


def _walk(decoded: Any, path: str) -> tuple[Any, Any, str]:
    """The object that holds the place a path leads to, the value there, and its key."""
    holder, value, name = decoded, decoded, ""
    for key, index in _STEP.findall(path):
        try:
            holder, value = value, value[int(index) if index else key]
        except (LookupError, TypeError):
            break
        name = key
    # The path of a missing field leads to the object that lacks it.
    return (value if isinstance(value, dict) else holder), value, name


def allowed_values(column: Column) -> str:
    """What may stand in a column, in words."""
    unit = f" in {column.unit}" if column.unit else ""
    if column.dtype == "str":
        return "a text"
    if column.low is not None and column.high is not None:
        return f"a number from {column.low:g} to {column.high:g}{unit}"
    if column.low is not None:
        return f"a number of at least {column.low:g}{unit}"
    if column.high is not None:
        return f"a number of at most {column.high:g}{unit}"
    return f"a finite number{unit}"


def _shown(value: Any) -> str:
    text = msgspec.json.encode(value).decode() if not isinstance(value, float) else repr(value)
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"
