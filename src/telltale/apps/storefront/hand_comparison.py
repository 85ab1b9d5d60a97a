"""Our logistic regression and decision tree beside scikit-learn's, on the same rows."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from telltale.apps.storefront.hand_rows import MOST_DEPTH, Labels, Matrix
from telltale.contract.errors import NotEnoughDataError
from telltale.evaluate.ranking import auroc
from telltale.models import grown_tree, logistic_fit
from telltale.models.decision_tree_growth import grow_tree
from telltale.models.logistic_fit import fit_logistic


@dataclass(frozen=True)
class Fitted:
    """A model as it is asked: for the class of each row, and for the probability of each class in ascending order."""

    classes: Callable[[Matrix], Labels]
    probabilities: Callable[[Matrix], Matrix]


Fit = Callable[[Matrix, Labels, int], Fitted]


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """Shares of the rows judged on. Of two classes the higher label is the positive one; of more, means over classes."""

    accuracy: float
    precision: float
    recall: float
    f1: float


class Side(msgspec.Struct, frozen=True, kw_only=True):
    """One implementation.

    Args:
        metrics: its figures.
        auroc: how often its probability puts a row of the higher label above one of the other; of more classes the mean of each
            against the rest. None where the rows judged on have no two classes.
        seconds: that fitting took.
    """

    metrics: Figures
    auroc: float | None
    seconds: float


class ModelComparison(msgspec.Struct, frozen=True, kw_only=True):
    """Ours beside scikit-learn's.

    Args:
        manual, sklearn: both.
        agreement: the share of rows on which both say the same class, right or wrong.
        accuracy_ratio, time_ratio: ours over theirs, None where theirs is 0.
    """

    manual: Side
    sklearn: Side
    agreement: float
    accuracy_ratio: float | None
    time_ratio: float | None


class Compared(msgspec.Struct, frozen=True, kw_only=True):
    """Both models by both implementations, with their defaults, on the same rows.

    `judged_on` is "held-out rows", or "training rows" where there are too few of some class to hold any out.
    """

    n_train: int
    n_test: int
    judged_on: Literal["held-out rows", "training rows"]
    logistic_regression: ModelComparison
    decision_tree: ModelComparison


def compare(rows: Matrix, labels: Labels, *, test_size: float, seed: int) -> Compared:
    """Fit both models by both implementations and judge them.

    Raises:
        NotEnoughDataError: the labels are all of one class.
    """
    if len(np.unique(labels)) < 2:
        raise NotEnoughDataError("the labels are all of one class", where="labels", mend="Send rows of two or more.")
    train, test = split(labels, test_size, seed)
    judged = test if len(test) else train

    def both(ours: Fit, theirs: Fit) -> ModelComparison:
        (manual, said), (sklearn, they_said) = (
            _side(fit, rows[train], labels[train], rows[judged], labels[judged], seed) for fit in (ours, theirs)
        )
        return ModelComparison(
            manual=manual,
            sklearn=sklearn,
            agreement=float((said == they_said).mean()),
            accuracy_ratio=_ratio(manual.metrics.accuracy, sklearn.metrics.accuracy),
            time_ratio=_ratio(manual.seconds, sklearn.seconds),
        )

    for fit in (_their_logistic, _their_tree):  # what the library loads at first use would count as its training
        fit(np.array([[0.0], [1.0]]), np.array([0, 1]), 0)
    return Compared(
        n_train=len(train),
        n_test=len(test),
        judged_on="held-out rows" if len(test) else "training rows",
        logistic_regression=both(_our_logistic, _their_logistic),
        decision_tree=both(_our_tree, _their_tree),
    )


def figures(truth: Labels, predicted: Labels) -> Figures:
    """Accuracy, precision, recall and F1; a share of nothing is 0.

    >>> figures(np.array([0, 0, 1, 1]), np.array([0, 1, 1, 1]))
    Figures(accuracy=0.75, precision=0.6666666666666666, recall=1.0, f1=0.8)
    """
    classes = np.unique(np.concatenate([truth, predicted]))
    wanted = classes[-1:] if len(classes) <= 2 else classes
    each = []
    for label in wanted:
        hits = float(((truth == label) & (predicted == label)).sum())
        precision = hits / max(float((predicted == label).sum()), 1.0)
        recall = hits / max(float((truth == label).sum()), 1.0)
        each.append((precision, recall, 2 * precision * recall / max(precision + recall, 1e-300)))
    precision, recall, f1 = (float(value) for value in np.mean(each, axis=0))
    return Figures(accuracy=float((truth == predicted).mean()), precision=precision, recall=recall, f1=f1)


def mean_auroc(truth: Labels, probabilities: Matrix, classes: Labels) -> float | None:
    """The area under the ROC curve; of more than two classes the mean over each against the rest, of those that both occur.

    >>> mean_auroc(np.array([0, 1, 1]), np.array([[0.9, 0.1], [0.2, 0.8], [0.95, 0.05]]), np.array([0, 1]))
    0.5
    """
    columns = range(1, 2) if len(classes) == 2 else range(len(classes))
    found = [auroc((truth == classes[column]).astype(np.int64), probabilities[:, column]) for column in columns]
    defined = [value for value in found if np.isfinite(value)]
    return float(np.mean(defined)) if defined else None


def _our_logistic(rows: Matrix, labels: Labels, _seed: int) -> Fitted:
    model = fit_logistic(rows, labels)
    return Fitted(partial(logistic_fit.predict_classes, model), partial(logistic_fit.class_probabilities, model))


def _our_tree(rows: Matrix, labels: Labels, seed: int) -> Fitted:
    tree = grow_tree(rows, labels, max_depth=MOST_DEPTH, seed=seed)
    return Fitted(partial(grown_tree.predict_classes, tree), partial(grown_tree.class_shares, tree))


def _their_logistic(rows: Matrix, labels: Labels, _seed: int) -> Fitted:
    # Ours normalises features, so theirs does as well.
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1_000)).fit(rows, labels)
    return Fitted(model.predict, model.predict_proba)


def _their_tree(rows: Matrix, labels: Labels, seed: int) -> Fitted:
    from sklearn.tree import DecisionTreeClassifier

    model = DecisionTreeClassifier(max_depth=MOST_DEPTH, random_state=seed).fit(rows, labels)
    return Fitted(model.predict, model.predict_proba)


def split(labels: Labels, test_size: float, seed: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Places to fit on and to judge on, at random, of each class about that share; the second empty where none can be."""
    rng = np.random.default_rng(seed)
    test: list[int] = []
    for label in np.unique(labels):
        places = rng.permutation(np.flatnonzero(labels == label))
        n_test = round(len(places) * test_size)
        if not 0 < n_test < len(places):
            return np.arange(len(labels)), np.empty(0, dtype=np.int64)
        test += places[:n_test].tolist()
    held_out = np.sort(np.array(test, dtype=np.int64))
    return np.setdiff1d(np.arange(len(labels)), held_out), held_out


def _side(  # noqa: PLR0917
    fit: Fit, rows: Matrix, labels: Labels, asked: Matrix, truth: Labels, seed: int
) -> tuple[Side, Labels]:
    """One implementation, and the classes that it says."""
    began = time.perf_counter()
    model = fit(rows, labels, seed)
    seconds = time.perf_counter() - began
    said = np.asarray(model.classes(asked), dtype=np.int64)
    area = mean_auroc(truth, np.asarray(model.probabilities(asked), dtype=np.float64), np.unique(labels))
    return Side(metrics=figures(truth, said), auroc=area, seconds=round(seconds, 6)), said


def _ratio(ours: float, theirs: float) -> float | None:
    return ours / theirs if theirs else None
