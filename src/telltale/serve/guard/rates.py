"""How often: a bucket of tokens for each caller and task."""

import asyncio
from collections.abc import Awaitable, Callable
from time import monotonic

from telltale.contract.errors import TooManyRequestsError
from telltale.serve.guard.caller import Caller

_LOOK_AFTER = 256  # buckets before the full ones, which say nothing, are thrown away


class Rates:
    """Lets so many requests a second through, and a burst of as many (one at least) after a rest.

    A process counts for itself and allows its share: over `n_workers` processes no more than the rate passes in all, plus
    their bursts. The kernel hands out connections, not requests, so one that stays on a single connection gets a single
    share.

    Args:
        default: requests a second of one caller and task that have no rate of their own; 0 for no limit.
        n_workers: processes that serve.
        clock: seconds that never go back.
    """

    def __init__(self, default: float, *, n_workers: int = 1, clock: Callable[[], float] = monotonic) -> None:
        self._default = default
        self._n_workers = n_workers
        self._clock = clock
        self._buckets: dict[tuple[str, str], _Bucket] = {}
        self._look_at = _LOOK_AFTER

    def __len__(self) -> int:
        return len(self._buckets)

    def take(self, caller: Caller, subject: str) -> None:
        """Count one request.

        Raises:
            TooManyRequestsError: it comes too soon; it is not counted.
        """
        rate = self._default if caller.rate is None else caller.rate
        if rate:
            wait_s = self._bucket(caller, subject, rate).take(self._clock())
            if wait_s:
                raise TooManyRequestsError(
                    f"more than {rate:g} requests a second",
                    where=subject,
                    mend=f"Wait {wait_s:.3g} s, or send many rows as a batch, which is slowed and not refused.",
                    retry_after_s=wait_s,
                )

    def pace(self, caller: Caller, subject: str) -> Callable[[int], Awaitable[None]] | None:
        """What a request of many rows waits for before it answers so many of them; None where there is no limit."""
        rate = self._default if caller.rate is None else caller.rate
        if not rate:
            return None

        async def wait(n_rows: int) -> None:
            wait_s = self._bucket(caller, subject, rate).owe(self._clock(), n_rows)
            if wait_s:
                await asyncio.sleep(wait_s)

        return wait

    def _bucket(self, caller: Caller, subject: str, rate: float) -> "_Bucket":
        found = self._buckets.get((caller.actor, subject))
        if found is None:
            if len(self._buckets) >= self._look_at:
                now = self._clock()
                self._buckets = {whose: one for whose, one in self._buckets.items() if not one.is_full(now)}
                self._look_at = max(_LOOK_AFTER, 2 * len(self._buckets))
            found = self._buckets[caller.actor, subject] = _Bucket(rate / self._n_workers, self._clock())
        return found


class _Bucket:
    """Tokens, refilled by the passing of time."""

    __slots__ = ("_at", "_most", "_rate", "_tokens")

    def __init__(self, rate: float, now: float) -> None:
        self._rate = rate
        self._most = max(1.0, rate)
        self._tokens = self._most
        self._at = now

    def take(self, now: float) -> float:
        """Take a token; or how long until there is one, in seconds."""
        tokens = min(self._most, self._tokens + (now - self._at) * self._rate)
        self._at = now
        if tokens >= 1.0:
            self._tokens = tokens - 1.0
            return 0.0
        self._tokens = tokens
        return (1.0 - tokens) / self._rate

    def owe(self, now: float, n: int) -> float:
        """Take tokens that need not be there yet; how long until they would have been, in seconds."""
        tokens = min(self._most, self._tokens + (now - self._at) * self._rate) - n
        self._at, self._tokens = now, tokens
        return max(0.0, -tokens / self._rate)

    def is_full(self, now: float) -> bool:
        """Whether a new one would do as well."""
        return self._tokens + (now - self._at) * self._rate >= self._most
