import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from telltale.contract.verdict import Target
from telltale.evaluate.alarm_figures import (
    alarm_figures,
    alarm_metrics,
    counts_alarms,
    threshold_of_false_alarms,
)

Arrays = tuple[NDArray[np.bool_], NDArray[np.bool_], NDArray[np.float64], NDArray[np.int64]]


def minutes(n: int) -> NDArray[np.float64]:
    return np.arange(n, dtype=np.float64) * 60.0


ROWS = st.lists(
    st.tuples(st.integers(0, 2), st.booleans(), st.booleans(), st.sampled_from([30.0, 60.0, 200.0])), max_size=40
)


def arrays(rows: list[tuple[int, bool, bool, float]]) -> Arrays:
    ordered = sorted(rows, key=lambda row: row[0])
    entities = np.array([row[0] for row in ordered], dtype=np.int64)
    events, decided = (np.array([row[at] for row in ordered], dtype=bool) for at in (1, 2))
    times_s, at = np.empty(len(ordered)), 0.0
    for place, row in enumerate(ordered):
        at = row[3] if place == 0 or ordered[place - 1][0] != row[0] else at + row[3]
        times_s[place] = at
    return events, decided, times_s, entities


def by_hand(rows: list[tuple[int, bool, bool, float]], memory_s: float) -> tuple[int, int, int, list[float]]:
    """Events, those found, false alarms and delays, counted row by row."""
    events, decided, times_s, entities = arrays(rows)
    n_events = n_found = n_false = 0
    delays = []
    for entity in np.unique(entities):
        own = entities == entity
        alarm_s: float | None = None
        is_false = True
        last_event_s = began_s = -math.inf
        was_event = found = False
        for event, alarm, time_s in zip(events[own], decided[own], times_s[own], strict=True):
            if event and not was_event:
                n_events, found, began_s = n_events + 1, False, time_s
            if event:
                last_event_s = time_s
            if event and alarm and not found:
                n_found, found = n_found + 1, True
                delays.append(time_s - began_s)
            if alarm:
                if alarm_s is None or time_s - alarm_s > memory_s:
                    n_false += alarm_s is not None and is_false
                    is_false = True
                is_false = is_false and time_s - last_event_s > memory_s
                alarm_s = time_s
            was_event = event
        n_false += alarm_s is not None and is_false
    return n_events, n_found, n_false, delays


@settings(max_examples=300, deadline=None)
@given(rows=ROWS, memory_s=st.sampled_from([0.0, 60.0, 150.0]))
def test_counts_are_those_of_going_through_the_rows_one_by_one(
    rows: list[tuple[int, bool, bool, float]], memory_s: float
) -> None:
    n_events, n_found, n_false, delays = by_hand(rows, memory_s)

    found = alarm_figures(*arrays(rows), memory_s=memory_s)

    assert (found.n_events, found.n_false_alarms) == (n_events, n_false)
    assert found.event_recall == pytest.approx(n_found / n_events if n_events else math.nan, nan_ok=True)
    assert found.delay_s == pytest.approx(float(np.median(delays)) if delays else math.nan, nan_ok=True)


def test_weeks_are_those_of_all_entities_together() -> None:
    n = 10_080
    times_s = np.tile(minutes(n), 2)
    entities = np.repeat([0, 1], n)
    nothing = np.zeros(2 * n, dtype=bool)

    assert alarm_figures(nothing, nothing, times_s, entities, memory_s=300.0).entity_weeks == pytest.approx(2.0)


def test_figures_have_intervals_that_hold_them() -> None:
    n = 10_080
    events, decided = np.zeros(n, dtype=bool), np.zeros(n, dtype=bool)
    for start in range(100, 9_000, 1_000):
        events[start : start + 5] = True
    decided[102:1_200] = events[102:1_200]
    decided[[50, 5_500]] = True

    found = alarm_metrics(events, decided, minutes(n), np.zeros(n, dtype=np.int64), memory_s=300.0)

    recall, false = found["event_recall"], found["false_alarms_per_entity_week"]
    assert recall.n == 9
    assert recall.value == pytest.approx(2 / 9)
    assert false.value == pytest.approx(2.0)
    # Garwood's exact interval of a count of 2 is 0.24 to 7.22.
    assert false.low == pytest.approx(0.24, abs=0.03)
    assert false.high == pytest.approx(7.22, abs=0.05)
    assert math.isnan(
        alarm_metrics(events[:0], decided[:0], np.empty(0), np.empty(0, dtype=np.int64), memory_s=1.0)[
            "event_recall"
        ].value
    )


def test_the_lowest_cut_that_keeps_a_number_of_alarms() -> None:
    n = 10_080
    scores = np.zeros(n)
    scores[[1_000, 3_000, 5_000]] = (3.0, 2.0, 1.0)
    nothing = np.zeros(n, dtype=bool)
    times_s, entities = minutes(n), np.zeros(n, dtype=np.int64)

    def cut(per_week: float) -> float:
        return threshold_of_false_alarms(nothing, scores, times_s, entities, memory_s=300.0, per_entity_week=per_week)

    assert (cut(2.0), cut(1.0)) == (2.0, 3.0)
    assert cut(0.0) > 3.0


def test_a_task_is_judged_by_alarms_where_a_target_names_them() -> None:
    assert counts_alarms([Target(metric="false_alarms_per_entity_week", op="<=", limit=1.0)])
    assert not counts_alarms([Target(metric="recall", op=">=", limit=0.5)])
