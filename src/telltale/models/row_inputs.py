"""From rows to features: what runtimes of every kind that answers rows have in common."""

import math
from collections.abc import Collection, Mapping, Sequence
from typing import final

import numpy as np
import polars as pl
from msgspec.structs import replace

from telltale.contract.answer import CheckedRow, Context, Input, RowValue
from telltale.contract.errors import BundleError, SchemaError
from telltale.contract.estimator import Features
from telltale.contract.plan import Plan, Seasonal
from telltale.features.frame import feature_matrix, run_plan
from telltale.features.last_rows import run_plan_on_last
from telltale.features.seasonal_rows import SeasonalTables
from telltale.features.steps import steps_for
from telltale.features.window import CompiledPlan
from telltale.features.written_plan import Slots
from telltale.models.manifest import Manifest
from telltale.telemetry.frames import ENTITY, TIME

Tail = list[Slots]  # the slots of the rows that a model is handed, oldest first
Window = tuple[Sequence[Sequence[RowValue]], Sequence[float], str]  # rows that matter, their times, whose they are


@final
class RowInputs:
    """A manifest's plan at work on rows, windows and frames. It remembers no row.

    `history` is how many rows before the last one change an answer, `whole_history` how many a whole window has.

    Args:
        manifest: of a version whose kind answers rows.

    Raises:
        BundleError: there is no plan, or a step of it reads what nothing writes.
    """

    def __init__(self, manifest: Manifest) -> None:
        where = f"{manifest.app}/{manifest.task}"
        if manifest.plan is None:
            raise BundleError("manifest.json has no plan", where=where, mend="Train the version again.")
        self.plan: Plan = manifest.plan
        self._nullable = self.plan.nullable
        self._text = self.plan.text
        try:
            self._compiled = CompiledPlan(self.plan)
        except KeyError as error:
            raise BundleError(
                f"a step of the plan in manifest.json reads {error}, which nothing writes before it",
                where=where,
                mend="Restore the bundle, or train the version again.",
            ) from error
        own = [step.tables.keys() - {""} for step in self.plan.steps if isinstance(step, Seasonal)]
        self._tables = SeasonalTables()
        self.history = self.plan.reach
        self.whole_history = self.plan.whole_reach
        self._known = frozenset[str]().union(*own)
        self._middles = {name: summary.values[len(summary.values) // 2] for name, summary in manifest.reference.items()}

    @property
    def columns(self) -> tuple[str, ...]:
        """The measured columns each input row carries, in order."""
        return self.plan.columns

    def history_of(self, entity: str) -> int:
        """How many rows before the last one change an answer about it: fewer, where the plan has tables of its own for it."""
        return self.whole_history if entity in self._known else self.history

    def context(self, n_rows: int) -> Context:
        """Whether so many rows are a whole window."""
        return "window" if n_rows > self.whole_history else "row"

    def is_new(self, entity: str) -> bool:
        """Whether the plan has tables for entities by themselves, and none for this one; "" is no entity."""
        return bool(self._known) and entity not in self._known and entity != ""

    def checked(self, item: Input, *, whole: bool = False) -> Window:
        """The rows that matter to the plan, or all with `whole`, their times and entity. Raises SchemaError."""
        n = len(self.columns)
        if not item.rows or len(item.rows) != len(item.times):
            raise SchemaError(
                f"{len(item.rows)} rows and {len(item.times)} times", where="rows", mend="Give one time per row."
            )
        rows = item.rows if whole else item.rows[-(self.history + 1) :]
        times = item.times[-len(rows) :]
        for place, row in enumerate(rows):
            if len(row) != n:
                raise SchemaError(
                    f"row {place} has {len(row)} values",
                    where="rows",
                    mend=f"Give a number for each of {list(self.columns)}.",
                )
            for name, value in zip((*self.columns, "time"), (*row, times[place]), strict=True):
                fits = isinstance(value, str) if name in self._text else _is_finite(value)
                if not fits and not (value is None and name in self._nullable):
                    raise SchemaError(
                        f"row {place}: {name} is {value!r}, no {'text' if name in self._text else 'finite number'}",
                        where="rows",
                        mend=f"Give a value for each of {list(self.columns)}.",
                    )
        return rows, times, item.entity or ""

    def tail(self, rows: Sequence[Sequence[RowValue]], times_s: Sequence[float], entity: str) -> Tail:
        """The slots of the rows that the model is handed; `rows` are taken as checked."""
        if self.plan.sequence == 1:
            return [self._compiled.run(rows, times_s, entity)]
        return self._compiled.run_tail(rows, times_s, entity)

    def windows(self, inputs: Sequence[Input]) -> tuple[list[Tail], list[int]]:
        """The tail of each input, and of how many rows that matter it was made. Raises SchemaError."""
        checked = [self.checked(item) for item in inputs]
        return [self.tail(*window) for window in checked], [len(rows) for rows, _, _ in checked]

    def row_tails(self, rows: Sequence[CheckedRow]) -> list[Tail]:
        """The tails of rows without history, taken as checked."""
        take = self.tail
        return [take((values,), (time_s,), entity or "") for values, time_s, entity, _ in rows]

    def features(self, tails: Sequence[Tail]) -> Features:
        """The model's inputs, one line per tail."""
        compiled = self._compiled
        if self.plan.sequence == 1:
            return np.array([compiled.features(tail[0]) for tail in tails], dtype=np.float32)
        return np.array([compiled.tail_features(tail) for tail in tails], dtype=np.float32)

    def value(self, tail: Tail, name: str) -> float:
        """A named column's value in the row that is decided."""
        return self._compiled.value(tail[-1], name)

    def run(self, frame: pl.DataFrame, *, alone: bool = False, names: Collection[str] | None = None) -> pl.DataFrame:
        """Every column of the plan, or of `names` and what they rest on, row for row with a checked frame. Raises SchemaError."""
        self.check_frame(frame)
        plan = self.plan if names is None else replace(self.plan, steps=steps_for(self.plan.steps, names))
        return run_plan(plan, frame, alone=alone)

    def matrix(self, frame: pl.DataFrame, *, alone: bool = False) -> Features:
        """The model's inputs for every row of a checked frame, sorted by entity and time. Raises SchemaError.

        With `alone` each row is as if none stood before it, and any order will do.
        """
        self.check_frame(frame)
        return feature_matrix(self.plan, frame, alone=alone)

    def last(self, frame: pl.DataFrame) -> tuple[pl.DataFrame, Features, list[int]]:
        """Of the last row of each entity of a checked frame: every column, the model's inputs, and the entity's rows.

        Raises:
            SchemaError: as `matrix`.
        """
        self.check_frame(frame)
        counts: list[int] = frame[ENTITY].rle().struct.field("len").to_list()
        return *run_plan_on_last(self.plan, frame, self._tables), counts

    def middle(self) -> tuple[list[RowValue], pl.DataFrame]:
        """A row at the middle of what was trained on, as values and as a frame: for self-tests."""
        values: list[RowValue] = [
            "" if column in self._text else self._middles.get(column, 1.0) for column in self.columns
        ]
        instants = pl.Series(TIME, [0], dtype=pl.Int64).cast(pl.Datetime("us", "UTC"))
        data: Mapping[str, object] = {ENTITY: [""], TIME: instants} | {
            name: [value] for name, value in zip(self.columns, values, strict=True)
        }
        return values, pl.DataFrame(data)

    def check_frame(self, frame: pl.DataFrame) -> None:
        """Raise SchemaError where a frame does not hold what checked rows do."""
        missing = {ENTITY, TIME, *self.columns} - set(frame.columns)
        if missing:
            raise SchemaError.missing(missing, frame.columns, where="rows")
        for name in self.columns:
            column = frame[name]
            if name in self._text and column.dtype == pl.String:
                continue
            has_gaps = column.null_count() > 0 and name not in self._nullable
            if column.dtype != pl.Float64 or has_gaps or not column.drop_nulls().is_finite().all():
                raise SchemaError(
                    f"column {name} ({column.dtype}) does not hold a finite Float64 in every row",
                    where="rows",
                    mend="Pass rows through telltale.telemetry.validate.check_rows first.",
                )


def _is_finite(value: RowValue) -> bool:
    try:
        return math.isfinite(value)  # type: ignore[arg-type]  # text and None are what this is for
    except (TypeError, OverflowError):
        return False
