"""Event times of request bodies, one at a time and quickly; the same rule as for files."""

from datetime import UTC, datetime

from telltale.contract.errors import SchemaError
from telltale.telemetry.times import SECONDS_LIMIT, time_fault

# What Python's datetime holds; an offset can lead out of it.
_FIRST_S = datetime(1, 1, 1, tzinfo=UTC).timestamp()
_SHOWN = 60  # characters of a wrong value that are told
_END_S = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC).timestamp()


def parse_time(value: str | float, name: str = "") -> float:
    """Epoch seconds of ISO 8601 text (naive = UTC), of epoch seconds, or of epoch seconds as text.

    Args:
        value: as it was sent.
        name: of the field, for messages.

    Raises:
        SchemaError: it is no time, or looks like milliseconds.

    >>> parse_time("2024-01-01T02:00:00+02:00"), parse_time("2024-01-01 00:00:00"), parse_time(1704067200)
    (1704067200.0, 1704067200.0, 1704067200.0)
    """
    if isinstance(value, str):
        # Digits and a dash, as in 2024-12-01: `fromisoformat` would also take 20241201, which is epoch seconds in files.
        if value[4:5] == "-" and value[5:6].isdigit():
            try:
                at = datetime.fromisoformat(value)
            except ValueError:
                raise _no_time(value, name) from None
            seconds = (at if at.tzinfo is not None else at.replace(tzinfo=UTC)).timestamp()
            if not _FIRST_S <= seconds < _END_S:
                raise _no_time(value, name)
            return seconds
        try:
            seconds = float(value)
        except ValueError:
            raise _no_time(value, name) from None
    else:
        seconds = float(value)
    if not _FIRST_S <= seconds <= SECONDS_LIMIT:
        raise _no_time(value, name)
    return seconds


def _no_time(value: str | float, name: str) -> SchemaError:
    fault, _, mend = time_fault(value).partition("; ")
    shown = repr(value) if len(repr(value)) <= _SHOWN else f"{repr(value)[:_SHOWN]}…"
    return SchemaError(
        f"{name or 'the time'} {shown} {fault}",
        where=f"request body{name and f', {name}'}",
        mend=f"{mend[:1].upper()}{mend[1:]}.",
    )
