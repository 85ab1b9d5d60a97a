"""Alarms and events, not rows: was an event found while it went on, how soon, and how often did it alarm for nothing."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from telltale.contract.verdict import Measured, Target
from telltale.evaluate.intervals import Z_95, rate, undefined
from telltale.evaluate.ranking import Scores

Flags = NDArray[np.bool_]
Places = NDArray[np.int64]

_WEEK_S: Final = 604_800.0
ALARM_METRICS: Final = ("event_recall", "false_alarms_per_entity_week")
EVENT_RECALL, FALSE_ALARMS = ALARM_METRICS


@dataclass(frozen=True, kw_only=True)
class AlarmFigures:
    """What alarms come to.

    Args:
        event_recall: share of events with an alarm while they go on; NaN where there is no event.
        false_alarms_per_entity_week: alarms in which no event had a part.
        delay_s: seconds from the first row of an event to its first alarm, the median of those found; NaN where none is.
        n_events, n_false_alarms: what they were counted over.
        entity_weeks: weeks that rows stand for, each for the usual time between two, of all entities together.
    """

    event_recall: float
    false_alarms_per_entity_week: float
    delay_s: float
    n_events: int
    n_false_alarms: int
    entity_weeks: float


def alarm_figures(
    events: Flags, decided: Flags, times_s: NDArray[np.float64], entities: Places, *, memory_s: float
) -> AlarmFigures:
    """Count alarms against events.

    An event is a run of rows labelled 1 of one entity. Rows decided 1 make one alarm where no more than `memory_s` lies
    between them; an alarm that has a row within an event, or no more than `memory_s` after one (the windows of those rows
    still reach into it), is no false one.

    Args:
        events: labels, shape (n,); rows sorted by entity and time.
        decided: shape (n,).
        times_s: epoch seconds, shape (n,).
        entities: a number for each row's entity, shape (n,).
        memory_s: how far back a decision looks.

    >>> events = np.array([0, 0, 1, 1, 1, 0, 0, 0, 0], dtype=bool)
    >>> decided = np.array([1, 0, 0, 1, 1, 1, 0, 0, 1], dtype=bool)
    >>> found = alarm_figures(events, decided, np.arange(9) * 60.0, np.zeros(9, dtype=np.int64), memory_s=60.0)
    >>> found.event_recall, found.n_false_alarms, found.delay_s
    (1.0, 2, 60.0)
    """
    n = len(events)
    same = np.zeros(n, dtype=bool)
    same[1:] = entities[1:] == entities[:-1]
    gaps = np.diff(times_s, prepend=times_s[:1])
    is_first = events & ~(same & np.append([False], events[:-1]))
    begins, event = np.flatnonzero(is_first), np.cumsum(is_first) - 1  # the latter of rows within one
    delays = np.full(len(begins), np.nan)
    hits = np.flatnonzero(events & decided)
    first_hits, where = np.unique(event[hits], return_index=True)
    delays[first_hits] = times_s[hits[where]] - times_s[begins[first_hits]]
    steps_s = gaps[same & (gaps > 0)]
    weeks = n * (float(np.median(steps_s)) if len(steps_s) else 0.0) / _WEEK_S
    n_found, n_false = len(first_hits), _false_alarms(events, decided, times_s, same, memory_s=memory_s)
    return AlarmFigures(
        event_recall=n_found / len(begins) if len(begins) else float("nan"),
        false_alarms_per_entity_week=n_false / weeks if weeks else float("nan"),
        delay_s=float(np.nanmedian(delays)) if n_found else float("nan"),
        n_events=len(begins),
        n_false_alarms=n_false,
        entity_weeks=weeks,
    )


def counts_alarms(targets: Iterable[Target]) -> bool:
    """Whether a task is judged by events and alarms.

    >>> counts_alarms([Target(metric="event_recall", op=">=", limit=0.8)])
    True
    """
    return any(target.metric in ALARM_METRICS for target in targets)


def alarm_metrics(
    events: Flags, decided: Flags, times_s: NDArray[np.float64], entities: Places, *, memory_s: float
) -> dict[str, Measured]:
    """`event_recall` and `false_alarms_per_entity_week` with 95 % intervals; arguments as of `alarm_figures`.

    Events and alarms are taken as independent: Wilson's interval for the one, Byar's for the rate of the other.

    References:
        Breslow & Day, "Statistical Methods in Cancer Research", vol. II (1987), p. 69.
    """
    found = alarm_figures(events, decided, times_s, entities, memory_s=memory_s)
    n_found = round(found.event_recall * found.n_events) if found.n_events else 0
    measured = {EVENT_RECALL: rate(n_found, found.n_events), FALSE_ALARMS: undefined()}
    if found.entity_weeks > 0:
        k = found.n_false_alarms
        low = k * (1 - 1 / (9 * k) - Z_95 / (3 * k**0.5)) ** 3 if k else 0.0
        high = (k + 1) * (1 - 1 / (9 * (k + 1)) + Z_95 / (3 * (k + 1) ** 0.5)) ** 3
        weeks = found.entity_weeks
        measured[FALSE_ALARMS] = Measured(value=k / weeks, low=low / weeks, high=high / weeks, n=int((~events).sum()))
    return measured


def threshold_of_false_alarms(
    events: Flags,
    scores: Scores,
    times_s: NDArray[np.float64],
    entities: Places,
    *,
    memory_s: float,
    per_entity_week: float,
) -> float:
    """The lowest cut with no more false alarms than so many, searched as if a higher cut never had more of them.

    Of use to compare methods at the same number of alarms; on rows that are judged it is a bound, no threshold to serve.
    """
    cuts = np.unique(scores)
    low, high = 0, len(cuts)  # at `high` nothing is decided
    while low < high:
        middle = (low + high) // 2
        found = alarm_figures(events, scores >= cuts[middle], times_s, entities, memory_s=memory_s)
        if found.false_alarms_per_entity_week <= per_entity_week:
            high = middle
        else:
            low = middle + 1
    return float(cuts[low]) if low < len(cuts) else float(np.nextafter(cuts[-1], np.inf))


def _false_alarms(events: Flags, decided: Flags, times_s: NDArray[np.float64], same: Flags, *, memory_s: float) -> int:
    """How many alarms no event has a part in."""
    alarms = np.flatnonzero(decided)
    if not len(alarms):
        return 0
    entity = np.cumsum(~same)
    apart = (np.diff(entity[alarms]) != 0) | (np.diff(times_s[alarms]) > memory_s)
    number = np.append([0], np.cumsum(apart))
    # The last row of an event at or before each alarm, of the same entity.
    last = np.maximum.accumulate(np.where(events, np.arange(len(events)), -1))[alarms]
    is_near = (last >= 0) & (entity[last] == entity[alarms]) & (times_s[alarms] - times_s[last] <= memory_s)
    has_part = np.zeros(number[-1] + 1, dtype=bool)
    has_part[number[is_near]] = True
    return int((~has_part).sum())
