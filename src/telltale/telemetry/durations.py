"""Spans of time as people type them: `90m`, `24h`, `7d`, `1d12h`, and moments told by them."""

import re
from datetime import UTC, datetime, timedelta
from typing import Final

from telltale.contract.errors import UsageError

_UNITS: Final = {"w": "weeks", "d": "days", "h": "hours", "m": "minutes", "s": "seconds"}
_PART: Final = re.compile(r"(\d+(?:\.\d+)?)([wdhms])")
_WHOLE: Final = re.compile(rf"(?:{_PART.pattern})+")
# Further back lies no event, and `datetime` would overflow.
_LONGEST: Final = timedelta(days=36_500)


def duration(text: str) -> timedelta:
    """A span such as `90m`, `24h`, `7d` or `1d12h`; above zero.

    Raises:
        UsageError: the text is no span, or one of nothing.

    >>> duration("1d12h")
    datetime.timedelta(days=1, seconds=43200)
    """
    typed = text.strip().lower()
    if _WHOLE.fullmatch(typed):
        parts = [float(number) * timedelta(**{_UNITS[unit]: 1}) for number, unit in _PART.findall(typed)]
        found = sum(parts, timedelta())
        if timedelta() < found <= _LONGEST:
            return found
    units = ", ".join(f"{unit} ({name})" for unit, name in _UNITS.items())
    raise UsageError(
        f"{text!r} is no span of time", where="duration", mend=f"Give a number and a unit, such as 24h; units: {units}."
    )


def since(text: str, *, now: datetime) -> datetime:
    """A moment: so long before `now` (`7d`), or an ISO 8601 time, which is UTC where it names no zone.

    Raises:
        UsageError: the text is neither.

    >>> since("24h", now=datetime(2026, 3, 2, tzinfo=UTC)).isoformat()
    '2026-03-01T00:00:00+00:00'
    """
    typed = text.strip()
    if _WHOLE.fullmatch(typed.lower()):
        return now - duration(typed)
    try:
        at = datetime.fromisoformat(typed)
    except ValueError as error:
        raise UsageError(
            f"{text!r} is neither a span of time nor a moment",
            where="time",
            mend="Give a span before now, such as 24h or 7d, or an ISO 8601 time such as 2026-03-01T00:00:00Z.",
        ) from error
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
