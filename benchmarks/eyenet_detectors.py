"""Ours by the product's own path, with each of its models, and plain methods on the metrics as they are measured."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from benchmarks.eyenet_cases import Scored, Trial
from telltale.apps.eyenet import ANOMALY, APP
from telltale.contract.estimator import Scores
from telltale.models.runtimes import score_runtime
from telltale.telemetry.frames import ENTITY, LABEL
from telltale.train.fitted import TrainingChoices
from telltale.train.version import TrainingRows, train_version

_DAY_S: Final = 86_400.0


@dataclass(frozen=True, kw_only=True)
class Fitted:
    """A fitted method: `score` takes checked rows, sorted by device and time; `threshold` cuts."""

    score: Callable[[pl.DataFrame], Scores]
    threshold: float


Method = Callable[[Trial], Fitted]


def product(trial: Trial, *, estimator: str = "", labelled: bool = True) -> Fitted:
    """What `telltale train eyenet/anomaly` gives, with its defaults or another of its models."""
    train = trial.rows.train if labelled else trial.rows.train.drop(LABEL)
    rows = TrainingRows(kind="simulated", train=train, held_out=train[:0], columns=trial.rows.columns)
    with TemporaryDirectory(prefix="telltale-bench-") as scratch:
        folder = Path(scratch) / "bundle"
        choices = TrainingChoices(estimator=estimator, seed=trial.seed)
        train_version(APP, ANOMALY, rows, choices, directory=folder, progress=lambda _what, _done, _of: None)
        runtime = score_runtime(folder)
    return Fitted(score=runtime.score_frame, threshold=runtime.threshold)


def z_score(trial: Trial) -> Fitted:
    """The furthest metric, in standard deviations from its mean over the rows of that device; cut by the product's rule.

    A device that is not in the training rows is measured by the mean and deviation of all its rows that are scored: more than
    ours is given, which sees the last half hour.
    """
    columns = trial.rows.columns
    train = trial.rows.train
    normal = train.filter(pl.col(LABEL) == 0)
    known = {str(name): _moments(_values(rows, columns)) for (name,), rows in normal.group_by(ENTITY)}

    def score(frame: pl.DataFrame) -> Scores:
        scores = np.empty(frame.height)
        for (name,), rows in frame.with_row_index("@at").group_by(ENTITY, maintain_order=True):
            values = _values(rows, columns)
            mean, spread = known.get(str(name)) or _moments(values)
            scores[rows["@at"].to_numpy()] = (np.abs(values - mean) / spread).max(axis=1)
        return scores

    return Fitted(score=score, threshold=_cut(train, score(train)))


def plain_forest(trial: Trial) -> Fitted:
    """scikit-learn's isolation forest with its defaults on the metrics, standardised by device, and the hour's cosine and sine."""
    from sklearn.ensemble import IsolationForest

    columns = trial.rows.columns
    train = trial.rows.train
    normal = train.filter(pl.col(LABEL) == 0)
    known = {str(name): _moments(_values(rows, columns)) for (name,), rows in normal.group_by(ENTITY)}

    def features(frame: pl.DataFrame) -> NDArray[np.float64]:
        made = np.empty((frame.height, len(columns) + 2))
        for (name,), rows in frame.with_row_index("@at").group_by(ENTITY, maintain_order=True):
            values = _values(rows, columns)
            mean, spread = known.get(str(name)) or _moments(values)
            made[rows["@at"].to_numpy(), : len(columns)] = (values - mean) / spread
        angle = frame["@time"].dt.epoch("us").to_numpy() / 1e6 % _DAY_S * (2 * np.pi / _DAY_S)
        made[:, -2], made[:, -1] = np.cos(angle), np.sin(angle)
        return made

    forest = IsolationForest(random_state=trial.seed).fit(features(normal))

    def score(frame: pl.DataFrame) -> Scores:
        return np.asarray(-forest.score_samples(features(frame)), dtype=np.float64)

    return Fitted(score=score, threshold=_cut(train, score(train)))


def _values(rows: pl.DataFrame, columns: tuple[str, ...]) -> NDArray[np.float64]:
    """The metrics; a ping without an answer takes the value of the one before."""
    return rows.select(pl.col(columns).forward_fill().backward_fill().fill_null(0.0)).to_numpy().astype(np.float64)


def _moments(values: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    return values.mean(axis=0), np.maximum(values.std(axis=0), 1e-9)


def _cut(frame: pl.DataFrame, scores: Scores) -> float:
    """The product's rule, on the rows that were fitted on: the lowest cut with one false alarm a device and week."""
    return Scored(frame=frame).cut_at_one(scores)


OURS: Final = "telltale"
METHODS: Final[Mapping[str, Method]] = {
    OURS: product,
    "z_score": z_score,
    "isolation_forest": partial(product, estimator="isolation_forest"),
    "lstm": partial(product, estimator="lstm"),
    "plain_forest": plain_forest,
}
VARIANTS: Final[Mapping[str, Method]] = {
    "telltale_without_labels": partial(product, labelled=False),
    "window_residual": partial(product, estimator="window_residual"),
}
