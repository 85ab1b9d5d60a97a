"""How to decide at one bandwidth and number of reads: not at all, by one codec tried on a sample, or by the model.

A decision costs time, as a bad codec does. What each way is worth is judged on training rows: the model's costs are those that it
foretold of objects that it was fitted without.
"""

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from telltale.apps.pakit.schema import BLOCK_BYTES, TRIALS
from telltale.models.choice_tree import Fork, Leaf, grow_choice_tree, tree_choices
from telltale.models.choose_runtime import PricedRows

Floats = NDArray[np.float64]
Places = NDArray[np.int64]

# What LZ4 on a sample takes, and what all trials, plan and model take, in seconds on one core, about.
_TRIAL_S, _MODEL_S = 6e-6, 1.5e-4
# Of later runs of an object, so many are unlike those before, so that the model is asked again.
_UNLIKE_SHARE: Final = 0.2
# One decision for so many bytes of an object: one block of 64 KiB in sixteen.
RUN_BYTES: Final = 16 * BLOCK_BYTES
# A smaller block takes the codec that is usual for its size: there is too little to be won.
LEAST_BYTES: Final = 16_384
# Where LZ4 makes less than this of a sample, the whole costs too little for more to be asked.
VANISHING_RATIO: Final = 0.04
_MOST_SIZES: Final = 3
_N_FOLDS: Final = 4
_LEAVES: Final = (1, 2, 3, 4)
_LEAST_ROWS: Final = 8
# The usual codec is left where the model foretells that another costs less by more than this.
_MARGINS: Final = (0.0, 0.02, 0.05, 0.1)
# An object counts as at most so many rows: large ones must not drown the others.
_MOST_OF_OBJECT: Final = 16


@dataclass(frozen=True, kw_only=True)
class Way:
    """One way to decide, and what it is expected to be worth.

    Args:
        asks: LZ4 on a sample, or the model.
        by_ratio: the place of the codec by LZ4's ratio on a sample; of the model, nothing.
        margin: by how much another codec must be cheaper than the usual one, as foretold by the model.
        regret: on training rows of objects left out, deciding not counted.
        saved: regret that it is expected to save, deciding not counted.
        first_s, again_s: what the first decision for an object takes, and each later one.
    """

    asks: Literal["trial", "model"]
    by_ratio: Leaf | Fork
    margin: float
    regret: float
    saved: float
    first_s: float
    again_s: float

    def look_s(self, n_runs: int) -> float:
        """What deciding takes for an object of so many runs, in seconds."""
        return self.first_s + self.again_s * (n_runs - 1)


@dataclass(frozen=True, kw_only=True)
class Strategy:
    """What to do at some prices.

    Args:
        usual: the place of the codec of a block of which nothing is asked, by its size.
        vanishing: that of one of whose sample LZ4 leaves all but nothing: it costs so little that nothing more is asked.
        regret: of asking nothing.
        ways: to ask.
        regret_per_s: the regret that a second of deciding is, for each byte that it decides on.
    """

    usual: Leaf | Fork
    vanishing: int
    regret: float
    ways: tuple[Way, ...]
    regret_per_s: float

    def best_way(self, n_bytes: int, n_runs: int) -> Way | None:
        """The way that is expected to save most on an object of so many bytes and runs; None where none saves anything."""
        best, most = None, 0.0
        for way in self.ways if n_bytes >= LEAST_BYTES else ():
            net = way.saved - self.regret_per_s * way.look_s(n_runs) / n_bytes
            if net > most:
                best, most = way, net
        return best


@dataclass(frozen=True, kw_only=True)
class _Rows:
    """Training rows large enough to be looked at: by row, what it counts, its regrets, and what the model foretold."""

    sizes: Floats
    weights: Floats
    cheapest: Floats
    regrets: Floats
    foretold: Floats
    groups: Places
    tried: Floats  # LZ4's ratio on a sample; infinite where there is none

    @property
    def vanishes(self) -> NDArray[np.bool_]:
        """Whether LZ4 leaves all but nothing of the sample."""
        return self.tried < VANISHING_RATIO

    def regret_of(self, chosen: Places) -> float:
        return float((self.weights * self.regrets[np.arange(len(chosen)), chosen]).sum())


