"""Window polynomial: how far the last rows are from where the rows before them were going."""

from collections.abc import Mapping
from typing import Final, final

import numpy as np
from numpy.typing import NDArray

from telltale.contract.estimator import Choice, Features, Parameter, Parameters, Parts, Tell, Traits, silent
from telltale.contract.kinds import Kind
from telltale.models.graph_scorer import GraphScorer
from telltale.models.subsequence.polynomial import FORETOLD, foretelling, usual_errors, write_polynomial_graph
from telltale.models.subsequence.windows import normal_windows, scale_of_windows, scaled


@final
class WindowPolynomial:
    """Score: the mean error of the last two rows under a polynomial through those before, in usual ones: around 1.

    Without upper bound. Each column has a polynomial of its own.

    Not for: a level that is odd and lasts; what swings much within a window.

    References:
        POLY in Liu & Paparrizos, "The Elephant in the Room: Towards A Reliable Time-Series Anomaly Detection Benchmark",
        NeurIPS 2024.
    """

    name = "window_polynomial"
    kind: Kind = "score"
    traits = Traits()
    defaults: Mapping[str, Parameter] = {"sequence": 32, "degree": 1}
    search_space: Mapping[str, Choice] = {"degree": Choice(kind="int", low=0, high=2)}
    grid: Mapping[str, tuple[Parameter, ...]] = {"degree": (0, 1, 2)}

    def fit(
        self,
        features: Features,
        *,
        labels: NDArray[np.int8] | None,
        parameters: Parameters,
        seed: int,
        tell: Tell = silent,  # noqa: ARG002 - done before there is anything to tell
    ) -> Parts:
        """Fit on windows not labelled positive. Raises NotEnoughDataError, UsageError."""
        del seed
        sequence, degree = int(parameters["sequence"]), int(parameters["degree"])
        least = FORETOLD + degree + 1
        windows = normal_windows(features, labels, sequence=sequence, least=least, where=self.name)
        scale = scale_of_windows(windows, sequence=sequence)
        foretold = foretelling(scale, degree=degree)
        usual = usual_errors(scaled(windows, scale) @ foretold)
        return Parts(onnx=write_polynomial_graph(scale, foretold, usual))

    def load(self, parts: Parts) -> GraphScorer:
        """A scorer that needs ONNX Runtime alone."""
        return GraphScorer(parts, where=self.name)


ESTIMATOR: Final = WindowPolynomial()
