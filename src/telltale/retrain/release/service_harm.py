"""Whether a version answers worse than the one before it: with more faults, or later."""

from typing import Final

from telltale.evaluate.intervals import wilson
from telltale.monitor.service import ServiceLevel

# As promised: alarms are raised at the same (`telltale.monitor.alarm.rules`).
MOST_ERRORS: Final = 0.05
SLOWEST_MS: Final = 100.0
LEAST_REQUESTS: Final = 20  # fewer tell nothing
_TIMES_SLOWER: Final = 2.0


def service_harm(new: ServiceLevel, old: ServiceLevel) -> str:
    """In what `new` is worse, in words; "" where it is not.

    Faults: more than 5 % of at least 20 requests, and more than chance would let `old` have. Latency: the newest 100
    answers take more than 100 ms on average, and more than twice as long as those of `old`. Where `old` answered nothing
    the first half of each decides.
    """
    if new.n >= LEAST_REQUESTS and new.error_rate is not None and new.error_rate > MOST_ERRORS:
        _, most = wilson(old.n_failed, old.n) if old.n else (0.0, MOST_ERRORS)
        if new.error_rate > most:
            return f"{new.n_failed} of its {new.n} requests failed; of those of the other version {old.n_failed} of {old.n}"
    mean_ms, other_ms = new.last_100_mean_ms, old.last_100_mean_ms
    if new.n_timed >= LEAST_REQUESTS and mean_ms is not None and mean_ms > SLOWEST_MS:
        if other_ms is None:
            return f"its last answers took {mean_ms:.0f} ms on average, and {SLOWEST_MS:.0f} ms is the limit"
        if mean_ms > _TIMES_SLOWER * other_ms:
            return f"its last answers took {mean_ms:.0f} ms on average, those of the other version {other_ms:.0f} ms"
    return ""
