"""Window k-means: how far the shape of the last rows is from the nearest of a few usual shapes."""

from collections.abc import Mapping
from typing import Any, Final, final

import numpy as np
from numpy.typing import NDArray

from telltale.contract.estimator import Choice, Features, Floats, Parameter, Parameters, Parts, Tell, Traits, silent
from telltale.contract.kinds import Kind
from telltale.models.graph_scorer import GraphScorer
from telltale.models.subsequence.nearest import LEVEL_OFF, weighed, write_nearest_graph
from telltale.models.subsequence.windows import normal_windows, scale_of_windows, scaled


@final
class WindowKMeans:
    """Score: the distance of a window, each column less half its mean in it, from the nearest middle; without upper bound.

    Not for: usual windows of more shapes than there are middles.

    References:
        Yairi, Kato & Hori, "Fault Detection by Mining Association Rules from House-keeping Data", i-SAIRAS 2001.
    """

    name = "window_kmeans"
    kind: Kind = "score"
    traits = Traits()
    defaults: Mapping[str, Parameter] = {"sequence": 32, "n_clusters": 20}
    search_space: Mapping[str, Choice] = {"n_clusters": Choice(kind="int", low=5, high=50, log=True)}
    grid: Mapping[str, tuple[Parameter, ...]] = {"n_clusters": (10, 20, 40)}

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
        sequence = int(parameters["sequence"])
        windows = normal_windows(features, labels, sequence=sequence, least=2, where=self.name)
        scale = scale_of_windows(windows, sequence=sequence)
        middles = _middles(
            weighed(scaled(windows, scale), scale, level_off=LEVEL_OFF), k=int(parameters["n_clusters"]), seed=seed
        )
        return Parts(onnx=write_nearest_graph(scale, middles, name=self.name, level_off=LEVEL_OFF))

    def load(self, parts: Parts) -> GraphScorer:
        """A scorer that needs ONNX Runtime alone."""
        return GraphScorer(parts, where=self.name)


def _middles(windows: Floats, *, k: int, seed: int) -> Floats:
    """Middles of k clusters, or of as many as there are different windows."""
    from sklearn.cluster import KMeans
    from threadpoolctl import threadpool_limits

    n_different = len(np.unique(windows, axis=0))
    with threadpool_limits(limits=1):
        fitted: Any = KMeans(n_clusters=min(k, n_different), n_init=1, random_state=seed).fit(windows)
    return np.asarray(fitted.cluster_centers_, dtype=np.float64)


ESTIMATOR: Final = WindowKMeans()
