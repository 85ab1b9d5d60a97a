"""Our logistic regression and decision tree, in NumPy, beside scikit-learn's: the same answers, in how much time?

Ten sets that come with scikit-learn or that it makes. Each is split at random into three quarters to fit on and one to
score, both methods on the same rows, stratified by class; an accuracy is the mean over the splits, of which a small set
has more. Both are used with their defaults. Ours normalises features, so scikit-learn's logistic regression stands behind a `StandardScaler`; the row
`scikit_learn_unscaled` among the variants does without. Of equally good splits both trees take a random one, so each
accuracy of a tree is a mean over several seeds as well; `scikit_learn_other_seeds` shows how far scikit-learn's trees
are from themselves.

`accuracy_difference` is the worst over both models and ten sets of how far our accuracy is from scikit-learn's.
`time_ratio` is the time to fit a tree and a logistic regression on one made set of 10,000 rows and 20 columns, ours over
scikit-learn's: each the quickest of several rounds in which the methods take turns.
"""

import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.catalogue import Progress
from benchmarks.machine import describe_machine
from benchmarks.results import Cell, Result, Row, Table, as_document
from telltale.models import grown_tree, logistic_fit
from telltale.models.decision_tree_growth import grow_tree
from telltale.models.logistic_fit import fit_logistic

Matrix = NDArray[np.float64]
Labels = NDArray[np.int64]
Predict = Callable[[Matrix], Labels]
Fit = Callable[[Matrix, Labels, int], Predict]

LOGISTIC, TREE = "logistic_regression", "decision_tree"
_OURS, _THEIRS = "telltale", "scikit_learn"
_OTHER_SEEDS, _UNSCALED = "scikit_learn_other_seeds", "scikit_learn_unscaled"


@dataclass(frozen=True, kw_only=True)
class Size:
    """How much is measured.

    Args:
        n_rows: of a set, over all of its splits, about.
        most_splits: however small the set.
        n_tree_seeds: of each split.
        n_rounds: for the time.
    """

    n_rows: int
    most_splits: int
    n_tree_seeds: int
    n_rounds: int


def run(*, quick: bool, progress: Progress) -> dict[str, Any]:
    size = Size(n_rows=40_000, most_splits=50, n_tree_seeds=5, n_rounds=9)
    if quick:
        size = Size(n_rows=2_000, most_splits=20, n_tree_seeds=3, n_rounds=2)
    started = time.perf_counter()
    accuracies = {name: _accuracies(name, *rows, size, progress) for name, rows in data_sets().items()}
    progress("fitting 10,000 x 20 for the time")
    seconds = _fit_seconds(size.n_rounds)
    rows = [_row(name, accuracies, seconds) for name in (_OURS, _THEIRS)]
    rows[0] = Row(
        name=_OURS,
        ours=True,
        metrics=rows[0].metrics,
        by_case=rows[0].by_case,
        seconds=time.perf_counter() - started,
    )
    return as_document(
        Result(
            benchmark="hand",
            data="made by scikit-learn",
            cases=len(accuracies),
            rows=tuple(rows),
            variants=tuple(_row(name, accuracies, {}) for name in (_OTHER_SEEDS, _UNSCALED)),
            tables=tuple(_table(model, accuracies) for model in (LOGISTIC, TREE)),
            facts={
                "splits a set": f"{size.n_rows:,} / its rows, at most {size.most_splits}",
                "seeds a tree": str(size.n_tree_seeds),
                "rounds": str(size.n_rounds),
                **describe_machine("scikit-learn", "numpy"),
            },
            notes=_notes(rows[0]),
        )
    )


def data_sets() -> dict[str, tuple[Matrix, Labels]]:
    """The ten, by name; whatever is random has a fixed seed."""
    from sklearn import datasets

    made: dict[str, Any] = {
        "iris": datasets.load_iris(return_X_y=True),
        "wine": datasets.load_wine(return_X_y=True),
        "breast_cancer": datasets.load_breast_cancer(return_X_y=True),
        "digits": datasets.load_digits(return_X_y=True),
        "classification": datasets.make_classification(1_000, 20, random_state=0),
        "four_classes": datasets.make_classification(1_000, 20, n_informative=8, n_classes=4, random_state=1),
        "blobs": datasets.make_blobs(1_000, centers=5, cluster_std=3.0, random_state=0),
        "moons": datasets.make_moons(1_000, noise=0.3, random_state=0),
        "quantiles": datasets.make_gaussian_quantiles(n_samples=1_000, n_features=4, random_state=0),
        "hastie": datasets.make_hastie_10_2(2_000, random_state=0),
    }
    return {name: (np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.int64)) for name, (x, y) in made.items()}


def _our_logistic(features: Matrix, labels: Labels, _seed: int) -> Predict:
    model = fit_logistic(features, labels)
    return lambda rows: logistic_fit.predict_classes(model, rows)


