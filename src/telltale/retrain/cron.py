"""When a cron expression is due, in UTC."""

from datetime import UTC, datetime, timedelta

from telltale.contract.errors import UsageError

_WEEKDAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat", "sun")
# A slot missed by more than this is not caught up on: a home opened after a year trains once, for the latest slot.
_LOOK_BACK = timedelta(days=400)


def next_slot(cron: str, after: datetime) -> datetime:
    """The first moment after `after` at which the expression is due.

    Args:
        cron: five fields: minute, hour, day of month, month, day of week (0 and 7 are Sunday, as in crontab).
        after: aware.

    Raises:
        UsageError: the expression cannot be read, or is never due.

    >>> next_slot("0 3 * * 0", datetime(2024, 1, 1, tzinfo=UTC)).strftime("%A %d %H:%M")
    'Sunday 07 03:00'
    """
    from apscheduler.triggers.cron import CronTrigger

    fields = cron.split()
    if len(fields) != 5:
        raise UsageError(f"{cron!r} has {len(fields)} fields", where="schedule", mend="Give five, as in `0 3 * * 0`.")
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


def latest_slot(cron: str, *, since: datetime, now: datetime) -> datetime | None:
    """The latest moment after `since` and not after `now` at which it was due, or None. Slots between are passed over."""
    found, after = None, max(since, now - _LOOK_BACK)
    while (due := next_slot(cron, after)) <= now:
        found = after = due
    return found


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
