"""What came of the entities that each of two versions decided for, in an order that no later look changes."""

from datetime import datetime, timedelta
from typing import Final

import numpy as np
import polars as pl

from telltale.evaluate.group_comparison import GroupComparison
from telltale.storage.database import Database
from telltale.storage.instants import to_us

SETTLE: Final = timedelta(hours=1)
_SCHEMA: Final = {
    "entity": pl.String,
    "version": pl.Int64,
    "prediction_id": pl.String,
    "said": pl.Int64,
    "said_us": pl.Int64,
    "label": pl.Int8,
}
# Two joins rather than one with OR, which SQLite could only answer by comparing every pair.
_SAID: Final = """
SELECT p.entity, p.version, p.id, f.id, f.at_us, f.label
FROM feedback f JOIN prediction p ON p.id = f.prediction_id
WHERE f.app = ? AND f.task = ? AND p.received_us >= ? AND p.received_us < ? AND p.entity IS NOT NULL
UNION ALL
SELECT p.entity, p.version, p.id, f.id, CASE WHEN f.at_us > p.received_us THEN f.at_us ELSE p.received_us END, f.label
FROM feedback f JOIN prediction p
    ON p.app = f.app AND p.task = f.task AND (f.entity IS NULL OR p.entity = f.entity)
    AND p.at_us BETWEEN f.from_us AND f.to_us
WHERE f.prediction_id IS NULL AND f.app = ? AND f.task = ? AND p.received_us >= ? AND p.received_us < ? AND p.entity IS NOT NULL
"""


def group_comparison(
    events: Database,
    app: str,
    task: str,
    *,
    a: int,
    b: int,
    share: float,
    since: datetime,
    until: datetime,
    now: datetime,
    settle: timedelta = SETTLE,
) -> GroupComparison:
    """The comparison of the entities that A decided for with those that B decided for.

    Args:
        events: the events database.
        app: the app.
        task: the task.
        a: a version.
        b: another.
        share: of entities, those that A decides for, in (0, 1); the same all that time.
        since: predictions received from then on.
        until: predictions received before.
        now: what is known now.
        settle: as for `entity_outcomes`.
    """
    outcomes = entity_outcomes(events, app, task, a=a, b=b, since=since, until=until, now=now, settle=settle)
    values = np.asarray(outcomes["outcome"].to_numpy(), dtype=np.float64)
    is_a = np.asarray((outcomes["version"] == a).to_numpy(), dtype=np.bool_)
    return GroupComparison(share=share).update(values, is_a)


def entity_outcomes(
    events: Database,
    app: str,
    task: str,
    *,
    a: int,
    b: int,
    since: datetime,
    until: datetime,
    now: datetime,
    settle: timedelta = SETTLE,
) -> pl.DataFrame:
    """The outcome of each entity that has one, in the order in which they became final: it only grows with `now`.

    An outcome is the mean label of the predictions for an entity; of several labels of a prediction the last one. It is
    final `settle` after the first label came: what is said later changes nothing, else a look would depend on the looks
    before it. An entity that both versions decided for is left out.

    Returns:
        Columns `entity, version, outcome, final_us`.
    """
    settle_us = settle // timedelta(microseconds=1)
    place = (app, task, to_us(since), to_us(until))
    said = pl.DataFrame(events.fetch(_SAID, (*place, *place)), schema=_SCHEMA, orient="row")
    final = (
        said.filter(pl.col("version").is_in([a, b]))
        .with_columns((pl.col("said_us").min().over("entity") + settle_us).alias("final_us"))
        .filter((pl.col("final_us") <= to_us(now)) & (pl.col("said_us") <= pl.col("final_us")))
    )
    return (
        final.sort("said")
        .unique("prediction_id", keep="last", maintain_order=True)
        .group_by("entity")
        .agg(
            pl.col("version").first(),
            pl.col("version").n_unique().alias("n_versions"),
            pl.col("label").cast(pl.Float64).mean().alias("outcome"),
            pl.col("final_us").first(),
        )
        .filter(pl.col("n_versions") == 1)
        .sort("final_us", "entity")
        .select("entity", "version", "outcome", "final_us")
    )
