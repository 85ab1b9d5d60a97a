"""Doing something at even intervals."""

import time
from collections.abc import Iterator

from telltale.contract.errors import UsageError


def ticks(interval_s: float, *, where: str) -> Iterator[None]:
    """Yields every `interval_s` seconds, for the first time after one interval.

    Time that the caller takes is part of the interval. After a suspended machine wakes up one tick comes at once, and the next after an interval.

    Raises:
        UsageError: the interval is not above 0; on the call, not on the first tick.
    """
    if not interval_s > 0:
        raise UsageError(f"the interval is {interval_s:g} s", where=where, mend="Give more than 0 seconds.")
    return _ticks(interval_s, time.monotonic() + interval_s)


def _ticks(interval_s: float, due_s: float) -> Iterator[None]:
    while True:
        time.sleep(max(0.0, due_s - time.monotonic()))
        now_s = time.monotonic()
        # After a pause that swallowed the next tick a whole interval begins: one of no length measures nothing.
        due_s = due_s + interval_s if due_s + interval_s > now_s else now_s + interval_s
        yield