def _our_tree(features: Matrix, labels: Labels, seed: int) -> Predict:
    tree = grow_tree(features, labels, seed=seed)
    return lambda rows: grown_tree.predict_classes(tree, rows)


def _their_logistic(features: Matrix, labels: Labels, _seed: int) -> Predict:
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    predict: Predict = make_pipeline(StandardScaler(), LogisticRegression()).fit(features, labels).predict
    return predict


def _unscaled_logistic(features: Matrix, labels: Labels, _seed: int) -> Predict:
    from sklearn.linear_model import LogisticRegression

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # without normalising, it says of three sets that it has not arrived
        predict: Predict = LogisticRegression().fit(features, labels).predict
    return predict


def _their_tree(features: Matrix, labels: Labels, seed: int) -> Predict:
    from sklearn.tree import DecisionTreeClassifier

    predict: Predict = DecisionTreeClassifier(random_state=seed).fit(features, labels).predict
    return predict


_METHODS: Mapping[str, Mapping[str, Fit]] = {
    _OURS: {LOGISTIC: _our_logistic, TREE: _our_tree},
    _THEIRS: {LOGISTIC: _their_logistic, TREE: _their_tree},
    _OTHER_SEEDS: {TREE: lambda features, labels, seed: _their_tree(features, labels, seed + 1_000)},
    _UNSCALED: {LOGISTIC: _unscaled_logistic},
}

# Method -> model -> mean accuracy on one set.
Accuracies = dict[str, dict[str, float]]


def _accuracies(name: str, features: Matrix, labels: Labels, size: Size, progress: Progress) -> Accuracies:
    from sklearn.model_selection import train_test_split

    progress(name)
    found: dict[str, dict[str, list[float]]] = {
        method: {model: [] for model in models} for method, models in _METHODS.items()
    }
    for split in range(min(size.most_splits, max(size.n_rows // len(labels), 1))):
        fit_on, score_on, known, truth = train_test_split(
            features, labels, test_size=0.25, random_state=split, stratify=labels
        )
        for method, models in _METHODS.items():
            for model, fit in models.items():
                for seed in range(size.n_tree_seeds if model == TREE else 1):
                    predict = fit(fit_on, known, split * size.n_tree_seeds + seed)
                    found[method][model].append(float((predict(score_on) == truth).mean()))
    return {
        method: {model: float(np.mean(values)) for model, values in models.items()} for method, models in found.items()
    }


def _fit_seconds(n_rounds: int) -> dict[str, dict[str, float]]:
    """The quickest of several fits, by method and model."""
    from sklearn.datasets import make_classification

    features, labels = make_classification(10_000, 20, random_state=0)
    took: dict[tuple[str, str], list[float]] = {}
    for _ in range(n_rounds):
        for method in (_OURS, _THEIRS):
            for model, fit in _METHODS[method].items():
                started = time.perf_counter()
                fit(features, labels, 0)
                took.setdefault((method, model), []).append(time.perf_counter() - started)
    return {method: {model: min(took[method, model]) for model in (LOGISTIC, TREE)} for method in (_OURS, _THEIRS)}


def _row(method: str, sets: Mapping[str, Accuracies], seconds: Mapping[str, Mapping[str, float]]) -> Row:
    by_case: dict[str, dict[str, float | None]] = {}
    for model in _METHODS[method]:
        worst = max(abs(found[method][model] - found[_THEIRS][model]) for found in sets.values())
        by_case[model] = {
            "accuracy_difference": worst,
            "accuracy": float(np.mean([found[method][model] for found in sets.values()])),
        }
        if seconds:
            by_case[model] |= {
                "time_ratio": seconds[method][model] / seconds[_THEIRS][model],
                "fit_ms": seconds[method][model] * 1e3,
            }
    differences = [figures["accuracy_difference"] or 0.0 for figures in by_case.values()]
    metrics: dict[str, float | None] = {"accuracy_difference": max(differences), "time_ratio": None}
    if seconds:
        metrics["time_ratio"] = sum(seconds[method].values()) / sum(seconds[_THEIRS].values())
    return Row(name=method, ours=method == _OURS, metrics=metrics, by_case=by_case)


def _table(model: str, sets: Mapping[str, Accuracies]) -> Table:
    methods = [method for method, models in _METHODS.items() if model in models]
    rows: Sequence[tuple[Cell, ...]] = [
        (name, *(round(found[method][model], 4) for method in methods)) for name, found in sets.items()
    ]
    return Table(title=f"Accuracy of {model} on held-out rows", columns=("set", *methods), rows=tuple(rows))


def _notes(ours: Row) -> tuple[str, ...]:
    difference, ratio = ours.metrics["accuracy_difference"], ours.metrics["time_ratio"]
    assert difference is not None
    assert ratio is not None
    return (
        f"The goals are a difference of at most 0.01 and a ratio of at most 5; here {difference:.4f} and {ratio:.2f}.",
        "A single split of a small set says little: one flower of iris is 0.026, and so far are two seeds of one tree.",
    )
