"""Ours by the product's own path, and plain methods on the same features."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from benchmarks.intrusion_cases import Trial
from benchmarks.trained import trained_runtime
from telltale.apps.eyenet import APP
from telltale.apps.eyenet.flows import FLOW, FLOWS, derive_flow_plan
from telltale.contract.estimator import Scores
from telltale.features.frame import feature_matrix
from telltale.telemetry.frames import LABEL

Matrix = NDArray[np.float64]

# The app with flows alone.
_FLOWS_APP: Final = replace(APP, events=(FLOW,), tasks=(FLOWS,))
# One-class baselines flag what this share of normal training rows stays below.
_NORMAL_SHARE: Final = 0.95
_MOST_FITTED: Final = 20_000


@dataclass(frozen=True, kw_only=True)
class Fitted:
    """A fitted method: `score` takes the checked rows of a trial's test; `threshold` cuts."""

    score: Callable[[pl.DataFrame], Scores]
    threshold: float


def ours(trial: Trial) -> Fitted:
    """What `telltale train eyenet/flows` gives with its defaults, from labelled rows."""
    return _trained(trial.train, trial.columns)


def ours_one_class(trial: Trial) -> Fitted:
    """The same from normal rows, nothing labelled: the task then takes the first estimator that needs no labels."""
    return _trained(trial.train.filter(pl.col(LABEL) == 0).drop(LABEL), trial.columns)


def _trained(frame: pl.DataFrame, columns: tuple[str, ...]) -> Fitted:
    runtime = trained_runtime(_FLOWS_APP, FLOWS, frame, columns)
    return Fitted(score=runtime.score_frame, threshold=runtime.threshold)


@dataclass(frozen=True)
class Classifier:
    """A scikit-learn classifier on the product's features; cut at one half."""

    make: Callable[[], Any]

    def __call__(self, trial: Trial) -> Fitted:
        """Fit on all training rows."""
        plan = derive_flow_plan(trial.train, trial.columns)
        matrix = feature_matrix(plan, trial.train)
        model = self.make().fit(matrix, trial.train[LABEL].to_numpy())
        return Fitted(score=lambda rows: model.predict_proba(feature_matrix(plan, rows))[:, 1], threshold=0.5)


@dataclass(frozen=True)
class OneClass:
    """A detector of normal rows, standardised on them; `fit` takes them and gives a function that scores."""

    fit: Callable[[Matrix], Callable[[Matrix], Scores]]

    def __call__(self, trial: Trial) -> Fitted:
        """Fit on normal training rows."""
        normal = trial.train.filter(pl.col(LABEL) == 0)
        plan = derive_flow_plan(normal, trial.columns)
        matrix = feature_matrix(plan, normal).astype(np.float64)
        middle, spread = matrix.mean(axis=0), matrix.std(axis=0)
        spread = np.where(spread > 0, spread, 1.0)
        score = self.fit((matrix - middle) / spread)
        threshold = float(np.quantile(score((matrix - middle) / spread), _NORMAL_SHARE))
        return Fitted(score=lambda rows: score((feature_matrix(plan, rows) - middle) / spread), threshold=threshold)


def _random_forest() -> Any:
    from sklearn.ensemble import RandomForestClassifier

    return RandomForestClassifier(n_estimators=100, random_state=0)


def _gradient_boosting() -> Any:
    from sklearn.ensemble import HistGradientBoostingClassifier

    return HistGradientBoostingClassifier(random_state=0)


def _logistic() -> Any:
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    return make_pipeline(StandardScaler(), LogisticRegression(max_iter=300, tol=1e-3))


def _isolation_forest(normal: Matrix) -> Callable[[Matrix], Scores]:
    from sklearn.ensemble import IsolationForest

    forest = IsolationForest(random_state=0).fit(normal)
    return lambda rows: -np.asarray(forest.score_samples(rows), dtype=np.float64)


def _pca_error(normal: Matrix) -> Callable[[Matrix], Scores]:
    """Squared distance from the plane of the components that hold 90 % of the variance."""
    values, vectors = np.linalg.eigh(np.cov(normal[:_MOST_FITTED].T))
    held = np.cumsum(values[::-1]) / values.sum()
    kept = vectors[:, ::-1][:, : int(np.searchsorted(held, 0.9)) + 1]
    return lambda rows: np.asarray(((rows - rows @ kept @ kept.T) ** 2).sum(axis=1), dtype=np.float64)


def _l2_of_scores(_normal: Matrix) -> Callable[[Matrix], Scores]:
    return lambda rows: np.asarray((rows**2).sum(axis=1), dtype=np.float64)


CLASSIFIERS: Mapping[str, Callable[[Trial], Fitted]] = {
    "random_forest": Classifier(_random_forest),
    "gradient_boosting": Classifier(_gradient_boosting),
    "logistic": Classifier(_logistic),
}
ONE_CLASS: Mapping[str, Callable[[Trial], Fitted]] = {
    "isolation_forest": OneClass(_isolation_forest),
    "pca_error": OneClass(_pca_error),
    "l2_of_scores": OneClass(_l2_of_scores),
}
