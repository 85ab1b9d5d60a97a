"""Bodies that do not come in time: one look a second over all that are waited for, in place of a timer for each."""

import asyncio
from collections.abc import Awaitable, Coroutine
from time import monotonic
from typing import Any, ClassVar, Final, TypeVar

from telltale.contract.errors import TelltaleError, UnavailableError

_LOOK_S = 1.0
# A body that is read as it comes may take a second more for each so many bytes: slower ones hold a place for nothing.
LEAST_BYTES_S: Final = 1_000.0
T = TypeVar("T")


class SlowBodyError(TelltaleError):
    """The body did not come in time."""

    status: ClassVar[int] = 408
    exit_status: ClassVar[int] = 3
    title: ClassVar[str] = "The body did not come in time"


class BodyClock:
    """Ends waits that last longer than `limit_s`, give or take a second.

    Args:
        limit_s: for a body, or for the next part of one that is read as it comes in.
    """

    def __init__(self, limit_s: float) -> None:
        self._limit_s = limit_s
        self._waiting: dict[asyncio.Task[Any], float] = {}
        self._late: set[asyncio.Task[Any]] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._is_over = False

    def end(self) -> None:
        """Refuse what has not come by now, and all that would come: the process ends."""
        self._is_over = True
        for task in list(self._waiting):
            self._end_wait(task)

    @property
    def limit_s(self) -> float:
        """How long a body may take."""
        return self._limit_s

    async def wait(self, coming: Awaitable[T], *, within_s: float | None = None) -> T:
        """What comes, within the limit or sooner. Raises SlowBodyError, and UnavailableError after `end`."""
        if self._is_over:
            if isinstance(coming, Coroutine):
                coming.close()
            raise _ending()
        task = asyncio.current_task()
        assert task is not None
        self._waiting[task] = monotonic() + (self._limit_s if within_s is None else within_s)
        if self._timer is None:
            self._timer = task.get_loop().call_later(_LOOK_S, self._look)
        try:
            return await coming
        except asyncio.CancelledError:
            if task not in self._late:
                raise
            self._late.discard(task)
            task.uncancel()
            if self._is_over:
                raise _ending() from None
            raise SlowBodyError(
                f"the body did not come within {self._limit_s:g} s and one more for each {LEAST_BYTES_S:g} bytes of a batch",
                where="request body",
                mend="Send it without a pause, or in smaller parts.",
            ) from None
        finally:
            self._waiting.pop(task, None)

    def _look(self) -> None:
        now = monotonic()
        for task in [task for task, until in self._waiting.items() if until < now]:
            self._end_wait(task)
        self._timer = asyncio.get_running_loop().call_later(_LOOK_S, self._look) if self._waiting else None

    def _end_wait(self, task: "asyncio.Task[Any]") -> None:
        self._late.add(task)
        del self._waiting[task]
        task.cancel()


def _ending() -> UnavailableError:
    return UnavailableError(
        "the server stops, and the rest of the body had not come",
        where="request body",
        mend="Send it again; of a batch only what has no answer yet.",
    )
