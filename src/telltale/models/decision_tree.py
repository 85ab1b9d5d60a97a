"""A decision tree of our own, as a model that any labelled task may use."""

from collections.abc import Mapping
from typing import Final, cast, final

import numpy as np
from numpy.typing import NDArray

from telltale.contract.errors import BundleError
from telltale.contract.estimator import (
    Choice,
    Features,
    Floats,
    Parameter,
    Parameters,
    Parts,
    Scores,
    Tell,
    Traits,
    silent,
)
from telltale.contract.kinds import Kind
from telltale.models.decision_tree_growth import grow_tree
from telltale.models.grown_tree import LEAF, Criterion, Integers, leaves_of, prune
from telltale.models.labelled_rows import labelled_rows

_ARRAYS: Final = ("feature", "left", "right", "share", "threshold")


@final
class DecisionTree:
    """Score: the share of positives among the training rows of the leaf, drawn a little towards the share overall.

    Not for: what depends on sums of many features; a forest or a line says that with fewer rows.

    References:
        Breiman, Friedman, Olshen & Stone, "Classification and Regression Trees", 1984.
        Cestnik, "Estimating Probabilities: A Crucial Task in Machine Learning", ECAI 1990 (the m-estimate).
    """

    name = "decision_tree"
    kind: Kind = "score"
    traits = Traits(needs_labels=True)
    expected_failures: Mapping[str, str] = {
        "check_a_feature_that_never_moved_is_seen_when_it_does": "no question can be learned about it from labels"
    }
    defaults: Mapping[str, Parameter] = {
        "criterion": "gini",
        "max_depth": 12,
        "min_samples_split": 2,
        "min_samples_leaf": 2,
        "ccp_alpha": 1e-4,
        "pull": 2.0,
    }
    search_space: Mapping[str, Choice] = {
        "max_depth": Choice(kind="int", low=2, high=24),
        "min_samples_leaf": Choice(kind="int", low=1, high=50, log=True),
        "ccp_alpha": Choice(kind="float", low=1e-6, high=1e-2, log=True),
    }
    grid: Mapping[str, tuple[Parameter, ...]] = {
        "criterion": ("gini", "entropy"),
        "max_depth": (4, 8, 12),
        "min_samples_leaf": (2, 10),
        "ccp_alpha": (1e-4, 1e-3),
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
        """Grow on the labelled rows and prune; the seed decides between equally good splits."""
        rows, known = labelled_rows(features, labels, where=self.name)
        tree = grow_tree(
            rows,
            known,
            criterion=cast("Criterion", parameters["criterion"]),
            max_depth=int(parameters["max_depth"]),
            min_samples_split=int(parameters["min_samples_split"]),
            min_samples_leaf=int(parameters["min_samples_leaf"]),
            seed=seed,
        )
        tree = prune(tree, float(parameters["ccp_alpha"]))
        pull, prior = float(parameters["pull"]), float(known.mean())
        share = (tree.counts[:, 1] + pull * prior) / (tree.counts.sum(axis=1) + pull)
        arrays = (tree.feature, tree.left, tree.right, share, tree.threshold)
        return Parts(arrays={name: array.astype(np.float64) for name, array in zip(_ARRAYS, arrays, strict=True)})

    def load(self, parts: Parts) -> "TreeScorer":
        """A scorer from its arrays."""
        if not set(_ARRAYS) <= parts.arrays.keys():
            raise BundleError(f"the bundle lacks one of {_ARRAYS}", where=self.name, mend="Train the version again.")
        feature, left, right, share, threshold = (parts.arrays[name] for name in _ARRAYS)
        return TreeScorer(feature.astype(np.int64), left.astype(np.int64), right.astype(np.int64), share, threshold)


@final
class TreeScorer:
    """The share of positives in the leaf where a row ends."""

    def __init__(self, feature: Integers, left: Integers, right: Integers, share: Floats, threshold: Floats) -> None:
        self._feature, self._left, self._right = feature, left, right
        self._share, self._threshold = share, threshold
        # One row goes down on plain numbers: that is quicker than a vectorised step a level.
        self._nodes = list(
            zip(feature.tolist(), threshold.tolist(), left.tolist(), right.tolist(), share.tolist(), strict=True)
        )

    def score(self, features: Features) -> Scores:
        """One score per row."""
        leaf = leaves_of(features, feature=self._feature, threshold=self._threshold, left=self._left, right=self._right)
        return self._share[leaf]

    def score_one(self, features: Features) -> float:
        """The score of one row, shape (1, k)."""
        row = features[0].tolist()
        feature, threshold, left, right, share = self._nodes[0]
        while feature != LEAF:
            feature, threshold, left, right, share = self._nodes[left if row[feature] <= threshold else right]
        return float(share)


ESTIMATOR: Final = DecisionTree()
