"""Bodies that do not come in time: one look a second over all that are waited for, in place of a timer for each."""

import asyncio
from collections.abc import Awaitable
from time import monotonic
from typing import Any, ClassVar, TypeVar

from telltale.contract.errors import TelltaleError

_LOOK_S = 1.0
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

    async def wait(self, coming: Awaitable[T]) -> T:
        """What comes. Raises SlowBodyError."""
        task = asyncio.current_task()
        assert task is not None
        self._waiting[task] = monotonic() + self._limit_s
        if self._timer is None:
            self._timer = task.get_loop().call_later(_LOOK_S, self._look)
        try:
            return await coming
        except asyncio.CancelledError:
            if task not in self._late:
                raise
            self._late.discard(task)
            task.uncancel()
            raise SlowBodyError(
                f"the body did not come within {self._limit_s:g} s",
                where="request body",
                mend="Send it without a pause, or in smaller parts.",
            ) from None
        finally:
            self._waiting.pop(task, None)

    def _look(self) -> None:
        now = monotonic()
        for task in [task for task, until in self._waiting.items() if until < now]:
            self._late.add(task)
            del self._waiting[task]
            task.cancel()
        self._timer = asyncio.get_running_loop().call_later(_LOOK_S, self._look) if self._waiting else None
