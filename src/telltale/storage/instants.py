"""Moments as they are stored: whole microseconds since the epoch, UTC."""

from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def to_us(at: datetime) -> int:
    """Microseconds from the epoch to `at`, exact (a float of seconds would lose the last digits).

    Raises:
        ValueError: `at` is naive, so that its zone would have to be guessed.

    >>> to_us(datetime(2024, 12, 1, 14, 30, 22, 5, tzinfo=UTC))
    1733063422000005
    """
    if at.tzinfo is None:
        raise ValueError(f"{at!r} has no time zone; give an aware datetime, such as datetime.now(UTC)")
    return (at - _EPOCH) // _MICROSECOND


def from_us(us: int) -> datetime:
    """The aware UTC moment `us` microseconds after the epoch.

    >>> from_us(1733063422000005).isoformat()
    '2024-12-01T14:30:22.000005+00:00'
    """
    return _EPOCH + timedelta(microseconds=us)
