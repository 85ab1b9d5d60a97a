"""A version that scores, at work: plan, scorer and threshold, loaded from the bundle alone."""

import math
from collections.abc import Sequence
from typing import final

import numpy as np
import polars as pl

from telltale.contract.answer import CheckedRow, Input, Reason, RowValue, ScoreAnswer
from telltale.contract.errors import BundleError
from telltale.contract.estimator import Estimator, Features, Scores
from telltale.features.frame import run_plan
from telltale.features.reasons import reasons
from telltale.models.bundle import Bundle
from telltale.models.estimators import bundled_estimator
from telltale.models.manifest import Manifest
from telltale.models.row_inputs import RowInputs, Tail


@final
class ScoreRuntime:
    """Scores rows, windows and frames of one version. Safe to use from several threads: it remembers nothing.

    Args:
        bundle: a loaded bundle.
        threshold: in place of the bundle's own, where an operator has set one.
    """

    def __init__(self, bundle: Bundle, *, threshold: float | None = None) -> None:
        self.bundle = bundle
        self._inputs = RowInputs(bundle.manifest)
        self.plan = self._inputs.plan
        given = bundle.manifest.threshold if threshold is None else threshold
        if given is None:
            raise BundleError(
                "manifest.json has no threshold",
                where=f"{bundle.manifest.app}/{bundle.manifest.task}",
                mend="Train the version again.",
            )
        self.threshold: float = given
        estimator: Estimator = bundled_estimator(bundle.manifest)
        self._scorer = estimator.load(bundle.parts)

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
        return self.plan.reach

    def answer(self, inputs: Sequence[Input], *, explain: bool = False) -> list[ScoreAnswer]:
        """One answer per input, in order.

        Raises:
            SchemaError: a row is of the wrong length, a value is missing, or times and rows differ in number.
        """
        tails, n_rows = self._inputs.windows(inputs)
        return [
            self._answer(tail, score, n_rows=n, explain=explain)
            for tail, score, n in zip(tails, self._score(tails), n_rows, strict=True)
        ]

    def answer_row(
        self, values: Sequence[RowValue], time_s: float, entity: str | None = None, *, explain: bool = False
    ) -> ScoreAnswer:
        """The answer for one row without history: the quick way. `values` are taken as checked."""
        tail = self._inputs.tail((values,), (time_s,), entity or "")
        return self._answer(tail, self._scorer.score_one(self._inputs.features((tail,))), n_rows=1, explain=explain)

    def answer_rows(self, rows: Sequence[CheckedRow]) -> list[ScoreAnswer]:
        """The same for several rows that have nothing to do with each other, by one call of the model."""
        tails = self._inputs.row_tails(rows)
        return [
            self._answer(tail, score, n_rows=1, explain=row[3])
            for tail, score, row in zip(tails, self._score(tails), rows, strict=True)
        ]

    def score_frame(self, frame: pl.DataFrame, *, alone: bool = False) -> Scores:
        """Scores of checked rows, sorted by entity and time; each row's history is the rows before it, or none if `alone`.

        Raises:
            SchemaError: a column is missing, of another type than Float64, or has no value or no finite one somewhere.
        """
        features = self._inputs.matrix(frame, alone=alone)
        return np.empty(0) if frame.is_empty() else self._scorer.score(features)

    def score_features(self, features: Features) -> Scores:
        """Scores of features that the plan has made."""
        return self._scorer.score(features)

    def features_of(self, frame: pl.DataFrame) -> Features:
        """The model's inputs for every row of a checked frame."""
        return self._inputs.matrix(frame)

    def answer_frame(self, frame: pl.DataFrame, *, alone: bool = False) -> pl.DataFrame:
        """Score, decision and threshold of every row of a checked frame."""
        scores = pl.Series("score", self.score_frame(frame, alone=alone), dtype=pl.Float64)
        return pl.DataFrame(
            [
                scores,
                (scores >= self.threshold).cast(pl.Int8).alias("decision"),
                pl.repeat(self.threshold, len(scores), eager=True).alias("threshold"),
            ]
        )

    def answer_last(self, frame: pl.DataFrame) -> list[ScoreAnswer]:
        """One answer for each entity of a checked frame, in order: of its last row, the others are that one's history.

        For many entities at once: the plan runs on the frame, and the model is asked once, for the last rows alone.

        Args:
            frame: checked rows, sorted by entity and time; a decision of yes brings its reasons.

        Raises:
            SchemaError: as `score_frame`.
        """
        ends, features, counts = self._inputs.last(frame)
        scores: list[float] = self._scorer.score(features).tolist() if len(features) else []
        answers = []
        for place, (score, n_rows) in enumerate(zip(scores, counts, strict=True)):
            decision = score >= self.threshold
            answers.append(
                ScoreAnswer(
                    score=score,
                    decision=decision,
                    threshold=self.threshold,
                    context=self._inputs.context(n_rows),
                    reasons=reasons(self.plan, ends.row(place, named=True).__getitem__) if decision else (),
                )
            )
        return answers

    def explain_frame(self, frame: pl.DataFrame, rows: Sequence[int]) -> list[tuple[Reason, ...]]:
        """Reasons for some rows of a checked frame, by their positions."""
        done = run_plan(self.plan, frame)[list(rows)]
        return [reasons(self.plan, row.__getitem__) for row in done.iter_rows(named=True)]

    def self_test(self) -> None:
        """Answer a row at the middle of what was trained on, on both paths. Raises BundleError if they go astray."""
        where = f"{self.manifest.app}/{self.manifest.task}"
        middle, frame = self._inputs.middle()
        try:
            answered = self.answer([Input(rows=[middle], times=[0.0])])[0]
            framed = float(self.score_frame(frame)[0])
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

    def _score(self, tails: Sequence[Tail]) -> list[float]:
        if not tails:
            return []
        scores: list[float] = self._scorer.score(self._inputs.features(tails)).tolist()
        return scores

    def _answer(self, tail: Tail, score: float, *, n_rows: int, explain: bool) -> ScoreAnswer:
        decision = score >= self.threshold
        return ScoreAnswer(
            score=score,
            decision=decision,
            threshold=self.threshold,
            context=self._inputs.context(n_rows),
            reasons=reasons(self.plan, lambda name: self._inputs.value(tail, name)) if explain or decision else (),
        )
