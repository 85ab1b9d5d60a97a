"""Rows in figures, for people and for machines."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

import polars as pl
import typer

from telltale.cli.console import out, say, table
from telltale.contract.schema import EventSchema
from telltale.telemetry.description import ColumnFigures, LabelFigures, column_figures, label_figures

Describe = Annotated[bool, typer.Option("--describe", help="Count, mean, deviation and quartiles of each number.")]


@dataclass(frozen=True, kw_only=True)
class Figures:
    """Of a frame in an event's own columns; `columns` is None where nobody asked."""

    label: LabelFigures | None
    columns: list[ColumnFigures] | None

    def as_document(self) -> Mapping[str, object]:
        """Fields of a JSON object."""
        positive = None if self.label is None else self.label.n_positive
        return {"n_positive": positive, **({} if self.columns is None else {"figures": self.columns})}


def figures_of(frame: pl.DataFrame, schema: EventSchema, *, wants_columns: bool = False) -> Figures:
    """The figures."""
    numbers = [name for name in frame.columns if name not in {schema.time, schema.entity, schema.label}]
    return Figures(
        label=None if schema.label is None else label_figures(frame, schema.label),
        columns=column_figures(frame, numbers) if wants_columns else None,
    )


def say_figures(figures: Figures) -> None:
    """Print them."""
    if figures.columns is not None:
        heads = ("column", "count", "missing", "mean", "std", "min", "25%", "50%", "75%", "max")
        rows = [
            (
                column.name,
                f"{column.n:,}",
                f"{column.n_missing:,}",
                *(f"{value:.4g}" for value in (column.mean, column.deviation, column.least)),
                *(f"{value:.4g}" for value in (column.quarter, column.median, column.three_quarters, column.most)),
            )
            for column in figures.columns
        ]
        out.print(table("", heads, rows, right=heads[1:]))
    if figures.label is not None:
        say(figures.label.text)
