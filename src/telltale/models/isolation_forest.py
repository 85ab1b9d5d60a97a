"""Isolation Forest, stored and run as one fused tree ensemble.

scikit-learn fits; the runtime is a single ONNX `TreeEnsembleRegressor` whose leaf weight is the path length there, so
that a row costs one graph node instead of one per tree.
"""

from collections.abc import Mapping
from typing import Any, Final, final

import numpy as np
from numpy.typing import NDArray

from telltale.contract.errors import BundleError
from telltale.contract.estimator import Choice, Features, Parameter, Parameters, Parts, Scores, Tell, Traits, silent
from telltale.contract.kinds import Kind
from telltale.models.graph_scorer import open_session

_OPSET: Final = {"": 21, "ai.onnx.ml": 3}
_IR_VERSION: Final = 10
_MOSTLY_LABELLED: Final = 0.5


@final
class IsolationForest:
    """Score in (0, 1): about 0.5 and below for the bulk, towards 1 for rows that few random cuts isolate.

    Not for: anomalies that hide in the middle of every feature.

    References:
        Liu, Ting & Zhou, "Isolation Forest", ICDM 2008.
    """

    name = "isolation_forest"
    kind: Kind = "score"
    traits = Traits()
    defaults: Mapping[str, Parameter] = {
        "n_estimators": 100,
        "max_samples": 256,
        "max_features": 1.0,
        "contamination": 0.05,
        "background": 0.3,
        "background_width": 1.0,
    }
    search_space: Mapping[str, Choice] = {
        "n_estimators": Choice(kind="int", low=50, high=150),
        "max_samples": Choice(kind="int", low=64, high=1024, log=True),
        "max_features": Choice(kind="float", low=0.4, high=1.0),
        "background": Choice(kind="float", low=0.05, high=1.0, log=True),
        "background_width": Choice(kind="float", low=0.2, high=2.0, log=True),
    }
    grid: Mapping[str, tuple[Parameter, ...]] = {
        "max_samples": (128, 256, 512),
        "max_features": (0.6, 1.0),
        "background": (0.1, 0.3, 1.0),
        "background_width": (0.5, 1.0),
    }

    def fit(
        self,
        features: Features,
        *,
        labels: NDArray[np.int8] | None,
        parameters: Parameters,
        seed: int,
        tell: Tell = silent,  # noqa: ARG002 - done before there is anything to tell
    ) -> Parts:
        """Fit on normal rows before a thin background.

        Rows labelled positive are left out; where fewer than half of the rows are labelled, so is the `contamination`
        share that a first forest scores highest. A cut is drawn between the smallest and largest value of a node, so that beyond the normal
        rows there would be nothing to cut: `background` (as a share of the rows) uniform rows, reaching
        `background_width` times the normal range beyond it on either side, give the cuts room.
        """
        rng = np.random.default_rng(seed)
        normal = features if labels is None else features[labels != 1]
        if labels is None or (labels >= 0).mean() < _MOSTLY_LABELLED:
            first = _forest(normal, parameters, seed)
            keep = len(normal) - round(len(normal) * float(parameters["contamination"]))
            normal = normal[np.argsort(-first.score_samples(normal), kind="stable")[:keep]]
        low, high = normal.min(axis=0), normal.max(axis=0)
        # A feature that never moved gets room too, or no cut could ever tell when it does.
        width = np.where(high > low, high - low, np.float32(1.0))
        reach = float(parameters["background_width"]) * width
        n_background = round(len(normal) * float(parameters["background"]))
        background = rng.uniform(low - reach, high + reach, size=(n_background, features.shape[1]))
        rows = np.vstack([normal, background.astype(np.float32)])
        return Parts(onnx=fuse(_forest(rows, parameters, seed), n_features=features.shape[1]))

    def load(self, parts: Parts) -> "FusedForest":
        """A scorer that needs ONNX Runtime alone."""
        if parts.onnx is None:
            raise BundleError("the bundle has no model.onnx", where=self.name, mend="Train the version again.")
        return FusedForest(parts.onnx)


@final
class FusedForest:
    """An ONNX session on one thread; row-wise by construction."""

    def __init__(self, onnx: bytes) -> None:
        self._run = open_session(onnx, where="isolation_forest").run

    def score(self, features: Features) -> Scores:
        """One score per row, float64."""
        return self._run(None, {"features": features})[0][:, 0].astype(np.float64)  # type: ignore[no-any-return]

    def score_one(self, features: Features) -> float:
        """The score of one row, shape (1, k)."""
        return float(self._run(None, {"features": features})[0][0, 0])


