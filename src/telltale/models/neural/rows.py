"""Rows for a network: labelled ones alone, some kept for validation, standardised by the others."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from telltale.contract.errors import NotEnoughDataError
from telltale.contract.estimator import Features, Groups

# A standardised value further out than this says no more; without a bound one wild value would decide alone.
REACH: Final = 10.0
_LEAST_OF_EACH: Final = 10
# Validation rows are every fifth of so many runs of consecutive rows, so that they are few strangers' or moments' whole.
_RUNS: Final = 20
_EVERY: Final = 5

Labels = NDArray[np.float32]  # shape (n,), 0 or 1


@dataclass(frozen=True, kw_only=True)
class Scaler:
    """What a network sees of a feature: `clip((x - centre) * scale)`; `scale` is 0 where it never moved in training.

    Both have one value per column of a row; a sequence's rows share them.
    """

    centre: Features
    scale: Features

    def apply(self, features: Features) -> Features:
        """Standardised features, by the arithmetic of the stored graph."""
        n_columns = len(self.centre)
        rows = features.reshape(len(features), -1, n_columns)
        scaled = np.clip((rows - self.centre) * self.scale, -REACH, REACH)
        return np.ascontiguousarray(scaled.reshape(features.shape), dtype=np.float32)


@dataclass(frozen=True, kw_only=True)
class NeuralRows:
    """Standardised rows to fit on and to validate on, each with its labels, and how they were standardised."""

    scaler: Scaler
    features: Features
    labels: Labels
    validation_features: Features
    validation_labels: Labels


def neural_rows(
    features: Features,
    labels: NDArray[np.int8] | None,
    *,
    sequence: int,
    most_validation: int,
    where: str,
    groups: Groups | None = None,
) -> NeuralRows:
    """Split and standardise.

    Rows labelled -1 are left out. Of each class, in the order given (by entity and time), every fifth of twenty runs
    of consecutive rows validates: rows of one entity or one incident are mostly on one side, and both classes are on
    both. With groups, whole groups validate instead, about every fifth, so that the loss that chooses the epoch is one on
    strangers.

    Args:
        features: shape (n, sequence * k).
        labels: 0, 1 or -1.
        sequence: rows side by side in one line of the features.
        most_validation: validate on no more rows than these, evenly chosen; 0 for all.
        where: the estimator, for messages.
        groups: whose each row is, shape (n,), or None.

    Raises:
        NotEnoughDataError: a class has fewer than ten rows, or no choice of groups has both classes on both sides.
    """
    known = np.zeros(len(features), dtype=bool) if labels is None else labels >= 0
    truth = np.zeros(0, dtype=np.int8) if labels is None else labels[known]
    for value in (0, 1):
        n = int((truth == value).sum())
        if n < _LEAST_OF_EACH:
            raise NotEnoughDataError(
                f"{n} rows are labelled {value}",
                where=where,
                mend=f"It learns from labels: give at least {_LEAST_OF_EACH} rows of each, or use another estimator.",
            )
    rows = features[known]
    validates = _runs(truth) if groups is None else _whole_groups(truth, groups[known], where=where)
    kept = np.flatnonzero(validates)
    if 0 < most_validation < len(kept):
        kept = kept[np.linspace(0, len(kept) - 1, most_validation).astype(np.intp)]
    scaler = _fit_scaler(rows[~validates].reshape(-1, features.shape[1] // sequence))
    return NeuralRows(
        scaler=scaler,
        features=scaler.apply(rows[~validates]),
        labels=truth[~validates].astype(np.float32),
        validation_features=scaler.apply(rows[kept]),
        validation_labels=truth[kept].astype(np.float32),
    )


def _runs(truth: NDArray[np.int8]) -> NDArray[np.bool_]:
    validates = np.zeros(len(truth), dtype=bool)
    for value in (0, 1):
        places = np.flatnonzero(truth == value)
        run = np.arange(len(places)) * _RUNS // len(places)
        validates[places[run % _EVERY == _EVERY // 2]] = True
    return validates


def _whole_groups(truth: NDArray[np.int8], groups: Groups, *, where: str) -> NDArray[np.bool_]:
    """Every fifth group, in the order of their numbers, from the first start that leaves both classes on both sides."""
    place = np.unique(groups, return_inverse=True)[1]
    every = min(_EVERY, int(place.max()) + 1)
    for start in [(every // 2 + step) % every for step in range(every)]:
        validates: NDArray[np.bool_] = place % every == start
        if every > 1 and all(len(np.unique(truth[side])) == 2 for side in (validates, ~validates)):
            return validates
    raise NotEnoughDataError(
        f"rows of {int(place.max()) + 1} entities cannot be parted into those to learn from and those to validate on, "
        "with both labels on both sides",
        where=where,
        mend="Give rows of more entities, or use an estimator that does not validate while it learns.",
    )


def _fit_scaler(rows: Features) -> Scaler:
    values = rows.astype(np.float64)
    spread = values.std(axis=0)
    moves = np.ptp(values, axis=0) > 0
    scale = np.divide(1.0, spread, out=np.zeros_like(spread), where=moves & (spread > 0))
    return Scaler(centre=values.mean(axis=0).astype(np.float32), scale=scale.astype(np.float32))
