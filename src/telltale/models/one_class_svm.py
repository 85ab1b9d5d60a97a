"""One-class support vector machine: how far outside the region that holds most normal rows a row lies.

scikit-learn fits; the runtime is one ONNX graph of the support vectors.
"""

from collections.abc import Mapping
from typing import Final, final

import numpy as np
from numpy.typing import NDArray

from telltale.contract.errors import NotEnoughDataError
from telltale.contract.estimator import Choice, Features, Parameter, Parameters, Parts, Tell, Traits, silent
from telltale.contract.kinds import Kind
from telltale.models.graph_scorer import GraphScorer
from telltale.models.outliers.graph import add_squash
from telltale.models.outliers.squash import Scale, scale_of, squash
from telltale.models.row_graph import RowGraph
from telltale.models.subsequence.windows import lateness

_LEAST_ROWS: Final = 20


@final
class OneClassSvm:
    """Score: minus the logarithm of the kernel sum over support vectors, of standardised rows; without upper bound.

    That is in the order of the decision function's, turned round, and goes on where the kernel itself has long been zero, so
    that of two rows far out the further one scores higher. Rows labelled positive are left out; of the others a sample of
    `max_rows` is fitted on, since the fit takes their square. Of the rows of a window side by side, late ones count more.

    Not for: normal rows of very uneven density: one width of the kernel serves all of them.

    References:
        Schölkopf, Platt, Shawe-Taylor, Smola & Williamson, "Estimating the support of a high-dimensional distribution",
        Neural Computation 13 (2001).
    """

    name = "one_class_svm"
    kind: Kind = "score"
    traits = Traits()
    defaults: Mapping[str, Parameter] = {"nu": 0.05, "width": 1.0, "max_rows": 2_000, "sequence": 1}
    search_space: Mapping[str, Choice] = {
        "nu": Choice(kind="float", low=0.01, high=0.2, log=True),
        "width": Choice(kind="float", low=0.3, high=3.0, log=True),
    }
    grid: Mapping[str, tuple[Parameter, ...]] = {"nu": (0.02, 0.05, 0.1), "width": (0.5, 1.0, 2.0)}

    def fit(
        self,
        features: Features,
        *,
        labels: NDArray[np.int8] | None,
        parameters: Parameters,
        seed: int,
        tell: Tell = silent,  # noqa: ARG002 - done before there is anything to tell
    ) -> Parts:
        """Fit on rows not labelled positive; `width` is of the kernel, in units of the usual distance of two rows.

        Raises:
            NotEnoughDataError: too few rows that are not labelled positive.
        """
        from sklearn.svm import OneClassSVM
        from threadpoolctl import threadpool_limits

        normal = features if labels is None else features[labels != 1]
        if len(normal) < _LEAST_ROWS:
            raise NotEnoughDataError(
                f"{len(normal)} normal rows", where=self.name, mend=f"Give at least {_LEAST_ROWS} that are normal."
            )
        scale = scale_of(normal)
        most = int(parameters["max_rows"])
        chosen = np.random.default_rng(seed).permutation(len(normal))[:most]
        sequence = int(parameters["sequence"])
        weight = np.sqrt(lateness(sequence)).repeat(features.shape[1] // sequence)
        rows = squash(normal[np.sort(chosen)], scale).astype(np.float64) * weight
        # Two rows drawn lie twice the sum of variances apart, squared.
        apart = max(2.0 * float(rows.var(axis=0).sum()), 1e-6)
        gamma = 1.0 / (apart * float(parameters["width"]) ** 2)
        with threadpool_limits(1):
            model = OneClassSVM(nu=float(parameters["nu"]), gamma=gamma).fit(rows)
        vectors = np.asarray(model.support_vectors_, dtype=np.float64)
        weights = np.asarray(model.dual_coef_[0], dtype=np.float64)
        return Parts(onnx=_graph(scale, vectors, np.log(weights / weights.sum()), gamma, weight))

    def load(self, parts: Parts) -> GraphScorer:
        """A scorer that needs ONNX Runtime alone."""
        return GraphScorer(parts, where=self.name)


def _graph(
    scale: Scale,
    vectors: NDArray[np.float64],
    log_weights: NDArray[np.float64],
    gamma: float,
    weight: NDArray[np.float64],
) -> bytes:
    """`features` of the shape (n, k) in, `score` of the shape (n, 1) out; `weight` is what each squashed column is times.

    The exponent of each vector is `log_weight - gamma (|x|^2 - 2 x v + |v|^2)`; |x|^2 is taken out of the sum.
    """
    graph = RowGraph()
    add, keep = graph.add, graph.keep
    squashed = add_squash(graph, scale)
    if (weight != 1.0).any():
        squashed = add("Mul", [squashed, keep("weight", weight)], "weighed")
    axis = keep("last_axis", [1], np.int64)
    along = add("MatMul", [squashed, keep("vectors", 2.0 * gamma * vectors.T)], "along")
    fixed = keep("fixed", log_weights - gamma * (vectors**2).sum(axis=1))
    together = add("ReduceLogSumExp", [add("Add", [along, fixed], "exponents"), axis], "together", keepdims=1)
    length = add("ReduceSumSquare", [squashed, axis], "length", keepdims=1)
    out = add("Mul", [length, keep("gamma", gamma)], "out")
    add("Sub", [out, together], "score")
    return graph.written("one_class_svm", n_features=len(scale.centre), outputs={"score": 1})


ESTIMATOR: Final = OneClassSvm()
