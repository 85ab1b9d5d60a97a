"""Rows of an event as things to be compared: what is there now, and what went."""

from typing import Final

import msgspec
import numpy as np
import polars as pl

from telltale.contract.errors import SchemaError
from telltale.contract.kinds import Similarity
from telltale.contract.learners import Described
from telltale.models.similarity.ragged import starts_of
from telltale.telemetry.frames import TIME

MOST_FINGERPRINT: Final = 2**53 - 1
_PLACE, _WENT, _SET = "@place", "@went", "@set"


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """What rows say: things that are there, and names of those that went, some of which came back."""

    there: Described
    went: tuple[str, ...]


def things_told(frame: pl.DataFrame, similarity: Similarity) -> Told:
    """The things that the rows of a checked frame tell of, by the last that is said of each.

    Rows are taken in the order of time, those of one moment as they come. A thing's fingerprints are those of its last
    row that has any, and so is each of its figures. One of which there is neither cannot be compared, and is left out.

    Raises:
        SchemaError: a column is missing.
    """
    item, prints = similarity.item, similarity.fingerprints
    wanted = [item, prints, *similarity.figures, *([similarity.removed] if similarity.removed else [])]
    missing = [name for name in wanted if name not in frame.columns]
    if missing:
        raise SchemaError.missing(missing, frame.columns, where="rows")
    goes = pl.col(similarity.removed).fill_null(0.0) == 1.0 if similarity.removed else pl.lit(value=False)
    rows = (
        frame.filter(pl.col(item).is_not_null())
        .sort(TIME, maintain_order=True)
        .select(pl.int_range(pl.len()).alias(_PLACE), *wanted)
        .with_columns(pl.col(_PLACE).filter(goes).max().over(item).fill_null(-1).alias(_WENT))
    )
    went = rows.filter(pl.col(_WENT) >= 0)[item].unique().sort()
    has_set = pl.col(prints).list.len() > 0
    there = (
        rows.filter(pl.col(_PLACE) > pl.col(_WENT))
        .group_by(item, maintain_order=True)
        .agg(
            pl.col(prints).filter(has_set).last().alias(_SET),
            *(pl.col(name).drop_nulls().last() for name in similarity.figures),
        )
        .filter(pl.any_horizontal(pl.col(_SET, *similarity.figures).is_not_null()))
    )
    return Told(there=_described(there, similarity), went=tuple(went.to_list()))


def _described(there: pl.DataFrame, similarity: Similarity) -> Described:
    sets = there[_SET]
    figures = there.select(pl.col(name).cast(pl.Float64).fill_null(float("nan")) for name in similarity.figures)
    flat = sets.drop_nulls().explode()
    return Described(
        names=there[similarity.item].to_list(),
        fingerprints=flat.cast(pl.Int64).to_numpy() if len(flat) else np.empty(0, dtype=np.int64),
        starts=starts_of(sets.list.len().fill_null(0).cast(pl.Int64).to_numpy()),
        figures=figures.to_numpy() if similarity.figures else np.empty((there.height, 0)),
    )
