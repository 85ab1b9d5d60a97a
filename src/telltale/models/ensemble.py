"""Ensemble: an isolation forest, a second opinion and, where rows are labelled, boosted trees, on one scale.

The scale is one of decimal logarithms: of how rare a score is among normal rows, and of the odds that labels give.
"""

from collections.abc import Mapping
from typing import Final, final

import numpy as np
from numpy.typing import NDArray

from telltale.contract.errors import BundleError, NotEnoughDataError
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
from telltale.models.boosted_trees import fuse
from telltale.models.graph_scorer import in_calls, never_alone, open_session
from telltale.models.isolation_forest import ESTIMATOR as FOREST
from telltale.models.joined_graphs import OUTPUT, join_graphs
from telltale.models.novelty import mean_surprise, tables_of
from telltale.models.outliers.known_kinds import fit_trees
from telltale.models.outliers.surprise import rarity, surprise, surprise_table
from telltale.models.window_residual import ESTIMATOR as RESIDUAL

MEMBERS: Final[tuple[Estimator, ...]] = (FOREST, RESIDUAL)
# Rows that follow one another are alike: what is left out, to see how rows score that a member was not fitted on, are runs
# of them, every fourth of so many. Where the second half of the rows is the first once more, seen as of strangers, a row and
# its twin are on one side.
_RUNS: Final = 16
_EVERY: Final = 4
_LEAST_ROWS: Final = 80
# Fewer rows labelled positive than this tell trees too little.
_LEAST_POSITIVES: Final = 30
# Of the whole, what trees say counts so much, the others share the rest: on a made-up network one kind of fault of which
# trees had not been shown, 0.59 to 0.63 of those faults were found by trees alone, 0.69 to 0.78 with 0.6.
_TREES_SHARE: Final = 0.7
_TREES: Final[Mapping[str, Parameter]] = {"max_iter": 150, "learning_rate": 0.1, "max_leaf_nodes": 31}
_TREES_HELD: Final[Mapping[str, Parameter]] = {"max_features": 0.3, "l2_regularization": 1.0}
# Fewer rows than this say little about where the tail of the normal rows is: beyond, it is drawn on as it went.
_LEAST_BEYOND: Final = 40.0
_TOGETHER: Final = "together"
_SHARE: Final = "trees_share"
# Rows of a call: between its nodes the graph holds some kilobytes for each.
_ROWS_PER_CALL: Final = 1_024
_LN_10: Final = float(np.log(10.0))


@final
class Ensemble:
    """Score without labels: 1 where a tenth of normal rows score higher, 3 for one in 1,000; with labels: between 0 and 1.

    The members (of the estimator "ensemble" a forest and a window residual) learn from rows not labelled positive; what one of them alone finds odd counts half of what both
    do. Where 30 rows or more are labelled positive, boosted trees learn from labels: 0.7 times the decimal logarithm of
    their odds and 0.3 times the mean surprise of the others, told as a share. What was seen before is found sooner,
    what was not is left to the others. Odds, not how rare they are among normal rows: the highest scores of those rest on a
    few troubles, and a threshold on such a scale did not hold from one fit to the next.

    Not for: rows of which a tenth or more are events and nothing is labelled: those are then what is normal.

    References:
        Kriegel, Kröger, Schubert & Zimek, "Interpreting and Unifying Outlier Scores", SDM 2011.
    """

    kind: Kind = "score"

    def __init__(
        self,
        name: str,
        members: tuple[Estimator, ...],
        *,
        grid: Mapping[str, tuple[Parameter, ...]],
        tells_rarity: bool = False,
    ) -> None:
        self.traits = Traits(is_costly=True, tells_rarity=tells_rarity)
        self.name = name
        self.members = members
        self.defaults: Mapping[str, Parameter] = {
            **{name: value for member in members for name, value in member.defaults.items()},
            **_TREES,
        }
        self.search_space: Mapping[str, Choice] = {
            name: choice for member in members for name, choice in member.search_space.items()
        }
        self.grid = grid

    def fit(
        self,
        features: Features,
        *,
        labels: NDArray[np.int8] | None,
        parameters: Parameters,
        seed: int,
        tell: Tell = silent,  # noqa: ARG002 - done before there is anything to tell
    ) -> Parts:
        """Fit each member on all rows, and once without some, which tell how rows score that a fit has not seen.

        Trees are fitted on the labelled rows alone.

        Raises:
            NotEnoughDataError: too few rows that are not labelled positive.
        """
        normal = np.arange(len(features)) if labels is None else np.flatnonzero(labels != 1)
        if len(normal) < _LEAST_ROWS:
            raise NotEnoughDataError(
                f"{len(normal)} normal rows", where=self.name, mend=f"Give at least {_LEAST_ROWS} that are normal."
            )
        is_left_out = np.arange(len(normal)) * _RUNS // len(normal) % _EVERY == 0
        fitted, rest = normal[~is_left_out], normal[is_left_out]
        graphs: dict[str, bytes] = {}
        tables: dict[str, NDArray[np.float64]] = {}
        of_rest: list[Scores] = []  # the surprise of each member over the rows left out
        for place, member in enumerate(self.members):
            own = {name: value for name, value in parameters.items() if name in member.defaults}
            trial, whole = (
                member.fit(features[rows], labels=None if labels is None else labels[rows], parameters=own, seed=seed)
                for rows in (fitted, normal)
            )
            assert whole.onnx is not None, f"{member.name} is no graph"
            graphs[member.name] = whole.onnx
            new = member.load(trial).score(features[rest])
            of_rest.append(surprise(new, surprise_table(new)))
            tables[f"surprise_{place}"] = _table_of_new_rows(
                new=new,
                known=member.load(trial).score(features[_some(fitted, len(rest))]),
                own=member.load(whole).score(features[_some(normal, len(rest))]),
            )
        # What both say together is far out less often than what each of them says.
        together = surprise_table(np.mean(of_rest, axis=0), least_beyond=_LEAST_BEYOND)
        arrays = {**tables, _TOGETHER: together}
        if labels is not None and int((labels == 1).sum()) >= _LEAST_POSITIVES and (labels == 0).sum() >= _LEAST_ROWS:
            own = {**_TREES_HELD, **{name: parameters[name] for name in _TREES}}
            known = labels >= 0
            graphs["trees"] = fuse(
                [fit_trees(features[known], labels[known], own, seed=seed)],
                n_features=features.shape[1],
            )
            arrays[_SHARE] = np.array([_TREES_SHARE])
        return Parts(onnx=join_graphs(graphs), arrays=arrays)

    def load(self, parts: Parts) -> "EnsembleScorer":
        """A scorer that needs ONNX Runtime and NumPy alone."""
        return EnsembleScorer(parts, where=self.name)


