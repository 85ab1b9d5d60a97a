"""Boosted trees that predict several outcomes, stored and run as one tree ensemble.

scikit-learn fits one ensemble per outcome; the runtime is a single ONNX `TreeEnsembleRegressor` with a target per
outcome, so that a row costs one graph node however many outcomes there are.
"""

from collections.abc import Mapping
from typing import Any, Final, final

import numpy as np
from numpy.typing import NDArray

from telltale.contract.estimator import Choice, Features, Floats, Parameter, Parameters, Parts, Tell, Traits, silent
from telltale.contract.kinds import Kind
from telltale.models.graph_scorer import open_session

_OPSET: Final = {"": 21, "ai.onnx.ml": 3}
_IR_VERSION: Final = 10


@final
class BoostedTrees:
    """Gradient boosting of small regression trees on histograms, one ensemble per outcome.

    Not for: rows far outside what it was fitted on, for which it says what it said at the edge.

    References:
        Friedman, "Greedy function approximation: a gradient boosting machine", Annals of Statistics 29 (2001).
        Ke et al., "LightGBM: a highly efficient gradient boosting decision tree", NIPS 2017, for the histograms.
    """

    name = "boosted_trees"
    kind: Kind = "choose"
    traits = Traits()
    defaults: Mapping[str, Parameter] = {
        "max_iter": 60,
        "max_leaf_nodes": 7,
        "min_samples_leaf": 4,
        "learning_rate": 0.1,
        "l2_regularization": 1.0,
    }
    search_space: Mapping[str, Choice] = {
        "max_iter": Choice(kind="int", low=20, high=100),
        "max_leaf_nodes": Choice(kind="int", low=4, high=15),
        "min_samples_leaf": Choice(kind="int", low=3, high=40, log=True),
        "learning_rate": Choice(kind="float", low=0.03, high=0.3, log=True),
    }
    grid: Mapping[str, tuple[Parameter, ...]] = {"max_leaf_nodes": (5, 7, 15), "learning_rate": (0.05, 0.1)}

    def fit(
        self,
        features: Features,
        *,
        outcomes: Floats,
        parameters: Parameters,
        seed: int,
        tell: Tell = silent,  # noqa: ARG002 - done before there is anything to tell
    ) -> Parts:
        """Fit each outcome on the rows where it was measured; nothing is random at the usual number of rows."""
        return Parts(onnx=fuse(fit_each(features, outcomes, parameters, seed), n_features=features.shape[1]))

    def load(self, parts: Parts) -> "FusedTrees":
        """A model that needs ONNX Runtime alone."""
        return FusedTrees(parts, where=self.name)


@final
class FusedTrees:
    """An ONNX session on one thread; row-wise by construction."""

    def __init__(self, parts: Parts, *, where: str) -> None:
        self._run = open_session(parts.onnx or b"", where=where).run

    def predict(self, features: Features) -> Floats:
        """Outcomes, shape (n rows, m outcomes), float64."""
        found: NDArray[np.float32] = self._run(None, {"features": features})[0]
        return found.astype(np.float64)


def fit_each(features: Features, outcomes: Floats, parameters: Parameters, seed: int) -> list[Any]:
    """scikit-learn's regressors, one per outcome, in order."""
    from sklearn.ensemble import HistGradientBoostingRegressor
    from threadpoolctl import threadpool_limits

    fitted = []
    for outcome in outcomes.T:
        measured = np.isfinite(outcome)
        regressor = HistGradientBoostingRegressor(
            max_iter=int(parameters["max_iter"]),
            max_leaf_nodes=int(parameters["max_leaf_nodes"]),
            min_samples_leaf=int(parameters["min_samples_leaf"]),
            learning_rate=float(parameters["learning_rate"]),
            l2_regularization=float(parameters["l2_regularization"]),
            early_stopping=False,
            random_state=seed,
        )
        # One thread: on some thousands of rows the threads wait for each other longer than they work.
        with threadpool_limits(1, user_api="openmp"):
            fitted.append(regressor.fit(features[measured], outcome[measured]))
    return fitted


def fuse(regressors: list[Any], *, n_features: int) -> bytes:
    """An ONNX graph that equals each regressor's `predict` to float32.

    scikit-learn compares a float32 value with a float64 threshold; rounding each threshold down to float32 sends every
    row the same way.
    """
    from onnx import TensorProto, helper

    keys = ("treeids", "nodeids", "featureids", "modes", "values", "truenodeids", "falsenodeids")
    nodes: dict[str, list[Any]] = {key: [] for key in keys}
    leaves: dict[str, list[Any]] = {"treeids": [], "nodeids": [], "ids": [], "weights": []}
    number = 0
    for target, regressor in enumerate(regressors):
        for (tree,) in regressor._predictors:  # noqa: SLF001 - there is no public way to its trees
            _add_tree(nodes, leaves, number, target, tree.nodes)
            number += 1
    ensemble = helper.make_node(
        "TreeEnsembleRegressor",
        ["features"],
        ["outcomes"],
        domain="ai.onnx.ml",
        n_targets=len(regressors),
        aggregate_function="SUM",
        post_transform="NONE",
        base_values=[float(regressor._baseline_prediction[0, 0]) for regressor in regressors],  # noqa: SLF001
        **{f"nodes_{key}": values for key, values in nodes.items()},
        **{f"target_{key}": values for key, values in leaves.items()},
    )
    graph = helper.make_graph(
        [ensemble],
        "boosted_trees",
        [helper.make_tensor_value_info("features", TensorProto.FLOAT, [None, n_features])],
        [helper.make_tensor_value_info("outcomes", TensorProto.FLOAT, [None, len(regressors)])],
    )
    opsets = [helper.make_opsetid(domain, version) for domain, version in _OPSET.items()]
    model = helper.make_model(graph, opset_imports=opsets, producer_name="telltale", ir_version=_IR_VERSION)
    return bytes(model.SerializeToString(deterministic=True))


def _add_tree(
    nodes: dict[str, list[Any]], leaves: dict[str, list[Any]], number: int, target: int, tree: NDArray[np.void]
) -> None:
    n = len(tree)
    is_leaf = tree["is_leaf"].astype(bool)
    exact = np.where(is_leaf, 0.0, tree["num_threshold"])
    threshold = np.clip(exact, np.finfo(np.float32).min, np.finfo(np.float32).max).astype(np.float32)
    too_high = threshold.astype(np.float64) > exact
    threshold[too_high] = np.nextafter(threshold[too_high], np.float32(-np.inf))
    nodes["treeids"] += [number] * n
    nodes["nodeids"] += range(n)
    nodes["featureids"] += np.where(is_leaf, 0, tree["feature_idx"]).tolist()
    nodes["modes"] += ["LEAF" if leaf else "BRANCH_LEQ" for leaf in is_leaf]
    nodes["values"] += threshold.tolist()
    nodes["truenodeids"] += np.where(is_leaf, 0, tree["left"]).tolist()
    nodes["falsenodeids"] += np.where(is_leaf, 0, tree["right"]).tolist()
    at = np.flatnonzero(is_leaf)
    leaves["treeids"] += [number] * len(at)
    leaves["nodeids"] += at.tolist()
    leaves["ids"] += [target] * len(at)
    leaves["weights"] += tree["value"][at].tolist()


ESTIMATOR: Final = BoostedTrees()
