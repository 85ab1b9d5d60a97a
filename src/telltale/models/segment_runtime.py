"""A version that divides rows into segments, at work: plan and assigner, loaded from the bundle alone."""

import math
from collections.abc import Sequence
from typing import Final, final

import numpy as np
import polars as pl
from msgspec.structs import replace
from numpy.typing import NDArray

from telltale.contract.answer import CheckedRow, Input, RowValue, SegmentAnswer
from telltale.contract.errors import BundleError
from telltale.contract.estimator import Assigner, Features, Floats, Parts, PointsAssigner, SegmentEstimator
from telltale.models.bundle import Bundle
from telltale.models.estimators import bundled_estimator
from telltale.models.manifest import Manifest
from telltale.models.required_parts import require_parts
from telltale.models.row_inputs import RowInputs, Tail

NAMES: Final = "segments"  # the segments' names, in Parts.names
SHARES: Final = "shares"  # the share of training rows in each, in Parts.arrays
RULES: Final = "segment_rules"  # in Parts.names: which rows most of each segment is made of
OUTCOMES: Final = "segment_outcomes"  # in Parts.names: what is expected of rows, where the division is made for that
COLUMNS: Final = "segment_columns"  # in Parts.names: the column that each feature is made of
CARD: Final = "segment_card"  # in Parts.names: of each feature, which points it gives, in words
RULE_FITS: Final = "rule_fits"  # in Parts.arrays: precision and recall of each rule
MEANS: Final = "outcome_means"  # in Parts.arrays: of each segment, the means of what came of its rows
REFIT: Final = "refit_{number}/"  # how the arrays of a fit on resampled rows begin, in Parts.arrays


