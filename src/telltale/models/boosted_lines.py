"""Outcomes half by boosted trees and half by straight lines: what one gets wrong on rows unlike its own, the other damps."""

from collections.abc import Mapping
from typing import Final, final

from msgspec.structs import replace

from telltale.contract.estimator import Choice, Features, Floats, Parameter, Parameters, Parts, Tell, Traits, silent
from telltale.contract.kinds import Kind
from telltale.models.boosted_trees import ESTIMATOR as TREES
from telltale.models.linear_outcomes import ESTIMATOR as LINES


@final
class BoostedLines:
    """The mean of `boosted_trees` and `linear_outcomes`, in the outcomes' own unit (logarithms, of tasks that choose).

    Trees say what they said at the edge of what they have seen, lines go on. On files unlike those of training the mean was
    better than either at most prices of a codec.

    References:
        Bates & Granger, "The combination of forecasts", Operational Research Quarterly 20 (1969), for plain means.
    """

    name = "boosted_lines"
    kind: Kind = "choose"
    traits = Traits()
    defaults: Mapping[str, Parameter] = {**TREES.defaults, **LINES.defaults}
    search_space: Mapping[str, Choice] = {**TREES.search_space, **LINES.search_space}
    grid: Mapping[str, tuple[Parameter, ...]] = {"max_leaf_nodes": (5, 7, 15), "alpha": (0.1, 1.0, 10.0)}

    def fit(
        self, features: Features, *, outcomes: Floats, parameters: Parameters, seed: int, tell: Tell = silent
    ) -> Parts:
        """Fit both on the rows where an outcome was measured."""
        trees = TREES.fit(features, outcomes=outcomes, parameters=parameters, seed=seed, tell=tell)
        return replace(trees, arrays=LINES.fit(features, outcomes=outcomes, parameters=parameters, seed=seed).arrays)

    def load(self, parts: Parts) -> "TreesAndLines":
        """A model that needs ONNX Runtime alone."""
        return TreesAndLines(parts)


@final
class TreesAndLines:
    """Both models; row-wise, as they are."""

    def __init__(self, parts: Parts) -> None:
        self._trees, self._lines = TREES.load(parts), LINES.load(parts)

    def predict(self, features: Features) -> Floats:
        """Outcomes, shape (n rows, m outcomes)."""
        return (self._trees.predict(features) + self._lines.predict(features)) / 2.0


ESTIMATOR: Final = BoostedLines()
