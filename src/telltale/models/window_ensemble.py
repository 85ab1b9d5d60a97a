"""Window ensemble: several models of windows on one scale, so that no choice among them need be made for a series."""

from collections.abc import Mapping
from typing import Final, final

import numpy as np
from numpy.typing import NDArray

from telltale.contract.errors import BundleError
from telltale.contract.estimator import (
    Choice,
    Estimator,
    Features,
    Parameter,
    Parameters,
    Parts,
    Scores,
    Tell,
    Traits,
    silent,
)
from telltale.contract.kinds import Kind
from telltale.models.graph_scorer import in_calls, open_session
from telltale.models.joined_graphs import OUTPUT, join_graphs
from telltale.models.outliers.surprise import rarity, surprise_table
from telltale.models.patch_memory import ESTIMATOR as MEMORY
from telltale.models.subsequence.windows import normal_windows
from telltale.models.window_kmeans import ESTIMATOR as KMEANS
from telltale.models.window_polynomial import ESTIMATOR as POLYNOMIAL

MEMBERS: Final[tuple[Estimator, ...]] = (MEMORY, KMEANS, POLYNOMIAL)
# Windows that follow one another share rows: what is left out, to see how windows score that a member was not fitted on, are
# runs of them, every fourth of sixteen.
_RUNS: Final = 16
_EVERY: Final = 4
# Fewer windows than this beyond a quantile say little about where it is: further out the tail is drawn on as it went.
_LEAST_BEYOND: Final = 10.0
_SMALLEST: Final = 1e-9
_USUAL, _TABLE = "usual", "together"
_ROWS_PER_CALL: Final = 1_024


@final
class WindowEnsemble:
    """Score: 1 where a tenth of normal windows score higher, 3 for one in 1,000: how rare the members' mean score is.

    Each member's score counts in units of its usual one over windows that it was not fitted on. Choosing a member per series
    by trouble put into left-out windows was tried: what finds made-up trouble best is not what finds real trouble best, and
    the mean of all beats it.

    Not for: windows of which a tenth or more are of events.

    References:
        Kriegel, Kröger, Schubert & Zimek, "Interpreting and Unifying Outlier Scores", SDM 2011.
    """

    name = "window_ensemble"
    members: tuple[Estimator, ...] = MEMBERS
    kind: Kind = "score"
    traits = Traits(is_costly=True, tells_rarity=True)
    defaults: Mapping[str, Parameter] = {name: value for member in MEMBERS for name, value in member.defaults.items()}
    search_space: Mapping[str, Choice] = {}
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
        """Fit each member on all windows not labelled positive, and once without some. Raises NotEnoughDataError, UsageError."""
        windows = normal_windows(features, labels, sequence=int(parameters["sequence"]), least=1, where=self.name)
        is_left_out = np.arange(len(windows)) * _RUNS // len(windows) % _EVERY == 0
        graphs: dict[str, bytes] = {}
        usual, of_rest = [], []
        for member in self.members:
            own = {name: value for name, value in parameters.items() if name in member.defaults}
            trial, whole = (
                member.fit(rows, labels=None, parameters=own, seed=seed) for rows in (windows[~is_left_out], windows)
            )
            assert whole.onnx is not None, f"{member.name} is no graph"
            graphs[member.name] = whole.onnx
            new = member.load(trial).score(windows[is_left_out])
            usual.append(max(float(new.mean()), _SMALLEST))
            of_rest.append(new / usual[-1])
        together = np.mean(of_rest, axis=0)
        return Parts(
            onnx=join_graphs(graphs),
            arrays={_USUAL: np.array(usual), _TABLE: surprise_table(together, least_beyond=_LEAST_BEYOND)},
        )

    def load(self, parts: Parts) -> "WindowEnsembleScorer":
        """A scorer that needs ONNX Runtime and NumPy alone."""
        return WindowEnsembleScorer(parts, where=self.name)


@final
class WindowEnsembleScorer:
    """An ONNX session on one thread, what is usual of each member, and a table of all together; row-wise."""

    def __init__(self, parts: Parts, *, where: str) -> None:
        if parts.onnx is None:
            raise BundleError("the bundle has no model.onnx", where=where, mend="Train the version again.")
        if not {_USUAL, _TABLE} <= parts.arrays.keys():
            raise BundleError("the bundle does not say what is usual", where=where, mend="Train the version again.")
        self._weights = 1.0 / (parts.arrays[_USUAL] * len(parts.arrays[_USUAL]))
        self._table = parts.arrays[_TABLE]
        self._run = open_session(parts.onnx, where=where).run

    def score(self, features: Features) -> Scores:
        """One score per row, float64."""
        return in_calls(self._score, features, rows_per_call=_ROWS_PER_CALL)

    def score_one(self, features: Features) -> float:
        """The score of one row, shape (1, k)."""
        return float(self._score(features)[0])

    def _score(self, features: Features) -> Scores:
        found = self._run([OUTPUT], {"features": features})[0]
        # Not a product of matrices: NumPy may add a row up otherwise where others stand beside it.
        return rarity((found * self._weights).sum(axis=1), self._table)


ESTIMATOR: Final = WindowEnsemble()
