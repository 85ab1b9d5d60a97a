"""What another policy would have been worth, from a log of what was done with which probability, and what came of it."""

import msgspec
import numpy as np
from numpy.typing import NDArray

from telltale.contract.verdict import Measured
from telltale.evaluate.intervals import Z_95, undefined

Floats = NDArray[np.float64]

_RIDGE = 1.0  # rows' worth of doubt that an action, or the context, makes a difference


class Logged(msgspec.Struct, frozen=True, kw_only=True):
    """A log beside what a policy would have done in the same rows: n rows, m actions in all.

    Rows count as drawn independently of each other with the propensities told; the policy must not have been fitted on them.

    Args:
        actions: shape (n,), numbers of what was done.
        contexts: shape (n, k), NaN where not known.
        rewards: shape (n,), higher is better.
        propensities: shape (n,), above 0: the probability with which that was done.
        chances: shape (n, m), the probability with which the policy would do each; a line sums to 1.
    """

    actions: NDArray[np.int64]
    contexts: Floats
    rewards: Floats
    propensities: Floats
    chances: Floats

    @property
    def weights(self) -> Floats:
        """How much likelier the policy does what was done than the log did, shape (n,)."""
        return self.chances[np.arange(len(self.actions)), self.actions] / self.propensities


def off_policy_metrics(logged: Logged, *, most_weight: float | None = None) -> dict[str, Measured]:
    """What the policy is worth by each estimate, with 95 % intervals by the normal distribution.

    - `value_ips`: rewards weighted by the inverse propensity. Without bias where `overlap` is 1; widest.
    - `value_snips`: the same over the sum of the weights: a little bias, less spread.
    - `value_dr`: doubly robust: what a cross-fitted model of the reward expects of the policy, put right by the weighted
      errors of that model. Without bias where either the propensities or the model are right. The one to go by.
    - `value_logged`: what the log was worth. `gain_dr`: `value_dr` less that, paired by row.
    - `effective_n`: (sum of weights)² over the sum of their squares: so many rows of its own the policy has in the log.
    - `overlap`: the mean weight. 1 where the log could have done all that the policy would; less, by the share it could not.

    `n` of a value is the effective number of rows, rounded down: a gate that asks for twenty rows asks for twenty of those.

    Args:
        logged: the log.
        most_weight: greater weights are cut to this: less spread, and a bias towards 0 (IPS) or the model (DR). None: none is.

    References:
        Horvitz & Thompson, "A generalization of sampling without replacement from a finite universe", JASA 47 (1952).
        Swaminathan & Joachims, "The self-normalized estimator for counterfactual learning", NeurIPS 2015. Dudík, Langford &
        Li, "Doubly robust policy evaluation and learning", ICML 2011.
    """
    if not len(logged.rewards):
        names = ("value_ips", "value_snips", "value_dr", "value_logged", "gain_dr", "effective_n", "overlap")
        return dict.fromkeys(names, undefined())
    weights, rewards = logged.weights, logged.rewards
    uncut = weights
    if most_weight is not None:
        weights = np.minimum(weights, most_weight)
    model = cross_fitted_rewards(logged)
    of_logged = model[np.arange(len(rewards)), logged.actions]
    by_row = (logged.chances * model).sum(axis=1) + weights * (rewards - of_logged)
    mean_weight = float(weights.mean())
    effective = float(weights.sum() ** 2 / np.square(weights).sum()) if mean_weight > 0 else 0.0
    n = int(effective)
    snips = float((weights * rewards).sum() / weights.sum()) if mean_weight > 0 else float("nan")
    return {
        "value_ips": _mean(weights * rewards, n=n),
        "value_snips": _around(snips, weights * (rewards - snips) / mean_weight, n=n) if n else undefined(),
        "value_dr": _mean(by_row, n=n),
        "value_logged": _mean(rewards, n=len(rewards)),
        "gain_dr": _mean(by_row - rewards, n=n),
        "effective_n": Measured(value=effective, low=effective, high=effective, n=len(rewards)),
        "overlap": _mean(uncut, n=len(rewards)),
    }


def cross_fitted_rewards(logged: Logged, *, n_folds: int = 5) -> Floats:
    """What each action is expected to be worth in each row, shape (n, m), by models that have not seen the row.

    A ridge regression on the context, the same for every action, and a level of each action, drawn towards that of all. Folds
    are runs of rows in turn, so that neighbours are told by each other.
    """
    n, m = logged.chances.shape
    contexts = _filled(logged.contexts)
    found = np.empty((n, m))
    folds = np.arange(n) % min(n_folds, max(n, 1))
    for fold in np.unique(folds):
        inside = folds != fold if n > 1 else folds == fold
        levels, slopes, middle = _fit(logged.actions[inside], contexts[inside], logged.rewards[inside], m)
        found[folds == fold] = middle + levels + (contexts[folds == fold] @ slopes)[:, None]
    return found


def _fit(actions: NDArray[np.int64], contexts: Floats, rewards: Floats, m: int) -> tuple[Floats, Floats, float]:
    """Level of each action, slopes of the context, and the middle: levels are solved for last, so that many cost little."""
    middle = float(rewards.mean())
    left = rewards - middle
    counts = np.bincount(actions, minlength=m) + _RIDGE
    sums = np.bincount(actions, weights=left, minlength=m)
    k = contexts.shape[1]
    cross = np.stack([np.bincount(actions, weights=contexts[:, column], minlength=m) for column in range(k)] or [sums])
    cross = cross[:k].T / counts[:, None]  # mean context of each action, drawn towards 0
    gram = contexts.T @ contexts + _RIDGE * np.eye(k) - cross.T @ (counts[:, None] * cross)
    slopes: Floats = np.linalg.solve(gram, contexts.T @ left - cross.T @ sums).astype(np.float64)
    return sums / counts - cross @ slopes, slopes, middle


def _filled(contexts: Floats) -> Floats:
    """Standardised columns, 0 where not known; a column that is never known, or always the same, tells nothing."""
    known = np.isfinite(contexts)
    count = np.maximum(known.sum(axis=0), 1)
    values = np.where(known, contexts, 0.0)
    middle = values.sum(axis=0) / count
    spread = np.sqrt(np.where(known, np.square(values - middle), 0.0).sum(axis=0) / count)
    return np.where(known, (values - middle) / np.where(spread > 0, spread, 1.0), 0.0)


def _mean(values: Floats, *, n: int) -> Measured:
    return _around(float(values.mean()), values - values.mean(), n=n)


def _around(value: float, influence: Floats, *, n: int) -> Measured:
    """A value with the interval that the spread of its parts, which have mean 0, gives."""
    rows = len(influence)
    half = Z_95 * float(np.sqrt(np.square(influence).sum() / max(rows - 1, 1) / rows))
    return Measured(value=value, low=value - half, high=value + half, n=n)
