"""Keys that an object of a JSON document names twice: decoders keep the last one and say nothing."""

import json
from typing import Any, Final

import msgspec

from telltale.contract.errors import SchemaError, UsageError

DEEPEST: Final = 64  # objects and lists inside each other; no event or body of ours needs more than five

_decode = msgspec.json.Decoder().decode


class _Repeated(Exception):  # noqa: N818 - carries the key out of the parser
    pass


def refuse_repeated(text: bytes, decoded: object = msgspec.UNSET, *, source: str = "request body") -> None:
    r"""Refuse a document that names a key twice in one object, whichever way the key is spelled.

    Each key and each text of a document stands between two quotes: where there are no more of them than what was
    decoded accounts for, nothing was dropped. Only a document with more is read again, pair by pair.

    Args:
        text: JSON that some decoder has taken already.
        decoded: what it was decoded to, as plain lists, dicts and texts; decoded here where it is left out.
        source: for messages.

    Raises:
        SchemaError: a key is named twice in one object.
        UsageError: a key or a text is no UTF-8, a number is too long, or objects and lists lie deeper in each other than `DEEPEST`.

    >>> refuse_repeated(b'{"load": 1, "heat": {"load": 2}}')
    >>> refuse_repeated(b'{"load": 1, "l\\u006fad": 2}')
    Traceback (most recent call last):
    telltale.contract.errors.SchemaError: request body, load: load is named twice. Name each key once.
    """
    try:
        n_texts = _n_texts(_decode(text) if decoded is msgspec.UNSET else decoded, DEEPEST)
        if text.count(b'"') == 2 * n_texts:
            return
        json.loads(text, object_pairs_hook=_pairs, parse_int=str, parse_float=str)
    except _Repeated as found:
        key = _shown(str(found))
        raise SchemaError(f"{key} is named twice", where=f"{source}, {key}", mend="Name each key once.") from None
    except UnicodeDecodeError as broken:  # decoders of structs pass over keys that they do not know, broken ones too
        raise UsageError(
            f"{_shown(broken.object.decode(errors='replace'))} is no UTF-8", where=source, mend="Send UTF-8."
        ) from None
    except msgspec.DecodeError as broken:  # and numbers of thousands of digits under them
        raise UsageError(
            f"a value cannot be read ({broken})", where=source, mend="Send numbers that a float can hold."
        ) from None
    except RecursionError:
        raise UsageError(
            f"objects and lists lie deeper in each other than {DEEPEST}", where=source, mend="Send flat objects."
        ) from None


def _n_texts(value: object, deepest: int) -> int:
    """How many keys and texts a decoded value has. Raises RecursionError where it is nested deeper than that."""
    if deepest < 0:
        raise RecursionError
    if type(value) is dict:
        n_texts, values = len(value), value.values()
    elif type(value) is list:
        n_texts, values = 0, value  # type: ignore[assignment]  # either is gone through in the same way
    else:
        return int(type(value) is str)
    for item in values:
        kind = type(item)
        if kind is str:
            n_texts += 1
        elif kind is dict or kind is list:
            n_texts += _n_texts(item, deepest - 1)
    return n_texts


def _pairs(pairs: list[tuple[str, Any]]) -> None:
    if len({key for key, _ in pairs}) == len(pairs):
        return
    seen: set[str] = set()
    for key, _ in pairs:
        if key in seen:
            raise _Repeated(key)
        seen.add(key)


def _shown(key: str) -> str:
    return key if len(key) <= 60 else f"{key[:59]}…"
