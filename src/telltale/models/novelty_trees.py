"""Known kinds of event told by boosted trees, new kinds by novelty, weighed for a world that has both."""

from collections.abc import Mapping
from typing import Final, final

import numpy as np
from numpy.typing import NDArray

from telltale.contract.errors import BundleError
from telltale.contract.estimator import Choice, Features, Parameter, Parameters, Parts, Scores, Tell, Traits, silent
from telltale.contract.kinds import Kind
from telltale.models.boosted_trees import fuse
from telltale.models.graph_scorer import in_calls, never_alone, open_session
from telltale.models.labelled_rows import labelled_rows
from telltale.models.novelty import ESTIMATOR as NOVELTY
from telltale.models.novelty import mean_surprise, tables_of
from telltale.models.outliers.blend import evidence, fit_blend
from telltale.models.outliers.graph import OUTPUT, write_graph
from telltale.models.outliers.known_kinds import fit_trees, try_without_kinds
from telltale.models.outliers.normal_rows import fit_normal_rows, surprise_of

_ROWS_PER_CALL: Final = 512
_TREES: Final = "outcomes"
_WEIGHTS: Final = "blend"


@final
class NoveltyTrees:
    """Score in [0, 1]: above 0.5 where the row is better called an event, known or new, half of the rows being events.

    Weights and cut are set on kinds of event that the trees were not shown, so that they count neither on what comes being
    of the kinds of the training rows, nor on its being as frequent.

    Not for: a few dozen labelled events; they tell the trees too little.

    References:
        Friedman, "Greedy function approximation: a gradient boosting machine", Annals of Statistics 29 (2001).
        Wolpert, "Stacked generalization", Neural Networks 5 (1992).
    """

    name = "novelty_trees"
    kind: Kind = "score"
    # Fewer kinds, trees and components: what is checked is that they fit together.
    check_parameters: Mapping[str, Parameter] = {"max_iter": 30, "n_kinds": 3, "n_components": 8}
    traits = Traits(needs_labels=True, is_costly=True)
    defaults: Mapping[str, Parameter] = {
        **NOVELTY.defaults,
        "max_iter": 300,
        "learning_rate": 0.06,
        "max_leaf_nodes": 63,
        "max_features": 0.3,
        "l2_regularization": 1.0,
        "n_kinds": 20,
    }
    search_space: Mapping[str, Choice] = {
        "max_iter": Choice(kind="int", low=50, high=400),
        "max_leaf_nodes": Choice(kind="int", low=7, high=127, log=True),
        "learning_rate": Choice(kind="float", low=0.02, high=0.2, log=True),
    }
    grid: Mapping[str, tuple[Parameter, ...]] = {"max_leaf_nodes": (15, 63), "learning_rate": (0.03, 0.06, 0.1)}

    def fit(
        self,
        features: Features,
        *,
        labels: NDArray[np.int8] | None,
        parameters: Parameters,
        seed: int,
        tell: Tell = silent,  # noqa: ARG002 - done before there is anything to tell
    ) -> Parts:
        """Fit on labelled rows: mixtures of the normal ones, trees on all, and the weights of both."""
        rows, known = labelled_rows(features, labels, where=self.name)
        normal = fit_normal_rows(rows, known, parameters, seed=seed)
        trials = try_without_kinds(rows, known, surprise_of(normal, rows), normal.held_out, parameters, seed=seed)
        weights = fit_blend(trials)
        trees = fuse([fit_trees(rows, known, parameters, seed=seed)], n_features=rows.shape[1])
        tables = {f"surprise_{place}": table for place, table in enumerate(normal.tables)}
        graph = write_graph(normal.scale, normal.mixtures, trees=trees)
        return Parts(onnx=graph, arrays={**tables, _WEIGHTS: weights})

    def load(self, parts: Parts) -> "NoveltyTreesScorer":
        """A scorer that needs ONNX Runtime and NumPy alone."""
        return NoveltyTreesScorer(parts)


@final
class NoveltyTreesScorer:
    """An ONNX session on one thread, tables of surprise, and four weights; row-wise."""

    def __init__(self, parts: Parts) -> None:
        where = "novelty_trees"
        self._tables = tables_of(parts, where=where)
        if _WEIGHTS not in parts.arrays:
            raise BundleError(f"the bundle has no {_WEIGHTS}", where=where, mend="Train the version again.")
        self._for, self._against, self._novel, self._constant = parts.arrays[_WEIGHTS].tolist()
        self._run = open_session(parts.onnx or b"", where=where).run

    def score(self, features: Features) -> Scores:
        """One score per row, float64."""
        return in_calls(self._score, features, rows_per_call=_ROWS_PER_CALL)

    def score_one(self, features: Features) -> float:
        """The score of one row, shape (1, k)."""
        return float(self._score(features)[0])

    def _score(self, features: Features) -> Scores:
        told = self._run([OUTPUT, _TREES], {"features": never_alone(features)})
        unlikeliness, logit = (found[: len(features)] for found in told)
        seen = evidence(logit[:, 0].astype(np.float64), mean_surprise(unlikeliness, self._tables))
        odds = self._for * seen[:, 0] + self._against * seen[:, 1] + self._novel * seen[:, 2] + self._constant
        return np.asarray(1.0 / (1.0 + np.exp(-odds)), dtype=np.float64)


ESTIMATOR: Final = NoveltyTrees()
