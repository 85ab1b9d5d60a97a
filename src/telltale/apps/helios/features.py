"""What the model of helios sees: twelve features for the five named metrics, a derived plan for any other columns."""

import polars as pl

from telltale.apps.helios.schema import METRICS
from telltale.contract.plan import Plan
from telltale.features.derive import PlanDraft
from telltale.features.generic import derive_generic

NAMED = tuple(column.name for column in METRICS.columns)


def derive_plan(frame: pl.DataFrame, columns: tuple[str, ...], *, sequence: int = 1) -> Plan:
    """The twelve for the five named metrics; else distances and changes of whatever is there.

    Traffic, errors, median and tail latency and the tail's shape, each as its distance from the level of this hour of
    this weekday (five); traffic, errors and tail latency against the half hour before (three); the largest distance,
    the largest of traffic, errors and P95, all distances together, and the largest change (four). An error rate or a
    latency below its level is no incident; traffic below its level is.
    """
    if set(columns) != set(NAMED):
        return derive_generic(frame, columns, sequence=sequence)
    draft = PlanDraft(frame, columns)
    tail_ratio = draft.ratio("tail_ratio", "p99_latency_ms", "p50_latency_ms")
    traffic = draft.deviation("event_count")
    errors = draft.rate_deviation("error_rate", "event_count")
    p50, p95, p99 = (draft.deviation(name, only_more=True) for name in NAMED[2:])
    tail = draft.deviation(tail_ratio, only_more=True)
    changes = tuple(draft.change(name, window=6) for name in (traffic, errors, p99))
    together = (traffic, errors, p50, p95, p99, tail)
    return draft.finish(
        *(traffic, errors, p50, p99, tail),
        *changes,
        draft.largest("largest_deviation", together),
        draft.largest("signal_deviation", (traffic, errors, p95)),
        draft.norm("all_deviations", together),
        draft.largest("largest_change", changes),
    )
