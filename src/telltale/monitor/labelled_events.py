"""Feedback as labels of stored events, so that what people said of alarms is what the next version is trained on."""

from itertools import groupby

import numpy as np
import polars as pl

from telltale.storage.database import Database
from telltale.telemetry.frames import ENTITY, LABEL, TIME

# A prediction without an entity is of the events without one; a span without an entity is of all.
_MARKS = """
SELECT f.label, CASE WHEN f.prediction_id IS NULL THEN f.entity ELSE COALESCE(p.entity, '') END,
       COALESCE(f.from_us, p.at_us), COALESCE(f.to_us, p.at_us)
FROM feedback f LEFT JOIN prediction p ON p.id = f.prediction_id
WHERE f.app = ? AND f.task = ? AND (f.from_us IS NOT NULL OR p.at_us IS NOT NULL)
ORDER BY f.id
"""
_UNKNOWN = -1


def label_events(events: Database, app: str, task: str, frame: pl.DataFrame) -> pl.DataFrame:
    """The rows with the labels that feedback gives them, over those they were stored with; the last word counts.

    Args:
        events: the database with the feedback.
        app: the app.
        task: the task whose feedback it is.
        frame: checked rows with event time, sorted by entity and time.

    Returns:
        The same rows; with a label column where it had one or feedback speaks of one of the rows.
    """
    marks = events.fetch(_MARKS, (app, task))
    if not marks or frame.is_empty():
        return frame
    had = LABEL in frame.columns
    labels = frame[LABEL].fill_null(_UNKNOWN).to_numpy().copy() if had else np.full(frame.height, _UNKNOWN, np.int8)
    times = frame[TIME].dt.epoch("us").to_numpy()
    spans: dict[str, tuple[int, int]] = {}
    start = 0
    for entity, rows in groupby(frame[ENTITY].to_list()):
        end = start + sum(1 for _ in rows)
        spans[entity] = (start, end)
        start = end
    for label, entity, from_us, to_us in marks:
        for first, last in spans.values() if entity is None else filter(None, [spans.get(entity)]):
            low = first + int(np.searchsorted(times[first:last], from_us, side="left"))
            high = first + int(np.searchsorted(times[first:last], to_us, side="right"))
            labels[low:high] = label
    if not had and (labels == _UNKNOWN).all():
        return frame
    told = pl.Series(LABEL, labels, dtype=pl.Int8)
    return frame.with_columns(pl.when(told != _UNKNOWN).then(told).alias(LABEL))
