"""Rows of one event made from rows of another."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import polars as pl


@dataclass(frozen=True, kw_only=True)
class Derived:
    """What came of the rows of another event.

    Args:
        frame: in the event's own columns; where it has a label and nobody gave one, null.
        left_out: why no row came of some, by their line of the source.
    """

    frame: pl.DataFrame
    left_out: Mapping[int, str]


@dataclass(frozen=True, kw_only=True)
class Derivation:
    """How rows of an event are made from rows of another event of the same app.

    Args:
        event: what is made.
        source: from what.
        derive: takes checked rows of the source (`telltale.telemetry.frames`), one or more; same rows, same result.
        label: what a row without a label is taken to be, where nobody says otherwise; None: it has none.
    """

    event: str
    source: str
    derive: Callable[[pl.DataFrame], Derived]
    label: int | None = None