def best_strategy(sample: PricedRows, columns: tuple[str, ...]) -> Strategy:
    """What to do at the prices of a sample of training rows.

    Args:
        sample: at the prices that it is for.
        columns: those of its rows.
    """
    sizes = sample.rows[:, columns.index("block_size")]
    cheapest = sample.measured.min(axis=1)
    regrets = sample.measured / cheapest[:, None] - 1.0
    usual = _usual(sizes, regrets, _weights(sample.groups))
    large = np.flatnonzero(sizes >= LEAST_BYTES) if (sizes >= LEAST_BYTES).any() else np.arange(len(sizes))
    tried = sample.rows[large, columns.index(TRIALS[0])] if TRIALS[0] in columns else np.full(len(large), np.inf)
    rows = _Rows(
        sizes=sizes[large],
        weights=_weights(sample.groups[large]),
        cheapest=cheapest[large],
        regrets=regrets[large],
        foretold=sample.foretold[large],
        groups=sample.groups[large],
        tried=np.nan_to_num(tried, nan=np.inf),
    )
    unasked = tree_choices(usual, rows.sizes[:, None])
    vanishing = _vanishing(rows, unasked)
    return Strategy(
        usual=usual,
        vanishing=vanishing,
        regret=rows.regret_of(unasked),
        ways=(_trial_way(rows, unasked, vanishing), _model_way(rows, unasked, vanishing)),
        regret_per_s=float((rows.weights * rows.sizes / rows.cheapest)[~rows.vanishes].sum()),
    )


def with_margin(costs: Floats, usual: Places, margin: float) -> Places:
    """The cheapest choice where it is cheaper than the usual one by more than the margin, else the usual one."""
    is_worth_it = costs.min(axis=1) * (1.0 + margin) < costs[np.arange(len(costs)), usual]
    return np.where(is_worth_it, costs.argmin(axis=1), usual)


def _usual(sizes: Floats, regrets: Floats, weights: Floats) -> Leaf | Fork:
    """The codec of a block of which only the size is known: what a call takes weighs more on a small one."""
    weighed = np.minimum(regrets, 1.0) * weights[:, None]
    return grow_choice_tree(sizes[:, None], weighed, most_leaves=_MOST_SIZES, least_rows=_LEAST_ROWS)


def _vanishing(rows: _Rows, unasked: Places) -> int:
    """The best codec for the blocks of which LZ4 leaves least, of a few at least."""
    if not np.isfinite(rows.tried).any():
        return int(unasked[0])
    n = max(int(rows.vanishes.sum()), _LEAST_ROWS)
    least = np.argsort(rows.tried, kind="stable")[:n]
    return int((rows.regrets * rows.weights[:, None])[least].sum(axis=0).argmin())


def _trial_way(rows: _Rows, unasked: Places, vanishing: int) -> Way:
    """The codec by LZ4's ratio on a sample: as few cuts as have the least regret on objects left out."""
    regrets = {}
    for leaves in _LEAVES:
        chosen = np.where(rows.vanishes, vanishing, _chosen_without(rows, leaves))
        regrets[leaves] = rows.regret_of(chosen)
    leaves = min(regrets, key=regrets.__getitem__)
    return Way(
        asks="trial",
        by_ratio=_grown(rows, ~rows.vanishes, leaves),
        margin=0.0,
        regret=regrets[leaves],
        saved=rows.regret_of(unasked) - regrets[leaves],
        first_s=_TRIAL_S,
        again_s=_TRIAL_S,
    )


def _model_way(rows: _Rows, unasked: Places, vanishing: int) -> Way:
    regrets = {}
    for margin in _MARGINS:
        chosen = np.where(rows.vanishes, vanishing, with_margin(rows.foretold, unasked, margin))
        regrets[margin] = rows.regret_of(chosen)
    margin = min(regrets, key=regrets.__getitem__)
    return Way(
        asks="model",
        by_ratio=Leaf(0),
        margin=margin,
        regret=regrets[margin],
        saved=rows.regret_of(unasked) - regrets[margin],
        first_s=_MODEL_S,
        again_s=_TRIAL_S + _UNLIKE_SHARE * _MODEL_S,
    )


def _weights(groups: Places) -> Floats:
    """What each row counts; they sum to 1."""
    counts = np.bincount(groups)[groups]
    weights = np.minimum(counts, _MOST_OF_OBJECT) / counts
    return np.asarray(weights / weights.sum())


def _grown(rows: _Rows, learned: NDArray[np.bool_], leaves: int) -> Leaf | Fork:
    weighed = (rows.regrets * rows.weights[:, None])[learned]
    return grow_choice_tree(rows.tried[learned, None], weighed, most_leaves=leaves, least_rows=2 * _LEAST_ROWS)


def _chosen_without(rows: _Rows, leaves: int) -> Places:
    """For each row the choice of cuts made without its fold's objects."""
    fold = np.unique(rows.groups, return_inverse=True)[1] % _N_FOLDS
    chosen = np.zeros(len(rows.sizes), dtype=np.int64)
    for number in range(_N_FOLDS):
        asked = fold == number
        if asked.any():
            chosen[asked] = tree_choices(_grown(rows, ~asked & ~rows.vanishes, leaves), rows.tried[asked, None])
    return chosen
