"""What a model promises that goes on learning with every row: it scores a row by those before it, then learns it."""

from collections.abc import Sequence
from typing import Protocol, Self

import msgspec
import numpy as np
from numpy.typing import NDArray

from telltale.contract.estimator import AnyEstimator, Floats, Parameters, Parts, Scores, Tell, silent


class StreamRows(msgspec.Struct, frozen=True, kw_only=True):
    """Rows of one entity, oldest first.

    Args:
        entity: whose; "" where rows do not say.
        times_s: epoch seconds, shape (n,); NaN where rows have no time.
        rows: measured columns, shape (n, k), finite.
    """

    entity: str
    times_s: Floats
    rows: Floats


class StreamState(Protocol):
    """What is remembered of the rows of one entity. It changes as it is asked: copy it first to keep it. Not shared."""

    def score(self, rows: Floats, times_s: Floats) -> Scores:
        """One score per row of shape (n, k), in order, finite; each is scored, then learned. Blocks of any size are alike."""
        ...

    def copy(self) -> Self:
        """Another one that goes its own way."""
        ...

    def pack(self) -> Floats:
        """All of it, shape (m,), finite: what is stored. Bounded, however many rows were seen."""
        ...


class StreamScorer(Protocol):
    """A fitted model. It does not change: what it learns is in states."""

    def fresh(self) -> StreamState:
        """Of an entity of which no row has been seen."""
        ...

    def start(self, entity: str) -> StreamState:
        """As it stood after the last row of that entity that was fitted on; fresh where none was."""
        ...

    def unpack(self, packed: Floats) -> StreamState:
        """A state again. Raises BundleError where it is none of this model's."""
        ...


class StreamEstimator(AnyEstimator, Protocol):
    """A model that scores and adapts (`Traits.adapts`): it is handed measured columns, not features."""

    def fit(
        self,
        series: Sequence[StreamRows],
        *,
        labels: Sequence[NDArray[np.int8]] | None,
        parameters: Parameters,
        seed: int,
        tell: Tell = silent,
    ) -> Parts:
        """Fit on rows of one or several entities; `labels` (0/1, -1 unknown) may be ignored. Same seed, same parts.

        Raises:
            NotEnoughDataError: too few rows.
        """
        ...

    def load(self, parts: Parts) -> StreamScorer:
        """A scorer from stored parts alone. Raises BundleError."""
        ...
