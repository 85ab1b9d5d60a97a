"""Asking again: later each time, by chance not all at once, and as late as whoever was asked says."""

import random
import time
from collections.abc import Callable
from typing import TypeVar

import msgspec

from telltale.contract.errors import UnavailableError

Done = TypeVar("Done")
Failed = Callable[[UnavailableError, int], None]


class Patience(msgspec.Struct, frozen=True, kw_only=True):
    """How often and how late something is asked again.

    Args:
        attempts: in all, the first among them.
        first_pause_s: before the second; each further one is twice as long.
        most_pause_s: no pause is longer, unless a longer one was asked for.
        most_wait_s: of all pauses together; where the next would go beyond, the fault is told.
    """

    attempts: int = 4
    first_pause_s: float = 0.5
    most_pause_s: float = 30.0
    most_wait_s: float = 120.0


ONCE = Patience(attempts=1)


def ask_again(
    ask: Callable[[], Done],
    patience: Patience,
    *,
    rng: random.Random,
    failed: Failed = lambda _error, _attempt: None,
    sleep: Callable[[float], None] = time.sleep,
) -> Done:
    """What `ask` returns, asked again while it is not available.

    A pause is drawn between half and the whole of its length, so that many that failed together do not come back together.

    Args:
        ask: raises UnavailableError where it may be asked again; any other error ends it.
        patience: how long.
        rng: for the pauses.
        failed: told after each failure, with the number of the attempt from 1.
        sleep: waits so many seconds.

    Raises:
        UnavailableError: the last one.

    References:
        Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015 ("equal jitter").
    """
    waited_s = 0.0
    for attempt in range(1, patience.attempts + 1):
        try:
            return ask()
        except UnavailableError as error:
            failed(error, attempt)
            longest_s = min(patience.first_pause_s * 2.0 ** (attempt - 1), patience.most_pause_s)
            pause_s = max(longest_s * rng.uniform(0.5, 1.0), error.retry_after_s or 0.0)
            if attempt == patience.attempts or waited_s + pause_s > patience.most_wait_s:
                raise
        sleep(pause_s)
        waited_s += pause_s
    raise AssertionError(patience.attempts)
