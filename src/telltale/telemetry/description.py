"""Rows in figures: what each number is like, and how many are labelled 1."""

import math
from collections.abc import Sequence

import msgspec
import polars as pl


class ColumnFigures(msgspec.Struct, frozen=True, kw_only=True):
    """One numeric column. `n` values are there; quartiles are interpolated between the two nearest."""

    name: str
    n: int
    n_missing: int
    mean: float
    deviation: float
    least: float
    quarter: float
    median: float
    three_quarters: float
    most: float


class LabelFigures(msgspec.Struct, frozen=True, kw_only=True):
    """How many of the labelled rows are labelled 1."""

    name: str
    n: int
    n_positive: int

    @property
    def text(self) -> str:
        """For people.

        >>> LabelFigures(name="is_legitimate", n=1_000, n_positive=800).text
        'Legitimate: 800 (80.0%)'
        """
        what = self.name.removeprefix("is_").replace("_", " ").capitalize()
        return f"{what}: {self.n_positive:,} ({self.n_positive / max(self.n, 1):.1%})"


def column_figures(frame: pl.DataFrame, columns: Sequence[str]) -> list[ColumnFigures]:
    """Figures of those columns that hold numbers and have one; texts and lists have none."""
    found = []
    for series in (frame[name] for name in columns):
        values = series.drop_nulls()
        if not series.dtype.is_numeric() or values.is_empty():
            continue
        numbers = values.cast(pl.Float64)
        least, quarter, median, three_quarters, most = (
            float(numbers.quantile(share, "linear") or 0.0) for share in (0.0, 0.25, 0.5, 0.75, 1.0)
        )
        deviation = numbers.std()
        found.append(
            ColumnFigures(
                name=series.name,
                n=len(values),
                n_missing=series.null_count(),
                mean=float(numbers.to_numpy().mean()),
                deviation=deviation if isinstance(deviation, float) else math.nan,
                least=least,
                quarter=quarter,
                median=median,
                three_quarters=three_quarters,
                most=most,
            )
        )
    return found


def label_figures(frame: pl.DataFrame, label: str) -> LabelFigures | None:
    """Of the column `label`; None where no row has one."""
    if label not in frame.columns or frame[label].null_count() == frame.height:
        return None
    labels = frame[label].drop_nulls()
    return LabelFigures(name=label, n=len(labels), n_positive=int(labels.sum()))
