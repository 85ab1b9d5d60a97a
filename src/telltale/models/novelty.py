"""Novelty: how unlike every kind of normal row a row is, for events of kinds that nobody has seen yet."""

from collections.abc import Mapping
from typing import Final, final

import numpy as np
from numpy.typing import NDArray

from telltale.contract.errors import BundleError
from telltale.contract.estimator import Choice, Features, Parameter, Parameters, Parts, Scores, Tell, Traits, silent
from telltale.contract.kinds import Kind
from telltale.models.graph_scorer import in_calls, open_session
from telltale.models.outliers.graph import OUTPUT, write_graph
from telltale.models.outliers.normal_rows import NormalRows, fit_normal_rows
from telltale.models.outliers.surprise import surprise

# Rows of a call: between its nodes the graph holds some tens of kilobytes for each.
_ROWS_PER_CALL: Final = 512


@final
class Novelty:
    """Score: the mean surprise of mixtures of Gaussians; 1 where a tenth of normal rows score higher, 3 for one in 1,000.

    Learns from normal rows alone: those labelled positive are left out. Mixtures from coarse to fine look at the same squashed
    features; what all find odd stands out whatever the kinds of normal rows are.

    Not for: rows whose order matters; a hundred features or more with fewer than some thousand rows.

    References:
        Bishop, "Novelty detection and neural network validation", IEE Proc. Vision, Image and Signal Processing 141 (1994).
    """

    name = "novelty"
    kind: Kind = "score"
    traits = Traits(is_costly=True)
    defaults: Mapping[str, Parameter] = {
        "n_components": 64,
        "variance_floor": 0.03,
        "max_rows": 12_000,
        "contamination": 0.05,
    }
    # What is checked does not depend on how fine the finest mixture is.
    check_parameters: Mapping[str, Parameter] = {"n_components": 12}
    search_space: Mapping[str, Choice] = {
        "n_components": Choice(kind="int", low=8, high=128, log=True),
        "variance_floor": Choice(kind="float", low=0.01, high=0.3, log=True),
    }
    grid: Mapping[str, tuple[Parameter, ...]] = {"n_components": (24, 64), "variance_floor": (0.02, 0.05, 0.1)}

    def fit(
        self,
        features: Features,
        *,
        labels: NDArray[np.int8] | None,
        parameters: Parameters,
        seed: int,
        tell: Tell = silent,  # noqa: ARG002 - done before there is anything to tell
    ) -> Parts:
        """Fit on normal rows; where most are unlabelled, without the `contamination` share that a first fit finds oddest."""
        return novelty_parts(fit_normal_rows(features, labels, parameters, seed=seed))

    def load(self, parts: Parts) -> "NoveltyScorer":
        """A scorer that needs ONNX Runtime and NumPy alone."""
        return NoveltyScorer(parts)


def novelty_parts(normal: NormalRows) -> Parts:
    """What is stored of it."""
    tables = {f"surprise_{place}": table for place, table in enumerate(normal.tables)}
    return Parts(onnx=write_graph(normal.scale, normal.mixtures), arrays=tables)


@final
class NoveltyScorer:
    """An ONNX session on one thread, and a table for each mixture; row-wise."""

    def __init__(self, parts: Parts) -> None:
        self._tables = tables_of(parts, where="novelty")
        self._run = open_session(parts.onnx or b"", where="novelty").run

    def score(self, features: Features) -> Scores:
        """One score per row, float64."""
        return in_calls(self._score, features, rows_per_call=_ROWS_PER_CALL)

    def score_one(self, features: Features) -> float:
        """The score of one row, shape (1, k)."""
        return float(self._score(features)[0])

    def _score(self, features: Features) -> Scores:
        return mean_surprise(self._run([OUTPUT], {"features": features})[0], self._tables)


def mean_surprise(unlikeliness: NDArray[np.float32], tables: tuple[NDArray[np.float64], ...]) -> Scores:
    """The surprise of each row, shape (n,), over mixtures; `unlikeliness` has the shape (n, mixtures)."""
    total = np.zeros(len(unlikeliness), dtype=np.float64)
    for place, table in enumerate(tables):
        total += surprise(unlikeliness[:, place].astype(np.float64), table)
    return total / len(tables)


def tables_of(parts: Parts, *, where: str) -> tuple[NDArray[np.float64], ...]:
    """The tables of stored parts, in order. Raises BundleError where there is none."""
    names = sorted(name for name in parts.arrays if name.startswith("surprise_"))
    if not names:
        raise BundleError("the bundle has no table of surprises", where=where, mend="Train the version again.")
    return tuple(parts.arrays[name] for name in names)


ESTIMATOR: Final = Novelty()
