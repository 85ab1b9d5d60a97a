"""Logistic regression in NumPy: two classes by a sigmoid, more by a softmax."""

from typing import Final, Literal

import msgspec
import numpy as np
from numpy.typing import ArrayLike, NDArray

from telltale.contract.errors import NotEnoughDataError, UsageError
from telltale.contract.estimator import Floats

Penalty = Literal["l1", "l2", "none"]
Labels = NDArray[np.int64]

_WHERE: Final = "logistic regression"
# Costs this close to the last ones, relative to 1 + cost, so many times in a row, are called settled.
_SETTLED: Final = 1e-8
_PATIENCE: Final = 5


class LogisticModel(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """A fitted model of m columns of weights: one for two classes, one per class for more.

    Args:
        classes: the labels, ascending.
        mean, scale: of the features in training, shape (k,); `scale` is 1 where a feature never moved.
        weights: of the normalised features, shape (k, m).
        intercept: shape (m,); no penalty is on it.
        costs: mean log loss plus penalty, before the first step and after each.
        settled: whether it stopped before its last iteration because the cost no longer fell.
    """

    classes: Labels
    mean: Floats
    scale: Floats
    weights: Floats
    intercept: Floats
    costs: tuple[float, ...]
    settled: bool


def sigmoid(x: ArrayLike) -> Floats:
    """`1 / (1 + exp(-x))` without overflow: the exponential is only ever of what is not positive.

    >>> sigmoid(np.array([-1e308, 0.0, 1e308])).tolist()
    [0.0, 0.5, 1.0]
    """
    values = np.asarray(x, dtype=np.float64)
    small = np.exp(-np.abs(values))
    return np.asarray(np.where(values >= 0, 1.0, small) / (1.0 + small), dtype=np.float64)


def softmax(x: Floats) -> Floats:
    """Shares of each row, which add up to 1."""
    shifted = np.exp(x - x.max(axis=1, keepdims=True))
    return np.asarray(shifted / shifted.sum(axis=1, keepdims=True), dtype=np.float64)


def fit_logistic(
    features: ArrayLike,
    labels: ArrayLike,
    *,
    penalty: Penalty = "l2",
    lambda_reg: float | None = None,
    learning_rate: float | None = None,
    n_iterations: int = 1_000,
) -> LogisticModel:
    """Minimise the mean log loss, plus `lambda / 2 * sum(w^2)` ("l2") or `lambda * sum(|w|)` ("l1").

    Not for: classes that no line parts; give it features in which one does.

    Args:
        features: shape (n, k), finite; they are normalised here.
        labels: whole numbers, shape (n,), of at least two kinds.
        penalty: on the weights of normalised features.
        lambda_reg: its strength; None for `1 / n`, which is scikit-learn's `C = 1`.
        learning_rate: the step of plain gradient descent; None for accelerated steps of the length that the data allow.
        n_iterations: at most so many steps; fewer once the cost no longer falls.

    Raises:
        UsageError: a parameter makes no sense, or the learning rate is so high that the cost ran away.
        NotEnoughDataError: there are fewer than two classes.

    References:
        Beck & Teboulle, "A Fast Iterative Shrinkage-Thresholding Algorithm for Linear Inverse Problems", 2009.
        O'Donoghue & Candes, "Adaptive Restart for Accelerated Gradient Schemes", 2015.
    """
    rows = np.asarray(features, dtype=np.float64)
    classes, codes = np.unique(np.asarray(labels, dtype=np.int64), return_inverse=True)
    strength = (1.0 / max(len(rows), 1)) if lambda_reg is None else lambda_reg
    _check(strength=strength, learning_rate=learning_rate, n_iterations=n_iterations)
    if len(classes) < 2:
        raise NotEnoughDataError(
            f"the labels are all of one class, {classes.tolist()}", where=_WHERE, mend="Give rows of two or more."
        )
    mean, spread = rows.mean(axis=0), rows.std(axis=0)
    scale = np.where(spread > 0, spread, 1.0)
    n_columns = 1 if len(classes) == 2 else len(classes)
    targets = codes[:, None] == np.arange(len(classes))[-n_columns:]
    weights, costs, settled = _minimise(
        # The last column is the intercept's.
        np.column_stack([(rows - mean) / scale, np.ones(len(rows))]),
        targets.astype(np.float64),
        penalty=penalty,
        strength=0.0 if penalty == "none" else strength,
        learning_rate=learning_rate,
        n_iterations=n_iterations,
    )
    return LogisticModel(
        classes=classes,
        mean=mean,
        scale=scale,
        weights=weights[:-1],
        intercept=weights[-1],
        costs=tuple(costs),
        settled=settled,
    )


def class_probabilities(model: LogisticModel, features: ArrayLike) -> Floats:
    """The probability of each class, shape (n, classes), in the order of `model.classes`."""
    rows = (np.asarray(features, dtype=np.float64) - model.mean) / model.scale
    logits = rows @ model.weights + model.intercept
    if logits.shape[1] > 1:
        return softmax(logits)
    positive = sigmoid(logits)
    return np.hstack([1.0 - positive, positive])


def predict_classes(model: LogisticModel, features: ArrayLike) -> Labels:
    """The likeliest class of each row."""
    return np.asarray(model.classes[class_probabilities(model, features).argmax(axis=1)], dtype=np.int64)


def feature_importance(model: LogisticModel) -> Floats:
    """How much each feature weighs: the mean size of its normalised weights, as shares of 1 (0 where all are 0)."""
    size = np.abs(model.weights).mean(axis=1)
    return np.asarray(size / max(size.sum(), np.finfo(np.float64).tiny), dtype=np.float64)


def _minimise(
    rows: Floats,
    targets: Floats,
    *,
    penalty: Penalty,
    strength: float,
    learning_rate: float | None,
    n_iterations: int,
) -> tuple[Floats, list[float], bool]:
    """Proximal gradient steps from weights of 0, with momentum where no learning rate is given."""
    n = len(rows)
    penalised = np.ones((rows.shape[1], 1))
    penalised[-1] = 0.0
    ridge = strength * penalised if penalty == "l2" else 0.0 * penalised
    lasso = strength * penalised if penalty == "l1" else 0.0 * penalised
    step = 1.0 / (_curvature(rows, targets) + float(ridge.max())) if learning_rate is None else learning_rate
    at = np.zeros((rows.shape[1], targets.shape[1]))
    logits = np.zeros_like(targets)
    ahead, ahead_logits = at, logits
    expected, loss = _expectation(logits, targets)
    costs, still, momentum = [loss], 0, 1.0
    for _ in range(n_iterations):
        gradient = rows.T @ (expected - targets) / n + ridge * ahead
        moved = ahead - step * gradient
        moved = np.sign(moved) * np.maximum(np.abs(moved) - step * lasso, 0.0)
        moved_logits = rows @ moved
        _, loss = _expectation(moved_logits, targets)
        cost = loss + float((ridge * moved**2).sum()) / 2 + float((lasso * np.abs(moved)).sum())
        if not np.isfinite(cost) or (learning_rate is not None and cost > 10.0 + 10.0 * costs[0]):
            raise UsageError(
                f"the cost ran away, from {costs[0]:.3g} to {cost:.3g}",
                where="learning_rate",
                mend=f"Give less than {learning_rate}, or none.",
            )
        if learning_rate is None:
            if cost > costs[-1]:
                # The momentum carried past the bottom: begin again from the last point, without it.
                is_restart = momentum > 1.0
                momentum, ahead, ahead_logits = 1.0, at, logits
                expected, _ = _expectation(ahead_logits, targets)
                if is_restart:
                    continue
                return at, costs, True
            grown = (1.0 + np.sqrt(1.0 + 4.0 * momentum**2)) / 2.0
            carry = (momentum - 1.0) / grown
            momentum = float(grown)
            # Logits are linear in the weights, so those of the point ahead need no product of their own.
            ahead, ahead_logits = moved + carry * (moved - at), moved_logits + carry * (moved_logits - logits)
        else:
            ahead, ahead_logits = moved, moved_logits
        at, logits = moved, moved_logits
        still = still + 1 if costs[-1] - cost <= _SETTLED * (1.0 + abs(cost)) else 0
        costs.append(cost)
        if still >= _PATIENCE:
            return at, costs, True
        expected, _ = _expectation(ahead_logits, targets)
    return at, costs, False


def _expectation(logits: Floats, targets: Floats) -> tuple[Floats, float]:
    """What the model expects of each target, and the mean log loss."""
    n = len(logits)
    if logits.shape[1] == 1:
        loss = np.log1p(np.exp(-np.abs(logits))) + np.maximum(logits, 0.0) - logits * targets
        return sigmoid(logits), float(loss.sum()) / n
    highest = logits.max(axis=1, keepdims=True)
    shifted = np.exp(logits - highest)
    total = shifted.sum(axis=1, keepdims=True)
    loss = np.log(total[:, 0]) + highest[:, 0] - (logits * targets).sum(axis=1)
    return shifted / total, float(loss.sum()) / n


def _curvature(rows: Floats, targets: Floats) -> float:
    """An upper bound of the loss's second derivative: 1/4 of the largest eigenvalue, 1/2 for a softmax (Boehning 1992)."""
    largest = float(np.linalg.eigvalsh(rows.T @ rows / len(rows))[-1])
    return largest * (0.25 if targets.shape[1] == 1 else 0.5)


def _check(*, strength: float, learning_rate: float | None, n_iterations: int) -> None:
    if not (np.isfinite(strength) and strength >= 0):
        raise UsageError(f"{strength} is no strength", where="lambda_reg", mend="Give 0 or more.")
    if learning_rate is not None and not (np.isfinite(learning_rate) and learning_rate > 0):
        raise UsageError(f"{learning_rate} is no step", where="learning_rate", mend="Give more than 0, as in 0.01.")
    if n_iterations < 1:
        raise UsageError(f"{n_iterations} iterations are none", where="n_iterations", mend="Give 1 or more.")
