"""What parameters of a task that scores are tuned by: average precision over rows left out of each fit."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from telltale.contract.errors import UsageError
from telltale.contract.estimator import Estimator, Parameter, Scores
from telltale.evaluate.metrics import average_precision
from telltale.train.prepared import Prepared, scores_without


@dataclass(frozen=True, kw_only=True)
class ScoreFold:
    """Scores and labels of the labelled rows of a fold, shape (n,) each."""

    scores: Scores
    labels: NDArray[np.int8]


class ScoreObjective:
    """Average precision. Raises UsageError where rows of one label are missing."""

    def __init__(self, estimator: Estimator, prepared: Prepared) -> None:
        labels = prepared.labels
        if labels is None or not (labels == 1).any() or not (labels == 0).any():
            raise UsageError(
                "tuning needs rows labelled 0 and rows labelled 1",
                where="tune",
                mend="Add the label column to the data, or train without --tune and --grid-search.",
            )
        self._estimator, self._prepared, self._labels = estimator, prepared, labels
        self.n_folds = len(prepared.folds)

    def try_fold(self, parameters: Mapping[str, Parameter], fold: int, *, seed: int) -> ScoreFold:
        """Scores of the fold's labelled rows by a model that has not seen it."""
        left_out = self._prepared.folds[fold]
        scores = scores_without(self._estimator, self._prepared, left_out, parameters, seed=seed)
        labels = self._labels[~left_out.fitted_on]
        return ScoreFold(scores=scores[labels >= 0], labels=labels[labels >= 0])

    def worth(self, tried: Sequence[ScoreFold]) -> float:
        """Average precision of the folds together; 0 where none has a positive row."""
        labels, scores = _together(tried)
        return average_precision(labels, scores) if (labels == 1).any() else 0.0

    def gains(
        self, old: Sequence[ScoreFold], new: Sequence[ScoreFold], *, rng: np.random.Generator, n: int
    ) -> NDArray[np.float64]:
        """How much higher the new one's average precision is, on resampled rows that hold a positive one."""
        labels, before = _together(old)
        _, after = _together(new)
        found = []
        for _ in range(n):
            rows = rng.integers(0, len(labels), len(labels))
            if (labels[rows] == 1).any():
                drawn = labels[rows]
                found.append(average_precision(drawn, after[rows]) - average_precision(drawn, before[rows]))
        return np.array(found)


def _together(folds: Sequence[ScoreFold]) -> tuple[NDArray[np.int8], Scores]:
    return np.concatenate([fold.labels for fold in folds]), np.concatenate([fold.scores for fold in folds])