@final
class SegmentRuntime:
    """Names the segment of rows, windows and frames. Safe to use from several threads: it remembers nothing.

    Args:
        bundle: a loaded bundle.

    Raises:
        BundleError: it has no names or shares of segments.
    """

    def __init__(self, bundle: Bundle) -> None:
        self.bundle = bundle
        self._where = f"{bundle.manifest.app}/{bundle.manifest.task}"
        self._inputs = RowInputs(bundle.manifest)
        self.plan = self._inputs.plan
        self._estimator: SegmentEstimator = bundled_estimator(bundle.manifest)
        self._assigner: Assigner = self._estimator.load(bundle.parts)
        require_parts(bundle, names=(NAMES,), arrays=(SHARES,))
        self.names = bundle.parts.names[NAMES]
        self._shares: list[float] = bundle.parts.arrays[SHARES].tolist()
        named = bundle.parts.names
        # Bundles from before there were rules have none.
        self.rules = named.get(RULES, ("",) * len(self.names))
        self.outcomes = named.get(OUTCOMES, ())
        self._card: PointsAssigner | None = self._assigner if self.outcomes else None
        self._columns = named.get(COLUMNS, ())
        if not len(self.names) == len(self._shares) == len(self.rules):
            raise BundleError(
                f"{len(self.names)} names, {len(self._shares)} shares and {len(self.rules)} rules of segments",
                where=self._where,
                mend="Restore the bundle, or train the version again.",
            )

    @property
    def manifest(self) -> Manifest:
        """What the bundle says of itself."""
        return self.bundle.manifest

    @property
    def columns(self) -> tuple[str, ...]:
        """The measured columns each input row carries, in order."""
        return self._inputs.columns

    @property
    def history(self) -> int:
        """How many rows before the last one change an answer."""
        return self._inputs.history

    def history_of(self, entity: str) -> int:
        """How many of one entity do."""
        return self._inputs.history_of(entity)

    @property
    def whole_history(self) -> int:
        """How many a whole window has."""
        return self._inputs.whole_history

    def answer(self, inputs: Sequence[Input], *, explain: bool = False) -> list[SegmentAnswer]:
        """One answer per input, in order; with `explain` the points of each column, where there are any. Raises SchemaError."""
        tails, n_rows = self._inputs.windows(inputs)
        return self._answers(tails, n_rows, [explain] * len(tails))

    def answer_row(
        self, values: Sequence[RowValue], time_s: float, entity: str | None = None, *, explain: bool = False
    ) -> SegmentAnswer:
        """The answer for one row without history: the quick way. `values` are taken as checked."""
        return self._answers([self._inputs.tail((values,), (time_s,), entity or "")], [1], [explain])[0]

    def answer_rows(self, rows: Sequence[CheckedRow]) -> list[SegmentAnswer]:
        """The same for several rows that have nothing to do with each other, by one call of the model."""
        return self._answers(self._inputs.row_tails(rows), [1] * len(rows), [explain for *_, explain in rows])

    def assign_frame(self, frame: pl.DataFrame, *, alone: bool = False) -> tuple[NDArray[np.int64], Floats]:
        """The segment of every row of a checked frame, and its distance from the segment's middle. Raises SchemaError."""
        features = self._inputs.matrix(frame, alone=alone)
        return (np.empty(0, np.int64), np.empty(0)) if frame.is_empty() else self._assigner.assign(features)

    def features_of(self, frame: pl.DataFrame) -> Features:
        """The model's inputs for every row of a checked frame."""
        return self._inputs.matrix(frame)

    def refits(self) -> tuple[Assigner, ...]:
        """The divisions fitted on resampled training rows, for judging how stable this one is."""
        arrays = self.bundle.parts.arrays
        found: list[Assigner] = []
        while any(name.startswith(REFIT.format(number=len(found))) for name in arrays):
            start = REFIT.format(number=len(found))
            own = {name.removeprefix(start): array for name, array in arrays.items() if name.startswith(start)}
            found.append(self._estimator.load(Parts(arrays=own)))
        return tuple(found)

    def answer_frame(self, frame: pl.DataFrame, *, alone: bool = False) -> pl.DataFrame:
        """Segment, its name, the distance from its middle and what is expected, for every row of a checked frame."""
        which, distance = self.assign_frame(frame, alone=alone)
        told: dict[str, pl.Series] = {
            "segment": pl.Series(which, dtype=pl.Int64),
            "name": pl.Series([self.names[number] for number in which.tolist()], dtype=pl.String),
            "distance": pl.Series(distance, dtype=pl.Float64),
        }
        if self._card is not None and not frame.is_empty():
            given = self._card.points(self._inputs.matrix(frame, alone=alone))
            told["points"] = pl.Series(given.of.sum(axis=1), dtype=pl.Int64)
            for name, values in zip(self.outcomes, given.expected.T, strict=True):
                told[f"expected_{name}"] = pl.Series(values, dtype=pl.Float64)
        return pl.DataFrame(told)

    def worth_of(self, frame: pl.DataFrame) -> Floats:
        """By which the rows of a frame are ordered, larger = worth more: the segment first, within it what is expected.

        Where the division was not made for what comes later, by what came of the segment's rows in training.
        """
        which, _ = self.assign_frame(frame)
        if self._card is None:
            means = self.bundle.parts.arrays.get(MEANS, np.empty((len(self.names), 0)))
            known = means[:, 0] if means.shape[1] else np.zeros(len(self.names))
            return np.asarray(np.nan_to_num(known)[which], dtype=np.float64)
        expected = self._card.points(self._inputs.matrix(frame)).expected[:, 0]
        return np.lexsort((expected, -which)).argsort().astype(np.float64)

    def told(self) -> dict[str, str]:
        """Each segment in words: its rule, how well that says what it is, the points it begins with; then the card of points."""
        arrays, names = self.bundle.parts.arrays, self.bundle.parts.names
        fits = arrays.get(RULE_FITS, np.empty((0, 2))).tolist()
        levels = arrays["levels"].tolist() if self._card is not None else []
        found = {}
        for number, (name, share, rule) in enumerate(zip(self.names, self._shares, self.rules, strict=True)):
            words = [f"{share:.0%} of rows"]
            if levels:
                words.append(f"from {levels[number]} points" if number < len(levels) else f"below {levels[-1]} points")
            if rule:
                precision, recall = fits[number]
                words.append(f"mostly {rule} (true of {recall:.0%} of them; {precision:.0%} of those it is true of)")
            found[f"segment {number}: {name}"] = "; ".join(words)
        cards = zip(self._columns, names.get(CARD, ()), strict=False)
        return found | {f"points for {column.replace('_', ' ')}": card for column, card in cards}

    def self_test(self) -> None:
        """Answer a row at the middle of what was trained on, on both paths. Raises BundleError if they go astray."""
        values, frame = self._inputs.middle()
        try:
            answered = self.answer([Input(rows=[values], times=[0.0])])[0]
            framed = self.assign_frame(frame)
        except Exception as error:  # model and plan that do not fit each other fail in as many ways as there are
            raise BundleError(
                f"the self-test failed: {error}",
                where=self._where,
                mend="Restore the bundle, or train the version again.",
            ) from error
        distance = float(framed[1][0])
        near = abs(answered.distance - distance) <= 1e-5 * max(1.0, abs(distance))
        if not math.isfinite(answered.distance) or not near:
            raise BundleError(
                f"the self-test failed: a row is {answered.distance!r} from its middle, in a frame {distance!r}",
                where=self._where,
                mend="Train the version again, and report how it came about.",
            )

    def _answers(self, tails: Sequence[Tail], n_rows: Sequence[int], explain: Sequence[bool]) -> list[SegmentAnswer]:
        if not tails:
            return []
        features = self._inputs.features(tails)
        if self._card is not None:
            return self._answers_by_points(self._card, features, n_rows, explain)
        which, distance = self._assigner.assign(features)
        return [
            self._answer(number, far, n)
            for number, far, n in zip(which.tolist(), distance.tolist(), n_rows, strict=True)
        ]

    def _answers_by_points(
        self, card: PointsAssigner, features: Features, n_rows: Sequence[int], explain: Sequence[bool]
    ) -> list[SegmentAnswer]:
        which, distance = card.assign(features)
        given = card.points(features)
        answers = []
        for number, far, n, told, of, expected in zip(
            which.tolist(), distance.tolist(), n_rows, explain, given.of.tolist(), given.expected.tolist(), strict=True
        ):
            answer = self._answer(number, far, n)
            points_of = dict(zip(self._columns, of, strict=True)) if told else None
            answers.append(
                replace(
                    answer,
                    points=sum(of),
                    expected=dict(zip(self.outcomes, expected, strict=True)),
                    points_of=points_of,
                )
            )
        return answers

    def _answer(self, number: int, distance: float, n_rows: int) -> SegmentAnswer:
        return SegmentAnswer(
            segment=number,
            name=self.names[number],
            distance=distance,
            share=self._shares[number],
            context=self._inputs.context(n_rows),
            rule=self.rules[number],
        )
