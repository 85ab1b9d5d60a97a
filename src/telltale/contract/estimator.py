"""What a model promises: fit on a feature matrix, come back from stored parts, score."""

from collections.abc import Mapping
from typing import Literal, Protocol

import msgspec
import numpy as np
from numpy.typing import NDArray

Parameter = int | float | str
Parameters = Mapping[str, Parameter]
Features = NDArray[np.float32]  # shape (n rows, k features), finite
Scores = NDArray[np.float64]  # shape (n rows,), finite, HIGHER = more likely the event


class Choice(msgspec.Struct, frozen=True, kw_only=True):
    """The range, inclusive, that tuning may give one parameter a value of."""

    kind: Literal["int", "float"]
    low: float
    high: float
    log: bool = False


class Parts(msgspec.Struct, frozen=True, kw_only=True):
    """What a fitted model is made of, ready to be stored: an ONNX graph, arrays, or both. Never a pickle."""

    onnx: bytes | None = None
    arrays: dict[str, NDArray[np.float64]] = {}


class Scorer(Protocol):
    """A fitted model. Row-wise: a row's score does not depend on the rows beside it."""

    def score(self, features: Features) -> Scores:
        """One score per row."""
        ...

    def score_one(self, features: Features) -> float:
        """The score of a matrix of one row, by the quickest way."""
        ...


class Estimator(Protocol):
    """A kind of model. Stateless: `fit` returns parts, `load` makes a scorer of them.

    `load` and the scorer import no training library.
    """

    @property
    def name(self) -> str:
        """The name in manifests and on the command line."""
        ...

    @property
    def defaults(self) -> Parameters:
        """Parameters and the values used where none is given."""
        ...

    @property
    def search_space(self) -> Mapping[str, Choice]:
        """What `--tune` may vary."""
        ...

    @property
    def grid(self) -> Mapping[str, tuple[Parameter, ...]]:
        """What `--grid-search` tries, every combination."""
        ...

    def fit(self, features: Features, *, labels: NDArray[np.int8] | None, parameters: Parameters, seed: int) -> Parts:
        """Fit on training rows; `labels` (0/1, -1 unknown) may be ignored. Same seed, same parts."""
        ...

    def load(self, parts: Parts) -> Scorer:
        """A scorer from stored parts alone. Raises BundleError."""
        ...
