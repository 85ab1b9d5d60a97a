"""A version that scores, at work: plan, scorer and threshold, loaded from the bundle alone."""

import math
from collections.abc import Sequence

import numpy as np
import polars as pl

from telltale.contract.answer import CheckedRow, Input, Reason, RowValue, ScoreAnswer
from telltale.contract.errors import BundleError
from telltale.contract.estimator import Estimator, Features, Scores
from telltale.features.last_rows import last_rows
from telltale.models.bundle import Bundle
from telltale.models.estimators import bundled_estimator
from telltale.models.explanation import Explanation
from telltale.models.manifest import Manifest
from telltale.models.row_inputs import RowInputs, Tail, Window
from telltale.telemetry.frames import ENTITY


class ScoreRuntime:
    """Scores rows, windows and frames of one version. Safe to use from several threads: it remembers nothing.

    `StreamRuntime` is one whose model adapts.

    Args:
        bundle: a loaded bundle.
        threshold: in place of the bundle's own, where an operator has set one.
    """

    def __init__(self, bundle: Bundle, *, threshold: float | None = None) -> None:
        self.bundle = bundle
        self._inputs = RowInputs(bundle.manifest)
        self.plan = self._inputs.plan
        self._explanation = Explanation(self._inputs)
        given = bundle.manifest.threshold if threshold is None else threshold
        if given is None:
            raise BundleError(
                "manifest.json has no threshold",
                where=f"{bundle.manifest.app}/{bundle.manifest.task}",
                mend="Train the version again.",
            )
        self.threshold: float = given
        self._load(bundle)

    def _load(self, bundle: Bundle) -> None:
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

    def history_of(self, entity: str) -> int:
        """How many of one entity do."""
        return self._inputs.history_of(entity)

    @property
    def whole_history(self) -> int:
        """How many a whole window has; more of them only place an entity that training had not seen."""
        return self.plan.whole_reach

    def answer(self, inputs: Sequence[Input], *, explain: bool = False) -> list[ScoreAnswer]:
        """One answer per input, in order.

        Raises:
            SchemaError: a row is of the wrong length, a value is missing, or times and rows differ in number.
        """
        windows = [self._inputs.checked(item) for item in inputs]
        tails = [self._inputs.tail(*window) for window in windows]
        return [
            self._answer(window, tail, score, explain=explain)
            for window, tail, score in zip(windows, tails, self._score(tails), strict=True)
        ]

    def answer_row(
        self, values: Sequence[RowValue], time_s: float, entity: str | None = None, *, explain: bool = False
    ) -> ScoreAnswer:
        """The answer for one row without history: the quick way. `values` are taken as checked."""
        window = (values,), (time_s,), entity or ""
        tail = self._inputs.tail(*window)
        return self._answer(window, tail, self._scorer.score_one(self._inputs.features((tail,))), explain=explain)

    def answer_rows(self, rows: Sequence[CheckedRow]) -> list[ScoreAnswer]:
        """The same for several rows that have nothing to do with each other, by one call of the model."""
        tails = self._inputs.row_tails(rows)
        return [
            self._answer(((values,), (time_s,), entity or ""), tail, score, explain=explain)
            for (values, time_s, entity, explain), tail, score in zip(rows, tails, self._score(tails), strict=True)
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
        return self._told(frame, last_rows(frame)[0].tolist(), ends[ENTITY].to_list(), scores, counts)

    def answer_at(self, frame: pl.DataFrame, places: list[int]) -> list[ScoreAnswer]:
        """One answer for each of some rows of a checked frame, by their positions; the rows before one are its history.

        Args:
            frame: checked rows, sorted by entity and time; a decision of yes brings its reasons.
            places: of the rows, rising.

        Raises:
            SchemaError: as `score_frame`.
        """
        features = self._inputs.matrix(frame)[places]
        scores: list[float] = self._scorer.score(features).tolist() if len(features) else []
        last, first = last_rows(frame)
        n_before = np.arange(len(frame)) - np.repeat(first, last + 1 - first)
        counts: list[int] = (n_before[places] + 1).tolist()
        return self._told(frame, places, frame[ENTITY].gather(places).to_list(), scores, counts)

    def _told(
        self,
        frame: pl.DataFrame,
        places: Sequence[int],
        entities: Sequence[str],
        scores: Sequence[float],
        counts: Sequence[int],
    ) -> list[ScoreAnswer]:
        """Scores as answers: a decision of yes brings its reasons; `counts` are the rows of each one's window."""
        flagged = [place for place, score in zip(places, scores, strict=True) if score >= self.threshold]
        told = dict(zip(flagged, self._explain(frame, flagged), strict=True)) if flagged else {}
        return [
            ScoreAnswer(
                score=score,
                decision=score >= self.threshold,
                threshold=self.threshold,
                context=self._inputs.context(n_rows),
                reasons=told.get(place, ()),
                entity_is_new=self._inputs.is_new(entity),
            )
            for place, entity, score, n_rows in zip(places, entities, scores, counts, strict=True)
        ]

    def _explain(self, frame: pl.DataFrame, places: list[int]) -> list[tuple[Reason, ...]]:
        """Reasons for some rows: of a fleet few are flagged, and the plan is run on the rows of those entities alone."""
        is_theirs = frame[ENTITY].is_in(frame[ENTITY].gather(places).unique().implode())
        moved = is_theirs.cum_sum().gather(places) - 1
        return self.explain_frame(frame.filter(is_theirs), moved.to_list())

    def explain_frame(self, frame: pl.DataFrame, rows: Sequence[int]) -> list[tuple[Reason, ...]]:
        """Reasons for some rows of a checked frame, sorted by entity and time, by their positions."""
        return self._explanation.of_frame(frame, rows)

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

    def _answer(self, window: Window, tail: Tail, score: float, *, explain: bool) -> ScoreAnswer:
        decision = score >= self.threshold
        return ScoreAnswer(
            score=score,
            decision=decision,
            threshold=self.threshold,
            context=self._inputs.context(len(window[0])),
            reasons=self._explanation.of_window(window, tail) if explain or decision else (),
            entity_is_new=self._inputs.is_new(window[2]),
        )
