"""What counts as one in a paired comparison: rows that are right or wrong together are not several."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

import numpy as np
import polars as pl

from telltale.evaluate.paired_comparison import PairedComparison
from telltale.monitor.shadow_log import paired_answers
from telltale.storage.database import Database
from telltale.storage.instants import from_us, to_us

TOGETHER: Final = timedelta(hours=1)
_PART: Final = timedelta(hours=6)
# Each end by a look into the index.
_ENDS: Final = """
SELECT (SELECT min(received_us) FROM shadow WHERE app = ? AND task = ? AND received_us >= ? AND received_us < ?),
       (SELECT max(received_us) FROM shadow WHERE app = ? AND task = ? AND received_us >= ? AND received_us < ?)
"""


def paired_comparison(
    events: Database, app: str, task: str, *, a: int, b: int, since: datetime, until: datetime
) -> PairedComparison:
    """The comparison of A and B on the rows that both decided and that have a label.

    Read part by part, so that a long release of a busy task fits into memory; what goes on over the end of a part counts
    once more.

    Args:
        events: the events database.
        app: the app.
        task: the task.
        a: a version.
        b: another.
        since: rows received from then on.
        until: rows received before.
    """
    made = PairedComparison()
    for start in _parts(events, app, task, since, until):
        end = min(start + _PART, until)
        made = count_units(made, paired_answers(events, app, task, a=a, b=b, since=start, until=end))
    return made


def count_units(made: PairedComparison, answers: pl.DataFrame) -> PairedComparison:
    """A comparison with what counts among more rows.

    The rows of an incident are right or wrong together: those of one entity, in a row, with the same label and the same
    two decisions, each within an hour of the one before, count once. Where the two decided alike, at most for an hour:
    a quiet week must not count for as much as one moment at which they differ, else a margin would mean nothing.

    Args:
        made: so far.
        answers: columns `entity, time, decision_a, decision_b, label` as `telltale.monitor.shadow_log.paired_answers`
            makes them; rows without a label or a decision are left out, those without an entity are of one.
    """
    units = paired_units(answers)
    columns = (units[name].to_numpy() for name in ("label", "decision_a", "decision_b"))
    labels, a, b = (np.asarray(column, dtype=np.bool_) for column in columns)
    return made.update(labels, a, b)


def paired_units(answers: pl.DataFrame) -> pl.DataFrame:
    """One row, the first, of each that counts: `entity, time, label, decision_a, decision_b`."""
    same = ("entity", "label", "decision_a", "decision_b")
    rows = (
        answers.select(
            pl.col("entity").fill_null(""),
            "time",
            pl.col("label").cast(pl.Int8),
            pl.col("decision_a").cast(pl.Boolean),
            pl.col("decision_b").cast(pl.Boolean),
        )
        .drop_nulls()
        .sort("entity", "time", maintain_order=True)
    )
    is_new = pl.any_horizontal(*(pl.col(name).ne_missing(pl.col(name).shift(1)) for name in same))
    is_late = (pl.col("time").diff() > TOGETHER).fill_null(value=True)
    runs = rows.with_columns((is_new | is_late).cum_sum().alias("run"))
    since_us = (pl.col("time") - pl.col("time").first().over("run")).dt.total_microseconds()
    hours = since_us // (TOGETHER // timedelta(microseconds=1))
    agree = pl.col("decision_a") == pl.col("decision_b")
    return (
        runs.with_columns(pl.when(agree).then(hours).otherwise(0).alias("hour"))
        .unique(["run", "hour"], keep="first", maintain_order=True)
        .select("entity", "time", "label", "decision_a", "decision_b")
    )


def _parts(events: Database, app: str, task: str, since: datetime, until: datetime) -> Iterator[datetime]:
    """Beginnings of parts that may hold rows, counted from `since`, so that every look cuts at the same moments."""
    ((first, last),) = events.fetch(_ENDS, (app, task, to_us(since), to_us(until)) * 2)
    if first is None:
        return
    start = since + (from_us(first) - since) // _PART * _PART
    while start <= from_us(last):
        yield start
        start += _PART
