"""Patch memory: how far the last rows are from the nearest of the normal windows that are remembered."""

from collections.abc import Mapping
from typing import Final, final

import numpy as np
from numpy.typing import NDArray

from telltale.contract.estimator import Choice, Features, Parameter, Parameters, Parts, Tell, Traits, silent
from telltale.contract.kinds import Kind
from telltale.models.graph_scorer import GraphScorer
from telltale.models.subsequence.memory import remember
from telltale.models.subsequence.nearest import weighed, write_nearest_graph
from telltale.models.subsequence.windows import normal_windows, scale_of_windows, scaled


@final
class PatchMemory:
    """Score: the distance of a window from the nearest remembered one, in spreads of a column; without upper bound.

    Windows are laid along the directions in which they differ most; what lies off these counts as distance. Levels are
    part of a window: one that was never there is odd.

    Not for: measurements that only rise, or whose level wanders for good; train again as it does.

    References:
        The memory of nearest normal patches is that of Park & Kim, "PaAno: Patch-Based Representation Learning for
        Time-Series Anomaly Detection", ICLR 2026, with principal components in place of a network.
    """

    name = "patch_memory"
    kind: Kind = "score"
    traits = Traits()
    defaults: Mapping[str, Parameter] = {"sequence": 32, "max_patches": 500}
    search_space: Mapping[str, Choice] = {"max_patches": Choice(kind="int", low=100, high=1_000, log=True)}
    grid: Mapping[str, tuple[Parameter, ...]] = {"max_patches": (250, 500, 1_000)}

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
        sequence = int(parameters["sequence"])
        windows = normal_windows(features, labels, sequence=sequence, least=1, where=self.name)
        scale = scale_of_windows(windows, sequence=sequence)
        memory = remember(weighed(scaled(windows, scale), scale), most=int(parameters["max_patches"]))
        return Parts(onnx=write_nearest_graph(scale, memory.places, name=self.name, directions=memory.directions))

    def load(self, parts: Parts) -> GraphScorer:
        """A scorer that needs ONNX Runtime alone."""
        return GraphScorer(parts, where=self.name)


ESTIMATOR: Final = PatchMemory()
