"""A range of time in equal parts, looks at drift in it, and the scores of a version in bins."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

import msgspec
import numpy as np

from telltale.monitor.answer_counts import Answered, count_scores
from telltale.monitor.report.document import Bucket, DriftLook, ScoreShape
from telltale.monitor.service import measure_service
from telltale.storage.database import Database
from telltale.storage.instants import from_us, to_us

_LOOKS: Final = """
    SELECT at_us, version, drifted, document FROM drift_finding
    WHERE app = ? AND task = ? AND at_us >= ? AND at_us < ? ORDER BY at_us
"""
_MOST_BUCKETS: Final = 96
_STEPS: Final = tuple(
    timedelta(minutes=minutes) for minutes in (1, 5, 15, 30, 60, 180, 360, 720, 1_440, 10_080, 43_200, 525_600)
)
_BINS: Final = 40
_LATENCIES: Final = 5_000  # of a bucket: enough for its 95 %
# Scores that reach so many times the threshold are told apart on a logarithmic scale only.
_WIDE: Final = 5.0


def step_of(span: timedelta) -> timedelta:
    """The shortest step that cuts a span into few enough parts.

    >>> step_of(timedelta(days=7))
    datetime.timedelta(seconds=10800)
    """
    return next((step for step in _STEPS if span <= step * _MOST_BUCKETS), span)


def in_buckets(
    events: Database, app: str, task: str, *, since: datetime, until: datetime, step: timedelta
) -> tuple[Bucket, ...]:
    """What a task answered in each part of a range; parts begin at whole steps of UTC."""
    step_us = step // timedelta(microseconds=1)
    first_us = to_us(since) // step_us * step_us
    found = []
    for at_us in range(first_us, to_us(until), step_us):
        begin, end = max(since, from_us(at_us)), min(until, from_us(at_us + step_us))
        service = measure_service(events, app, task, version=None, since=begin, until=end, most=_LATENCIES)
        found.append(
            Bucket(
                at=from_us(at_us), n=service.n, n_failed=service.n_failed, p50_ms=service.p50_ms, p95_ms=service.p95_ms
            )
        )
    return tuple(found)


def score_shape(events: Database, of: Answered) -> ScoreShape | None:
    """The scores of what a version answered, some forty bins wide, no bin of both decisions; None without scores."""
    ((low, high, threshold),) = events.fetch(
        "SELECT min(score), max(score), max(threshold) FROM prediction "
        "WHERE +app = ? AND +task = ? AND version = ? AND received_us >= ? AND received_us < ?",
        (of.app, of.task, of.version, to_us(of.since), to_us(of.until)),
    )
    if low is None or threshold is None:
        return None
    edges = _edges(low, high, threshold)
    flagged, passed = count_scores(events, of, edges)
    return ScoreShape(
        edges=edges, flagged=tuple(flagged.tolist()), passed=tuple(passed.tolist()), threshold=float(threshold)
    )


class _Feature(msgspec.Struct):
    name: str
    drifted: bool | None = None
    psi: float | None = None


class _Look(msgspec.Struct):
    """Of a stored look, what is told here."""

    features: list[_Feature]


def drift_looks(events: Database, app: str, task: str, *, since: datetime, until: datetime) -> tuple[DriftLook, ...]:
    """Every look of a range at what moved, oldest first."""
    found = []
    for at_us, version, drifted, document in events.fetch(_LOOKS, (app, task, to_us(since), to_us(until))):
        features = msgspec.json.decode(document, type=_Look).features
        found.append(
            DriftLook(
                at=from_us(at_us),
                version=version,
                drifted=None if drifted is None else bool(drifted),
                psi=mean_of([feature.psi for feature in features]),
                moved=tuple(feature.name for feature in features if feature.drifted),
            )
        )
    return tuple(found)


def mean_of(values: Sequence[float | None]) -> float | None:
    """Mean of what is known; None where nothing is."""
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None


def _edges(low: float, high: float, threshold: float) -> tuple[float, ...]:
    """Inner edges from the least score to the highest, even or in equal ratios, the threshold one of them."""
    if threshold > 0 and low >= 0 and high > _WIDE * threshold:
        # Nothing is to be seen a thousandth below the threshold: the first bin takes it all.
        even = np.geomspace(max(low, threshold / 1_000), max(high, threshold * 1.001), _BINS)
    else:
        even = np.linspace(min(low, threshold), max(high, threshold), _BINS)
    nearest = int(np.argmin(np.abs(even - threshold)))
    even[nearest] = threshold
    return tuple(float(edge) for edge in np.unique(even))