def _some(rows: NDArray[np.int64], n: int) -> NDArray[np.int64]:
    """So many of them, evenly chosen."""
    return rows[np.linspace(0, len(rows) - 1, min(n, len(rows))).astype(np.int64)]


def _table_of_new_rows(*, new: Scores, known: Scores, own: Scores) -> NDArray[np.float64]:
    """The table of scores that new normal rows will have: of own rows, each entry moved as far as new rows score otherwise.

    A table of what the trial fit says would not do: two forests differ by more than that.

    Args:
        new: of rows that the trial fit had no part of, shape (n,).
        known: of rows that it was fitted on, shape (n,).
        own: of rows that the fit on all rows was fitted on, shape (n,): what differs from `known` does so for new rows too.
    """
    table = surprise_table(own) + surprise_table(new) - surprise_table(known)
    least = 1e-6 * max(1.0, abs(float(table[-2])))
    return np.append(np.maximum.accumulate(table[:-1]), max(float(table[-1]), least))


@final
class EnsembleScorer:
    """An ONNX session on one thread, and a table for each member; row-wise. Raises BundleError."""

    def __init__(self, parts: Parts, *, where: str) -> None:
        if parts.onnx is None:
            raise BundleError("the bundle has no model.onnx", where=where, mend="Train the version again.")
        self._tables = tables_of(parts, where=where)
        if _TOGETHER not in parts.arrays:
            raise BundleError(
                "the bundle has no table of members together", where=where, mend="Train the version again."
            )
        self._share: float | None = float(parts.arrays[_SHARE][0]) if _SHARE in parts.arrays else None
        self._together = parts.arrays[_TOGETHER]
        self._run = open_session(parts.onnx, where=where).run

    def score(self, features: Features) -> Scores:
        """One score per row, float64."""
        return in_calls(self._score, features, rows_per_call=_ROWS_PER_CALL)

    def score_one(self, features: Features) -> float:
        """The score of one row, shape (1, k)."""
        return float(self._score(features)[0])

    def _score(self, features: Features) -> Scores:
        found = self._run([OUTPUT], {"features": never_alone(features)})[0][: len(features)]
        surprises = mean_surprise(found, self._tables)
        if self._share is None:
            return rarity(surprises, self._together)
        log_odds = self._share * found[:, -1].astype(np.float64) + (1.0 - self._share) * _LN_10 * surprises
        return np.asarray(1.0 / (1.0 + np.exp(-log_odds)), dtype=np.float64)


ESTIMATOR: Final = Ensemble("ensemble", MEMBERS, grid={"max_samples": (128, 256, 512), "explained": (0.8, 0.9, 0.95)})
