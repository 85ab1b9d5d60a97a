"""The methods compared: ours by the product's own path, scikit-learn's detectors on plain features.

Every method sets its threshold by the product's rule (`telltale.train.threshold`) from scores of training rows that the
scoring model had no part in: the same folds of days, the same labels, the same targets.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from benchmarks.helios_cases import Trial
from telltale.apps.helios import ANOMALY, APP
from telltale.apps.helios.features import derive_plan
from telltale.contract.estimator import Scores
from telltale.evaluate.metrics import average_precision
from telltale.features.frame import feature_matrix
from telltale.models.runtimes import score_runtime
from telltale.train.fitted import TrainingChoices
from telltale.train.prepared import labels_of
from telltale.train.rows import refuse_overlap
from telltale.train.split import folds
from telltale.train.threshold import threshold_from_labels, threshold_from_share, threshold_from_tail
from telltale.train.version import train_version

Matrix = NDArray[np.float64]
Setting = Mapping[str, Any]
_LEAST_POSITIVES = 10  # as the product: fewer labelled anomalies say too little about where to cut
_DAY_S = 86_400.0


@dataclass(frozen=True, kw_only=True)
class Fitted:
    """A fitted method: `score` takes checked rows; `threshold` cuts."""

    score: Callable[[pl.DataFrame], Scores]
    threshold: float


Method = Callable[[Trial], Fitted]


def product_method(choices: TrainingChoices, trial: Trial) -> Fitted:
    """What `telltale train` gives: plan, model and threshold, loaded back from the bundle."""
    seeded = TrainingChoices(estimator=choices.estimator, grid_search=choices.grid_search, seed=trial.seed)
    with TemporaryDirectory(prefix="telltale-bench-") as scratch:
        folder = Path(scratch) / "bundle"
        train_version(APP, ANOMALY, trial.rows, seeded, directory=folder, progress=lambda _what, _done, _of: None)
        runtime = score_runtime(folder)

    def score(frame: pl.DataFrame) -> Scores:
        refuse_overlap(frame, runtime.columns, runtime.bundle.trained_rows, where="benchmark")
        return runtime.score_frame(frame)

    return Fitted(score=score, threshold=runtime.threshold)


@dataclass(frozen=True, kw_only=True)
class PlainDetector:
    """A scikit-learn detector on the measured columns, standardised on the training rows.

    Args:
        make: an unfitted detector of a setting and a seed.
        settings: values tried for each parameter, by average precision over the left-out folds; the first of each is
            the default, taken where nothing is labelled. `rows` is tried as well: all, or all not labelled anomalous,
            as ours does.
        same_features: the product's twelve features in place of the plain ones.
        flagged_share: flag this share of the training rows in place of the product's rule.
    """

    make: Callable[[Setting, int], Any]
    settings: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    same_features: bool = False
    flagged_share: float | None = None

    def __call__(self, trial: Trial) -> Fitted:
        """Tune, fit and set the threshold on the trial's training rows."""
        frame, labels = trial.rows.train, labels_of(trial.rows.train)
        features = self._features_of(trial)
        rows = ("all", "not anomalous") if labels is not None else ("all",)
        tried = [
            dict(zip(("rows", *self.settings), values, strict=True))
            for values in product(rows, *self.settings.values())
        ]
        matrix, fold = features(frame), folds(frame, ANOMALY.split)
        left_out = [self._left_out(matrix, labels, fold, setting, trial.seed) for setting in tried]
        best = 0
        if labels is not None and (labels == 1).any() and (labels == 0).any():
            known = labels >= 0
            best = int(np.argmax([average_precision(labels[known], scores[known]) for scores in left_out]))
        final = self._fit(matrix, labels, tried[best], trial.seed)
        if self.flagged_share is not None:
            threshold = threshold_from_share(-final.score_samples(matrix), self.flagged_share)
        else:
            threshold = _threshold(frame, labels, left_out[best], seed=trial.seed)
        return Fitted(score=lambda rows: _score(final, features(rows)), threshold=threshold)

    def _features_of(self, trial: Trial) -> Callable[[pl.DataFrame], Matrix]:
        if self.same_features:
            plan = derive_plan(trial.rows.train, trial.rows.columns)
            raw: Callable[[pl.DataFrame], Matrix] = lambda rows: feature_matrix(plan, rows).astype(np.float64)  # noqa: E731
        else:
            raw = lambda rows: rows.select(trial.rows.columns).to_numpy().astype(np.float64)  # noqa: E731
        train = raw(trial.rows.train)
        middle, spread = train.mean(axis=0), np.where(train.std(axis=0) > 0, train.std(axis=0), 1.0)
        return lambda rows: (raw(rows) - middle) / spread

    def _left_out(
        self, matrix: Matrix, labels: NDArray[np.int8] | None, fold: NDArray[np.int64], setting: Setting, seed: int
    ) -> Scores:
        scores = np.empty(len(matrix))
        for number in np.unique(fold):
            out = fold == number
            own = None if labels is None else labels[~out]
            scores[out] = _score(self._fit(matrix[~out], own, setting, seed), matrix[out])
        return scores

    def _fit(self, matrix: Matrix, labels: NDArray[np.int8] | None, setting: Setting, seed: int) -> Any:
        rows = matrix if labels is None or setting["rows"] == "all" else matrix[labels != 1]
        return self.make(setting, seed).fit(rows)


def _score(detector: Any, matrix: Matrix) -> Scores:
    scores: Scores = -detector.score_samples(matrix)
    return scores


def _threshold(frame: pl.DataFrame, labels: NDArray[np.int8] | None, scores: Scores, *, seed: int) -> float:
    """The product's rule: from labels where there are enough, else from the tail and the alert budget."""
    if labels is not None and (labels == 1).sum() >= _LEAST_POSITIVES and (labels == 0).any():
        known = labels >= 0
        rng = np.random.default_rng(seed)
        return threshold_from_labels(labels[known], scores[known], ANOMALY.targets, rng=rng)
    interval_s = derive_plan(frame, tuple(frame.columns[-1:])).interval_s
    normal = scores if labels is None else scores[labels != 1]
    return threshold_from_tail(
        normal, false_alarms_per_day=ANOMALY.false_alarms_per_day, rows_per_day=_DAY_S / (interval_s or 60.0)
    )


def _isolation_forest(_setting: Setting, seed: int) -> Any:
    from sklearn.ensemble import IsolationForest

    return IsolationForest(random_state=seed)


def _one_class_svm(setting: Setting, _seed: int) -> Any:
    from sklearn.svm import OneClassSVM

    return OneClassSVM(nu=setting["nu"], gamma=setting["gamma"])


_SVM = {"nu": (0.05, 0.01, 0.02, 0.1, 0.2), "gamma": ("scale", 0.05, 1.0)}

METHODS: Mapping[str, Method] = {
    "telltale": partial(product_method, TrainingChoices()),
    "robust_z": partial(product_method, TrainingChoices(estimator="robust_z")),
    "isolation_forest": PlainDetector(make=_isolation_forest),
    "one_class_svm": PlainDetector(make=_one_class_svm, settings=_SVM),
}
VARIANTS: Mapping[str, Method] = {
    "isolation_forest_contamination_0.05": PlainDetector(make=_isolation_forest, flagged_share=0.05),
    "isolation_forest_same_features": PlainDetector(make=_isolation_forest, same_features=True),
    "one_class_svm_same_features": PlainDetector(make=_one_class_svm, settings=_SVM, same_features=True),
}
