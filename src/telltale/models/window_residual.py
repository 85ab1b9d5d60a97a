"""Window residual: how much of a row, or of the rows of a window side by side, columns do not tell about each other."""

from collections.abc import Mapping
from typing import Final, final

import numpy as np
from numpy.typing import NDArray

from telltale.contract.estimator import Choice, Features, Parameter, Parameters, Parts, Tell, Traits, silent
from telltale.contract.kinds import Kind
from telltale.models.graph_scorer import GraphScorer
from telltale.models.residual.graph import write_graph
from telltale.models.residual.plane import fit_plane


@final
class WindowResidual:
    """Score: mean size of what principal components leave of a row, 0.8 or so for normal rows, without upper bound.

    Each column's error counts in units of its own usual error. Where a plan hands over the rows of a window side by side, what
    follows what is among the things that components tell, and the error of a row counts half as much as that of the next one:
    evenly counted, a score stays high for a whole window after an event.

    Not for: anomalies that are a matter of one column being high while all others go along as they usually do.

    References:
        Jackson & Mudholkar, "Control Procedures for Residuals Associated With Principal Component Analysis",
        Technometrics 21 (1979); Ku, Storer & Georgakis, "Disturbance detection and isolation by dynamic principal
        component analysis", Chemometrics and Intelligent Laboratory Systems 30 (1995).
    """

    name = "window_residual"
    kind: Kind = "score"
    traits = Traits()
    defaults: Mapping[str, Parameter] = {"explained": 0.8, "sequence": 1}
    search_space: Mapping[str, Choice] = {"explained": Choice(kind="float", low=0.5, high=0.99)}
    grid: Mapping[str, tuple[Parameter, ...]] = {"explained": (0.7, 0.8, 0.9, 0.95)}

    def fit(
        self,
        features: Features,
        *,
        labels: NDArray[np.int8] | None,
        parameters: Parameters,
        seed: int,
        tell: Tell = silent,  # noqa: ARG002 - done before there is anything to tell
    ) -> Parts:
        """Fit on the rows not labelled positive. Raises NotEnoughDataError where they are too few.

        The rest is not trimmed: only directions that many columns share are kept, which a few odd rows do not make, and
        to leave out what a first fit finds odd costs kinds of normal row that are seldom seen.
        """
        del seed
        normal = features if labels is None else features[labels != 1]
        plane = fit_plane(normal, explained=float(parameters["explained"]))
        return Parts(onnx=write_graph(plane, sequence=int(parameters["sequence"])))

    def load(self, parts: Parts) -> GraphScorer:
        """A scorer that needs ONNX Runtime alone."""
        return GraphScorer(parts, where=self.name)


ESTIMATOR: Final = WindowResidual()
