"""Requests of every task by the step of a span, how long answers took, and the newest of them."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from telltale.contract.errors import NotFoundError
from telltale.monitor.predictions import StoredPrediction, prediction
from telltale.monitor.service import MOST_LATENCIES
from telltale.serve.page.task_at import TaskAt
from telltale.storage.database import Database
from telltale.storage.instants import from_us, to_us

_LOOKED_THROUGH: Final = 2_000
_IDS: Final = 20
_BY_STEP: Final = """
    SELECT app, task, minute_us / {step_us}, sum(n_answered), sum(n_failed) FROM service_minute
    WHERE minute_us >= ? GROUP BY app, task, minute_us / {step_us}
"""
_NEWEST: Final = "SELECT app, task, received_us, latency_us, id FROM prediction ORDER BY received_us DESC LIMIT ?"
_NEWEST_IDS: Final = "SELECT id, app, task FROM prediction ORDER BY received_us DESC LIMIT ?"


class Span(msgspec.Struct, frozen=True, kw_only=True):
    """A time up to now in equal steps; the last step is the one that runs.

    Args:
        words: how it is called.
        step_words: how a step is called.
        n: steps.
        step_s: length of each, in seconds.
        mark_every: steps between marks of an axis.
    """

    words: str
    step_words: str
    n: int
    step_s: int
    mark_every: int

    @property
    def step_us(self) -> int:
        """Length of a step, in microseconds."""
        return self.step_s * 1_000_000

    def first(self, now: datetime) -> int:
        """The number of its first step, counted since 1970."""
        return to_us(now) // self.step_us - self.n + 1

    def begins(self, now: datetime, step: int) -> datetime:
        """When a step begins."""
        return from_us((self.first(now) + step) * self.step_us)


DAY: Final = Span(words="last 24 hours", step_words="hour", n=24, step_s=3_600, mark_every=6)
HOUR: Final = Span(words="last hour", step_words="minute", n=60, step_s=60, mark_every=15)


class Logged(msgspec.Struct, frozen=True, kw_only=True):
    """The newest answers of a task that were logged: when they were asked for, how long they took, and the newest ids."""

    received_us: NDArray[np.int64]
    latencies_ms: NDArray[np.float64]
    ids: tuple[str, ...]


def read_logged(events: Database) -> dict[tuple[str, str], Logged]:
    """Of every task, of the newest `MOST_LATENCIES` answers of all. Takes a fraction of a second where there are as many."""
    found: dict[tuple[str, str], tuple[list[int], list[int], list[str]]] = {}
    for app, task, received_us, latency_us, one in events.fetch(_NEWEST, (MOST_LATENCIES,)):
        received, latencies, ids = found.setdefault((app, task), ([], [], []))
        received.append(received_us)
        latencies.append(latency_us)
        if len(ids) < _IDS:
            ids.append(one)
    return {
        whose: Logged(received_us=np.array(received), latencies_ms=np.array(latencies) / 1_000, ids=tuple(ids))
        for whose, (received, latencies, ids) in found.items()
    }


class Traffic(msgspec.Struct, frozen=True, kw_only=True):
    """Requests of a task in a span, oldest step first.

    Args:
        answered, failed: of each step.
        in_step: the step of each answer whose latency is known.
        latencies_ms: how long it took.
    """

    answered: tuple[int, ...]
    failed: tuple[int, ...]
    in_step: NDArray[np.int64]
    latencies_ms: NDArray[np.float64]

    @property
    def n(self) -> int:
        """All of them, failed ones too."""
        return sum(self.answered) + sum(self.failed)

    def quantile_ms(self, share: float) -> float | None:
        """What that share of the answers took at most; None without any."""
        return float(np.quantile(self.latencies_ms, share)) if self.latencies_ms.size else None

    def quantiles_ms(self, share: float) -> list[float | None]:
        """The same of each step."""
        by_step = [self.latencies_ms[self.in_step == step] for step in range(len(self.answered))]
        return [float(np.quantile(one, share)) if one.size else None for one in by_step]


def read_traffic(
    events: Database, span: Span, logged: Mapping[tuple[str, str], Logged], *, now: datetime
) -> Callable[[tuple[str, str]], Traffic]:
    """A function from a task to its traffic in a span.

    Args:
        events: where requests are counted.
        span: up to now.
        logged: latencies, maybe a little older than the counts.
        now: aware.
    """
    first = span.first(now)
    counts: dict[tuple[str, str], tuple[list[int], list[int]]] = {}
    by_step = _BY_STEP.format(step_us=span.step_us)
    for app, task, step, n_answered, n_failed in events.fetch(by_step, (first * span.step_us,)):
        answered, failed = counts.setdefault((app, task), ([0] * span.n, [0] * span.n))
        place = int(step) - first
        if 0 <= place < span.n:
            answered[place] += int(n_answered)
            failed[place] += int(n_failed)

    def of_task(whose: tuple[str, str]) -> Traffic:
        answered, failed = counts.get(whose, ([0] * span.n, [0] * span.n))
        one = logged.get(whose, _NOTHING_LOGGED)
        steps = one.received_us // span.step_us - first
        is_in = (steps >= 0) & (steps < span.n)
        return Traffic(
            answered=tuple(answered), failed=tuple(failed), in_step=steps[is_in], latencies_ms=one.latencies_ms[is_in]
        )

    return of_task


_NOTHING_LOGGED: Final = Logged(received_us=np.zeros(0, dtype=np.int64), latencies_ms=np.zeros(0), ids=())


def newest_answers(
    events: Database, at: TaskAt, logged: Mapping[tuple[str, str], Logged], *, limit: int
) -> list[StoredPrediction]:
    """The newest answers of a task, newest first: those of this moment, and of one that is seldom asked those of `logged`.

    A query for the newest of one task would sort all that were ever logged of it.
    """
    fresh = [one for one, *whose in events.fetch(_NEWEST_IDS, (_LOOKED_THROUGH,)) if tuple(whose) == at.key]
    ids = dict.fromkeys((*fresh, *logged.get(at.key, _NOTHING_LOGGED).ids))
    found = []
    for one in list(ids)[:limit]:
        with suppress(NotFoundError):  # removed meanwhile
            found.append(prediction(events, one))
    return found
