"""What is told from labels: boosted trees, and what they say of kinds of event that they were not shown."""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from telltale.contract.estimator import Features, Parameters

Floats = NDArray[np.float64]

_MOST_PER_CLASS: Final = 12_000
_KNOWN_SHARE: Final = 0.25
_TRIAL_ROUNDS: Final = 80
# Kinds are left out in so many groups, and trees fitted without each.
_GROUPS: Final = 5


@dataclass(frozen=True, kw_only=True)
class Trials:
    """What trees that had not seen them say of rows, from several fits one after the other.

    Args:
        logit: of each row asked, shape (n,).
        surprise: of each, shape (n,).
        kind: 0 for a normal row, 1 for a known kind of event, and a number from 2 on for each kind that was left out; shape (n,).
        share: the weight of each row: half for normal ones, half for events, of that half for kinds left out; shape (n,).
    """

    logit: Floats
    surprise: Floats
    kind: NDArray[np.int64]
    share: Floats


def fit_trees(
    features: Features, labels: NDArray[np.int8], parameters: Parameters, *, seed: int, rounds: int = 0
) -> Any:
    """scikit-learn's boosted trees on one thread; `rounds` in place of the parameter where it is given."""
    from sklearn.ensemble import HistGradientBoostingClassifier
    from threadpoolctl import threadpool_limits

    model = HistGradientBoostingClassifier(
        max_iter=rounds or int(parameters["max_iter"]),
        learning_rate=float(parameters["learning_rate"]) * (3.0 if rounds else 1.0),
        max_leaf_nodes=int(parameters["max_leaf_nodes"]),
        max_features=float(parameters["max_features"]),
        l2_regularization=float(parameters["l2_regularization"]),
        early_stopping=False,
        random_state=seed,
    )
    with threadpool_limits(1):
        return model.fit(features, labels)


def try_without_kinds(
    features: Features,
    labels: NDArray[np.int8],
    surprise: Floats,
    held_out: NDArray[np.int64],
    parameters: Parameters,
    *,
    seed: int,
) -> Trials:
    """Fit trees without some kinds of event in turn, and ask them about those, about known kinds, and about normal rows.

    Positive rows are cut into clusters, which stand in for kinds: what is said of one left out is what will be said of a
    kind that nobody has seen. Every kind counts alike, however many rows it has.

    Args:
        features: of all labelled rows, shape (n, k).
        labels: of them, shape (n,).
        surprise: of them, shape (n,).
        held_out: normal rows that no mixture was fitted on; the trees here are not either.
        parameters: of the estimator.
        seed: for clusters, draws and trees.
    """
    rng = np.random.default_rng(seed)
    is_held = np.zeros(len(labels), dtype=bool)
    is_held[held_out] = True
    normal = _some(rng, np.flatnonzero((labels == 0) & ~is_held))
    positive = _some(rng, np.flatnonzero(labels == 1))
    kind = _clusters(features[positive], surprise[positive], int(parameters["n_kinds"]), seed=seed)
    is_trial = rng.random(len(positive)) < _KNOWN_SHARE
    group = rng.permutation(int(parameters["n_kinds"]))[kind] % _GROUPS
    rounds = min(_TRIAL_ROUNDS, int(parameters["max_iter"]))
    logits, rows_asked, kinds, shares = [], [], [], []
    for number in np.unique(group):
        is_new = group == number
        learnt = positive[~is_new & ~is_trial]
        if not len(learnt):
            continue
        rows = np.concatenate([normal, learnt])
        trees = fit_trees(features[rows], labels[rows], parameters, seed=seed, rounds=rounds)
        new = np.unique(kind[is_new])
        asked = [(0, held_out, 1.0), (1, positive[~is_new & is_trial], 0.5)]
        asked += [(2 + int(one), positive[kind == one], 0.5 / len(new)) for one in new]
        for what, chosen, share in asked:
            if len(chosen):
                logits.append(np.asarray(trees.decision_function(features[chosen]), dtype=np.float64))
                rows_asked.append(chosen)
                kinds.append(np.full(len(chosen), what))
                shares.append(np.full(len(chosen), share / len(chosen)))
    if not logits:
        nothing = np.empty(0)
        return Trials(logit=nothing, surprise=nothing, kind=np.empty(0, dtype=np.int64), share=nothing)
    return Trials(
        logit=np.concatenate(logits),
        surprise=surprise[np.concatenate(rows_asked)],
        kind=np.concatenate(kinds).astype(np.int64),
        share=np.concatenate(shares),
    )


def _some(rng: np.random.Generator, rows: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.sort(rng.permutation(rows)[:_MOST_PER_CLASS])


def _clusters(features: Features, surprise: Floats, n_kinds: int, *, seed: int) -> NDArray[np.int64]:
    """A number for each row's kind."""
    from sklearn.cluster import KMeans
    from threadpoolctl import threadpool_limits

    values = np.column_stack([features, surprise]).astype(np.float64)
    spread = values.std(axis=0)
    scaled = np.clip((values - values.mean(axis=0)) / np.where(spread > 0, spread, 1.0), -3.0, 3.0)
    n = min(n_kinds, max(len(np.unique(scaled, axis=0)), 1))
    with threadpool_limits(1):
        found = KMeans(n_clusters=n, n_init=2, random_state=seed).fit_predict(scaled)
    return np.asarray(found, dtype=np.int64)
