"""A version that divides rows into segments, at work: plan and assigner, loaded from the bundle alone."""

import math
from collections.abc import Sequence
from typing import Final, final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from telltale.contract.answer import CheckedRow, Input, RowValue, SegmentAnswer
from telltale.contract.errors import BundleError
from telltale.contract.estimator import Assigner, Features, Floats, Parts, SegmentEstimator
from telltale.models.bundle import Bundle
from telltale.models.estimators import bundled_estimator
from telltale.models.manifest import Manifest
from telltale.models.required_parts import require_parts
from telltale.models.row_inputs import RowInputs, Tail

NAMES: Final = "segments"  # the segments' names, in Parts.names
SHARES: Final = "shares"  # the share of training rows in each, in Parts.arrays
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
        if len(self.names) != len(self._shares):
            raise BundleError(
                f"{len(self.names)} names and {len(self._shares)} shares of segments",
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
        """One answer per input, in order. There are no reasons: the name says what the segment is. Raises SchemaError."""
        del explain
        return self._answers(*self._inputs.windows(inputs))

    def answer_row(
        self, values: Sequence[RowValue], time_s: float, entity: str | None = None, *, explain: bool = False
    ) -> SegmentAnswer:
        """The answer for one row without history: the quick way. `values` are taken as checked."""
        del explain
        return self._answers([self._inputs.tail((values,), (time_s,), entity or "")], [1])[0]

    def answer_rows(self, rows: Sequence[CheckedRow]) -> list[SegmentAnswer]:
        """The same for several rows that have nothing to do with each other, by one call of the model."""
        return self._answers(self._inputs.row_tails(rows), [1] * len(rows))

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
        """Segment, its name and the distance from its middle, for every row of a checked frame."""
        which, distance = self.assign_frame(frame, alone=alone)
        return pl.DataFrame(
            {
                "segment": pl.Series(which, dtype=pl.Int64),
                "name": pl.Series([self.names[number] for number in which.tolist()], dtype=pl.String),
                "distance": pl.Series(distance, dtype=pl.Float64),
            }
        )

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

    def _answers(self, tails: Sequence[Tail], n_rows: Sequence[int]) -> list[SegmentAnswer]:
        if not tails:
            return []
        which, distance = self._assigner.assign(self._inputs.features(tails))
        return [
            SegmentAnswer(
                segment=number,
                name=self.names[number],
                distance=far,
                share=self._shares[number],
                context=self._inputs.context(n),
            )
            for number, far, n in zip(which.tolist(), distance.tolist(), n_rows, strict=True)
        ]
