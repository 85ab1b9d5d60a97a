"""A `.env` file, read as a shell would read its assignments, without expanding anything."""

import re
from pathlib import Path
from typing import Final

import msgspec

from telltale.contract.errors import UsageError

_NAME: Final = re.compile(r"(?:export\s+)?([^\s=]+)\s*=\s*(.*)")
_SINGLE: Final = re.compile(r"'([^']*)'\s*(?:(?<=\s)#.*)?")
_DOUBLE: Final = re.compile(r'"((?:[^"\\]|\\.)*)"\s*(?:(?<=\s)#.*)?')
_COMMENT: Final = re.compile(r"(?:^|\s+)#.*")
_ESCAPED: Final = re.compile(r'\\(["\\$`])')  # those that a shell unescapes between double quotes


class Line(msgspec.Struct, frozen=True):
    """A value as it was given, and where: "/shop/.env:3", or "" for no file."""

    value: str
    where: str = ""


def read_env_file(path: Path) -> dict[str, Line]:
    """The values of a file by their names; nothing where there is no file.

    One `NAME=value` a line, `export` before it or not, spaces around the equals sign or not. A value may stand in quotes
    and end with a comment, before which a space stands; `$` is a sign like others. The last of two lines wins.

    Raises:
        UsageError: a line cannot be read.
    """
    if not path.is_file():
        return {}
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"it cannot be read ({error})", where=str(path), mend="Save it as UTF-8.") from error
    found = {}
    for number, line in enumerate(text.split("\n"), start=1):
        told = line.strip()
        if not told or told.startswith("#"):
            continue
        where = f"{path}:{number}"
        named = _NAME.fullmatch(told)
        if named is None:
            raise UsageError("there is no NAME= in it", where=where, mend="Write one NAME=value a line.")
        found[named[1]] = Line(_value(named[2], where), where)
    return found


def _value(text: str, where: str) -> str:
    if text[:1] == "'" and (single := _SINGLE.fullmatch(text)):
        return single[1]
    if text[:1] == '"' and (double := _DOUBLE.fullmatch(text)):
        return _ESCAPED.sub(r"\1", double[1])
    if text[:1] in {"'", '"'}:
        raise UsageError(
            "the quote is not closed at the end of the line", where=where, mend="Close it, or leave it out."
        )
    return _COMMENT.sub("", text).rstrip()
