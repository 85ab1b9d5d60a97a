"""When a schedule is due, in UTC: a cron expression, or an interval such as `every 6h`."""

import re
from datetime import UTC, datetime, timedelta
from typing import Final

import msgspec

from telltale.contract.errors import UsageError

_WEEKDAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat", "sun")
# A slot missed by more than this is not caught up on: a home opened after a year trains once, for the latest slot.
_LOOK_BACK = timedelta(days=400)
_EVERY: Final = re.compile(r"every\s+(\d{1,4})\s*(m|h|d)", re.IGNORECASE)
_UNITS: Final = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class Due(msgspec.Struct, frozen=True):
    """The latest slot that is due, and how many before it nobody has done; one run makes up for all."""

    at: datetime
    n_missed: int


def next_slot(cron: str, after: datetime) -> datetime:
    """The first moment after `after` at which the expression is due.

    Args:
        cron: five fields: minute, hour, day of month, month, day of week (0 and 7 are Sunday, as in crontab); or
            `every N` with m, h or d, at whole multiples since midnight of 1970-01-01 UTC: `every 6h` is due at 00:00,
            06:00, 12:00 and 18:00, in whatever process.
        after: aware.

    Raises:
        UsageError: the expression cannot be read, or is never due.

    >>> next_slot("0 3 * * 0", datetime(2024, 1, 1, tzinfo=UTC)).strftime("%A %d %H:%M")
    'Sunday 07 03:00'
    >>> next_slot("every 6h", datetime(2024, 1, 1, 5, tzinfo=UTC)).strftime("%A %d %H:%M")
    'Monday 01 06:00'
    """
    interval = _interval(cron)
    if interval is not None:
        return _EPOCH + ((after - _EPOCH) // interval + 1) * interval
    from apscheduler.triggers.cron import CronTrigger

    fields = cron.split()
    if len(fields) != 5:
        raise UsageError(
            f"{cron!r} has {len(fields)} fields",
            where="schedule",
            mend="Give five, as in `0 3 * * 0`, or an interval, as in `every 6h`.",
        )
    minute, hour, day, month, weekday = fields
    try:
        trigger = CronTrigger(
            minute=minute, hour=hour, day=day, month=month, day_of_week=_weekday_names(weekday), timezone=UTC
        )
    except ValueError as error:
        raise UsageError(
            f"{cron!r} is no cron expression ({error})", where="schedule", mend="As in crontab: `0 3 * * 0`."
        ) from error
    due: datetime | None = trigger.get_next_fire_time(None, after + timedelta(microseconds=1))
    if due is None:
        raise UsageError(f"{cron!r} is never due", where="schedule", mend="Choose a day that exists.")
    return due.astimezone(UTC)


def due_slot(cron: str, *, since: datetime, now: datetime) -> Due | None:
    """The latest moment after `since` and not after `now` at which it was due, or None; those between are counted."""
    after = max(since, now - _LOOK_BACK)
    interval = _interval(cron)
    if interval is not None:
        n_due = (now - _EPOCH) // interval - (after - _EPOCH) // interval
        return Due(_EPOCH + ((now - _EPOCH) // interval) * interval, n_due - 1) if n_due > 0 else None
    found, n_due = None, 0
    while (due := next_slot(cron, after)) <= now:
        found = after = due
        n_due += 1
    return None if found is None else Due(found, n_due - 1)


def _interval(cron: str) -> timedelta | None:
    """The distance between slots, or None where the words are no interval."""
    found = _EVERY.fullmatch(cron.strip())
    if found is None:
        return None
    interval = int(found[1]) * _UNITS[found[2].lower()]
    if not interval:
        raise UsageError(f"{cron!r} has no length", where="schedule", mend="Give at least `every 1m`.")
    return interval


def _weekday_names(field: str) -> str:
    """Numbers as names: crontab counts from Sunday, the library from Monday."""
    parts = []
    for part in field.split(","):
        days, slash, step = part.partition("/")
        named = "-".join(_WEEKDAYS[int(day)] if day.isdigit() and int(day) < 8 else day for day in days.split("-"))
        if named.startswith("sun-"):  # the library's week ends with Sunday
            named = f"sun,mon-{named[4:]}" if not slash else named
        parts.append(named + slash + step)
    return ",".join(parts)