def _forest(rows: Features, parameters: Parameters, seed: int) -> Any:
    from sklearn.ensemble import IsolationForest as Fitted

    forest = Fitted(
        n_estimators=int(parameters["n_estimators"]),
        max_samples=min(int(parameters["max_samples"]), len(rows)),
        max_features=float(parameters["max_features"]),
        random_state=seed,
        n_jobs=1,
    )
    return forest.fit(rows)


def fuse(forest: Any, *, n_features: int) -> bytes:
    """An ONNX graph that equals `-forest.score_samples` to float32: the sum of path lengths, then `2 ** (-sum / (T c))`.

    scikit-learn compares a float32 value with a float64 threshold; rounding each threshold down to float32 sends every
    row the same way.
    """
    from onnx import TensorProto, helper

    keys = ("treeids", "nodeids", "featureids", "modes", "values", "truenodeids", "falsenodeids")
    nodes: dict[str, list[Any]] = {key: [] for key in keys}
    leaves: dict[str, list[Any]] = {"treeids": [], "nodeids": [], "ids": [], "weights": []}
    for number, (estimator, chosen) in enumerate(zip(forest.estimators_, forest.estimators_features_, strict=True)):
        _add_tree(nodes, leaves, number, estimator.tree_, chosen)
    n_trees = len(forest.estimators_)
    normal = n_trees * average_path_length(np.array([float(forest.max_samples_)]))[0]
    ensemble = helper.make_node(
        "TreeEnsembleRegressor",
        ["features"],
        ["path_length"],
        domain="ai.onnx.ml",
        n_targets=1,
        aggregate_function="SUM",
        post_transform="NONE",
        **{f"nodes_{key}": values for key, values in nodes.items()},
        **{f"target_{key}": values for key, values in leaves.items()},
    )
    scale = helper.make_tensor("scale", TensorProto.FLOAT, [1], [-1.0 / normal])
    two = helper.make_tensor("two", TensorProto.FLOAT, [1], [2.0])
    graph = helper.make_graph(
        [
            ensemble,
            helper.make_node("Mul", ["path_length", "scale"], ["exponent"]),
            helper.make_node("Pow", ["two", "exponent"], ["score"]),
        ],
        "isolation_forest",
        [helper.make_tensor_value_info("features", TensorProto.FLOAT, [None, n_features])],
        [helper.make_tensor_value_info("score", TensorProto.FLOAT, [None, 1])],
        [scale, two],
    )
    opsets = [helper.make_opsetid(domain, version) for domain, version in _OPSET.items()]
    model = helper.make_model(graph, opset_imports=opsets, producer_name="telltale", ir_version=_IR_VERSION)
    return bytes(model.SerializeToString(deterministic=True))


def average_path_length(n_rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean depth of an unsuccessful search in a binary tree of `n_rows` rows, the `c(n)` of the paper.

    >>> average_path_length(np.array([1.0, 2.0, 256.0])).round(3).tolist()
    [0.0, 1.0, 10.245]
    """
    harmonic = np.log(np.maximum(n_rows - 1.0, 1.0)) + np.euler_gamma
    length = 2.0 * harmonic - 2.0 * (n_rows - 1.0) / n_rows
    return np.where(n_rows <= 1, 0.0, np.where(n_rows == 2, 1.0, length))


def _add_tree(nodes: dict[str, list[Any]], leaves: dict[str, list[Any]], number: int, tree: Any, chosen: Any) -> None:
    n = tree.node_count
    left, right = tree.children_left, tree.children_right
    depth = np.zeros(n)
    for node in range(n):  # children come after their parent
        if left[node] >= 0:
            depth[left[node]] = depth[right[node]] = depth[node] + 1
    is_leaf = left < 0
    threshold = tree.threshold.astype(np.float32)
    too_high = threshold.astype(np.float64) > tree.threshold
    threshold[too_high] = np.nextafter(threshold[too_high], np.float32(-np.inf))
    path = depth + average_path_length(tree.n_node_samples.astype(np.float64))
    nodes["treeids"] += [number] * n
    nodes["nodeids"] += range(n)
    nodes["featureids"] += np.where(is_leaf, 0, np.asarray(chosen)[np.maximum(tree.feature, 0)]).tolist()
    nodes["modes"] += ["LEAF" if leaf else "BRANCH_LEQ" for leaf in is_leaf]
    nodes["values"] += np.where(is_leaf, 0.0, threshold).tolist()
    nodes["truenodeids"] += np.where(is_leaf, 0, left).tolist()
    nodes["falsenodeids"] += np.where(is_leaf, 0, right).tolist()
    at = np.flatnonzero(is_leaf)
    leaves["treeids"] += [number] * len(at)
    leaves["nodeids"] += at.tolist()
    leaves["ids"] += [0] * len(at)
    leaves["weights"] += path[at].tolist()


ESTIMATOR: Final = IsolationForest()
