"""What is told of a text column: plain statistics, and the bytes that n-grams are counted in.

The text of an attack is hostile: work is bounded by a cut, escapes are undone a few times at most, and none is refused.
"""

from functools import cache
from typing import Final, Literal
from urllib.parse import unquote_to_bytes
from zlib import crc32

TextStat = Literal["length", "digits", "signs", "longest", "escapes", "checksum"]
Form = Literal["characters", "shapes"]

# Characters looked at: the first and the last so many. What stands between of a longer one costs nothing.
_HEAD: Final = 1_536
_TAIL: Final = 512
# Attackers escape twice to get by a filter; nobody honest does so more often than this.
_MOST_UNDONE: Final = 3
_MOST_PARAMETERS: Final = 64
_LETTERS: Final = frozenset(range(ord("a"), ord("z") + 1)) | frozenset(range(128, 256))
_DIGITS: Final = frozenset(b"0123456789")
_PLAIN: Final = _LETTERS | _DIGITS | frozenset(b" ")
_FORMS: Final[dict[Form, bytes]] = {
    # A number is as good as another one; of the shape of a text, a letter is too.
    "characters": bytes(ord("0") if byte in _DIGITS else byte for byte in range(256)),
    "shapes": bytes(ord("0") if byte in _DIGITS else ord("a") if byte in _LETTERS else byte for byte in range(256)),
}
_SIGNS: Final = bytes(byte for byte in range(256) if byte not in _PLAIN)


def cut(text: str) -> str:
    """The text, without its middle where it is long."""
    return text if len(text) <= _HEAD + _TAIL else text[:_HEAD] + text[-_TAIL:]


def unescaped(text: str) -> tuple[bytes, int]:
    """Lower-case bytes without percent-escapes, `+` a blank; and how often escapes were undone.

    What is no escape stays as it is; bytes that are no UTF-8 stay bytes.

    >>> unescaped("%2527+OR%201=1")
    (b"' or 1=1", 2)
    """
    found = cut(text).encode("utf-8", "replace").replace(b"+", b" ")
    for depth in range(_MOST_UNDONE):
        if b"%" not in found:
            return found.lower(), depth
        undone = unquote_to_bytes(found)
        if undone == found:
            return found.lower(), depth
        found = undone
    return found.lower(), _MOST_UNDONE


def parameters(text: str) -> list[tuple[str, str]]:
    """Names and values of `a=1&b=2`, as escaped as they came; what has no `=` is a value without a name.

    >>> parameters("a=1&b")
    [('a', '1'), ('', 'b')]
    """
    found = []
    for part in cut(text).split("&", _MOST_PARAMETERS):
        name, equals, value = part.partition("=")
        found.append((name, value) if equals else ("", part))
    return found


def shaped(plain: bytes, form: Form) -> bytes:
    """Bytes with every digit a 0, and as "shapes" every letter an `a`."""
    return plain.translate(_FORMS[form])


def text_statistic(text: str | None, stat: TextStat, otherwise: float) -> float:
    """One figure of a text; `otherwise` where there is none.

    Args:
        text: as measured.
        stat: "length" in characters, of the whole; "digits" and "signs", how many there are once escapes are undone (a
            sign is neither letter, digit nor blank); "longest", the longest run without a blank or a sign; "escapes", how
            often escapes had to be undone; "checksum", a number that tells texts apart.
        otherwise: of no text.

    >>> [text_statistic("id=17%27", stat, -1.0) for stat in ("length", "digits", "signs", "longest", "escapes")]
    [8.0, 2.0, 2.0, 2.0, 1.0]
    """
    if text is None:
        return otherwise
    match stat:
        case "length":
            return float(len(text))
        case "checksum":
            return float(crc32(text.encode("utf-8", "replace")))
    plain, depth = unescaped(text)
    match stat:
        case "escapes":
            return float(depth)
        case "digits":
            return float(len(plain) - len(plain.translate(None, delete=b"0123456789")))
        case "signs":
            return float(len(plain) - len(plain.translate(None, delete=_SIGNS)))
        case "longest":
            return float(max(map(len, plain.translate(_apart()).split()), default=0))


@cache
def _apart() -> bytes:
    """Signs as blanks."""
    return bytes(ord(" ") if byte in _SIGNS else byte for byte in range(256))
