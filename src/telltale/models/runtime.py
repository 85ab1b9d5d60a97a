"""A version at work: plan, scorer and threshold, loaded from the bundle alone."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import final

import numpy as np
import polars as pl

from telltale.contract.answer import Answer, Input, Reason
from telltale.contract.errors import BundleError, SchemaError
from telltale.contract.estimator import Scores
from telltale.features.frame import feature_matrix, run_plan
from telltale.features.reasons import reasons
from telltale.features.window import CompiledPlan, Slots
from telltale.models.bundle import Bundle, load_bundle
from telltale.models.estimators import estimators
from telltale.models.manifest import Manifest
from telltale.telemetry.frames import ENTITY, TIME

# Values as checked, event time in epoch seconds, entity, and whether reasons are wanted whatever the decision.
CheckedRow = tuple[Sequence[float], float, str | None, bool]


@final
class ScoreRuntime:
    """Scores rows, windows and frames of one version. Safe to use from several threads: it remembers nothing.

    Args:
        bundle: a loaded bundle.
        threshold: in place of the bundle's own, where an operator has set one.
    """

    def __init__(self, bundle: Bundle, *, threshold: float | None = None) -> None:
        self.bundle = bundle
        self.plan = bundle.manifest.plan
        self.threshold = bundle.manifest.threshold if threshold is None else threshold
        name, where = bundle.manifest.estimator, f"{bundle.manifest.app}/{bundle.manifest.task}"
        if name not in estimators():
            raise BundleError(
                f"manifest.json names the model {name!r}; this telltale knows {sorted(estimators())}",
                where=where,
                mend="Upgrade telltale, or train the version again.",
            )
        try:
            self._compiled = CompiledPlan(self.plan)
        except KeyError as error:
            raise BundleError(
                f"a step of the plan in manifest.json reads {error}, which nothing writes before it",
                where=where,
                mend="Restore the bundle, or train the version again.",
            ) from error
        self._scorer = estimators()[name].load(bundle.parts)

    @property
    def manifest(self) -> Manifest:
        """What the bundle says of itself."""
        return self.bundle.manifest

    @property
    def columns(self) -> tuple[str, ...]:
        """The measured columns each input row carries, in order."""
        return self.plan.columns

    @property
    def history(self) -> int:
        """How many rows before the last one change an answer."""
        return self.plan.history

    def answer(self, inputs: Sequence[Input], *, explain: bool = False) -> list[Answer]:
        """One answer per input, in order.

        Raises:
            SchemaError: a row is of the wrong length, a value is missing, or times and rows differ in number.
        """
        run = self._compiled.run
        windows = [self._checked(item) for item in inputs]
        slots = [run(rows, times, entity) for rows, times, entity in windows]
        return [
            self._answer(done, score, n_rows=len(rows), explain=explain)
            for done, score, (rows, _, _) in zip(slots, self._score(slots), windows, strict=True)
        ]

    def answer_row(
        self, values: Sequence[float], time_s: float, entity: str | None = None, *, explain: bool = False
    ) -> Answer:
        """The answer for one row without history: the quick way. `values` are taken as checked."""
        slots = self._compiled.run((values,), (time_s,), entity or "")
        score = self._scorer.score_one(np.array([self._compiled.features(slots)], dtype=np.float32))
        return self._answer(slots, score, n_rows=1, explain=explain)

    def answer_rows(self, rows: Sequence[CheckedRow]) -> list[Answer]:
        """The same for several rows that have nothing to do with each other, by one call of the model."""
        run = self._compiled.run
        slots = [run((values,), (time_s,), entity or "") for values, time_s, entity, _ in rows]
        return [
            self._answer(done, score, n_rows=1, explain=row[3])
            for done, score, row in zip(slots, self._score(slots), rows, strict=True)
        ]

    def score_frame(self, frame: pl.DataFrame) -> Scores:
        """Scores of checked rows, sorted by entity and time; each row's history is the rows before it.

        Raises:
            SchemaError: a column is missing, of another type than Float64, or has no value or no finite one somewhere.
        """
        missing = {ENTITY, TIME, *self.columns} - set(frame.columns)
        if missing:
            raise SchemaError.missing(missing, frame.columns, where="rows")
        if frame.is_empty():
            return np.empty(0)
        for name in self.columns:
            if frame[name].dtype != pl.Float64 or frame[name].null_count() or not frame[name].is_finite().all():
                raise SchemaError(
                    f"column {name} ({frame[name].dtype}) does not hold a finite Float64 in every row",
                    where="rows",
                    mend="Pass rows through telltale.telemetry.validate.check_rows first.",
                )
        return self._scorer.score(feature_matrix(self.plan, frame))

    def explain_frame(self, frame: pl.DataFrame, rows: Sequence[int]) -> list[tuple[Reason, ...]]:
        """Reasons for some rows of a checked frame, by their positions."""
        done = run_plan(self.plan, frame)[list(rows)]
        return [reasons(self.plan, row.__getitem__) for row in done.iter_rows(named=True)]

    def self_test(self) -> None:
        """Answer a row at the middle of what was trained on, on both paths. Raises BundleError if they go astray."""
        where = f"{self.manifest.app}/{self.manifest.task}"
        middle = [self._middle(column) for column in self.columns]
        instants = pl.Series(TIME, [0], dtype=pl.Int64).cast(pl.Datetime("us", "UTC"))
        data = {ENTITY: [""], TIME: instants} | {
            name: [value] for name, value in zip(self.columns, middle, strict=True)
        }
        try:
            answered = self.answer([Input(rows=[middle], times=[0.0])])[0]
            framed = float(self.score_frame(pl.DataFrame(data))[0])
        except Exception as error:  # model and plan that do not fit each other fail in as many ways as there are
            raise BundleError(
                f"the self-test failed: {error}", where=where, mend="Restore the bundle, or train the version again."
            ) from error
        if not math.isfinite(answered.score) or abs(answered.score - framed) > 1e-5 * max(1.0, abs(framed)):
            raise BundleError(
                f"the self-test failed: a row scored {answered.score!r}, the same row in a frame {framed!r}",
                where=where,
                mend="Train the version again, and report how it came about.",
            )

    def _middle(self, column: str) -> float:
        summary = self.manifest.reference.get(column)
        return summary.values[len(summary.values) // 2] if summary is not None else 1.0

    def _checked(self, item: Input) -> tuple[Sequence[Sequence[float]], Sequence[float], str]:
        """The rows that matter, their times and entity. Raises SchemaError."""
        n = len(self.columns)
        if not item.rows or len(item.rows) != len(item.times):
            raise SchemaError(
                f"{len(item.rows)} rows and {len(item.times)} times", where="rows", mend="Give one time per row."
            )
        rows = item.rows[-(self.history + 1) :]
        times = item.times[-len(rows) :]
        for place, row in enumerate(rows):
            if len(row) != n:
                raise SchemaError(
                    f"row {place} has {len(row)} values",
                    where="rows",
                    mend=f"Give a number for each of {list(self.columns)}.",
                )
            for name, value in zip((*self.columns, "time"), (*row, times[place]), strict=True):
                if not _is_finite(value):
                    raise SchemaError(
                        f"row {place}: {name} is {value!r}, no finite number",
                        where="rows",
                        mend=f"Give a number for each of {list(self.columns)}.",
                    )
        return rows, times, item.entity or ""  # type: ignore[return-value]  # None is refused above

    def _score(self, slots: Sequence[Slots]) -> list[float]:
        features = self._compiled.features
        if not slots:
            return []
        scores: list[float] = self._scorer.score(np.array([features(row) for row in slots], dtype=np.float32)).tolist()
        return scores

    def _answer(self, slots: Slots, score: float, *, n_rows: int, explain: bool) -> Answer:
        compiled = self._compiled
        decision = score >= self.threshold
        return Answer(
            score=score,
            decision=decision,
            threshold=self.threshold,
            context="window" if n_rows > self.plan.history else "row",
            reasons=reasons(self.plan, lambda name: compiled.value(slots, name)) if explain or decision else (),
        )


def _is_finite(value: float | None) -> bool:
    try:
        return math.isfinite(value)  # type: ignore[arg-type]  # text and None are what this is for
    except (TypeError, OverflowError):
        return False


def load_runtime(
    directory: Path, *, expected: Mapping[str, str] | None = None, threshold: float | None = None
) -> ScoreRuntime:
    """Load a bundle and make it ready to answer. Raises BundleError."""
    return ScoreRuntime(load_bundle(directory, expected=expected), threshold=threshold)
