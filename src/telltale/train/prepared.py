"""Rows turned into features once, for any number of fits: on all of them, and on folds without each part."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from telltale.contract.app import Task
from telltale.contract.errors import NotEnoughDataError
from telltale.contract.estimator import (
    Estimator,
    Features,
    Groups,
    Parameters,
    Parts,
    Scorer,
    Scores,
    Tell,
    ValidatingEstimator,
    silent,
)
from telltale.contract.plan import Plan
from telltale.contract.split import ByEntity, Split
from telltale.features.frame import feature_matrix
from telltale.telemetry.frames import ENTITY, LABEL
from telltale.train.fitted import LeftOut, Progress
from telltale.train.split import N_FOLDS, folds

_NOT_LABELLED = np.int8(-1)
# Before an entity's name: no name that a row is stored under begins with it.
_STRANGER = "\0"


@dataclass(frozen=True, kw_only=True)
class Fold:
    """One fold's features under a plan fitted on the other folds."""

    fitted_on: NDArray[np.bool_]
    plan: Plan
    features: Features
    strangers: Features | None = None


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """Training rows turned into features: once on all rows, and once per fold without it.

    Plans do not depend on an estimator's parameters, so tuning prepares once and fits many times. `folds` has all four,
    or for a costly estimator one, or none where no threshold is to be set. `groups` says whose each row is, where the task
    keeps entities apart. `strangers` are the features of the same rows as those of entities that nobody has seen, where the
    plan knows what to say of such: a model is fitted on both.
    """

    plan: Plan
    features: Features
    labels: NDArray[np.int8] | None
    folds: tuple[Fold, ...]
    rows_per_day: float
    groups: Groups | None = None
    strangers: Features | None = None


def groups_of(frame: pl.DataFrame, split: Split) -> Groups | None:
    """Whose each row is, where the task keeps entities apart and rows say whose they are; else None."""
    if not isinstance(split, ByEntity) or frame[ENTITY].n_unique() < 2:
        return None
    return np.unique(frame[ENTITY].to_numpy(), return_inverse=True)[1].astype(np.int64)


def labels_of(frame: pl.DataFrame) -> NDArray[np.int8] | None:
    """Labels as 0, 1 and -1 for unknown; None where no row is labelled."""
    if LABEL not in frame.columns or frame[LABEL].null_count() == frame.height:
        return None
    return frame[LABEL].fill_null(int(_NOT_LABELLED)).to_numpy().astype(np.int8)


def plan_and_features(
    task: Task, frame: pl.DataFrame, columns: tuple[str, ...], *, sequence: int = 1
) -> tuple[Plan, Features]:
    """A plan fitted on all rows, and their features. Raises NotEnoughDataError where one is not finite."""
    assert task.derive_plan is not None, f"{task.name} has no features"
    plan = task.derive_plan(frame, columns, sequence=sequence)
    features = feature_matrix(plan, frame)
    if not np.isfinite(features).all():
        raise NotEnoughDataError(
            "some features are not finite", where="train", mend="Look for values beyond 1e30 or constant columns."
        )
    return plan, features


def prepare(
    task: Task,
    frame: pl.DataFrame,
    columns: tuple[str, ...],
    *,
    progress: Progress,
    sequence: int = 1,
    n_folds: int = N_FOLDS,
) -> Prepared:
    """Fit plans and make features. Raises NotEnoughDataError where normal rows are too few."""
    assert task.derive_plan is not None, f"{task.name} has no features"
    fold = folds(frame, task.split)
    made = []
    for number in range(n_folds):
        progress("features", number, n_folds + 1)
        fitted_on = fold != number
        plan = task.derive_plan(frame.filter(pl.Series(fitted_on)), columns, sequence=sequence)
        features, strangers = feature_matrix(plan, frame), features_of_strangers(plan, frame)
        made.append(Fold(fitted_on=fitted_on, plan=plan, features=features, strangers=strangers))
    progress("features", n_folds, n_folds + 1)
    plan, features = plan_and_features(task, frame, columns, sequence=sequence)
    rows_per_day = 86_400.0 / plan.interval_s if plan.interval_s else 1_440.0
    progress("features", n_folds + 1, n_folds + 1)
    return Prepared(
        plan=plan,
        features=features,
        labels=labels_of(frame),
        folds=tuple(made),
        rows_per_day=rows_per_day,
        groups=groups_of(frame, task.split),
        strangers=features_of_strangers(plan, frame),
    )


def features_of_strangers(plan: Plan, frame: pl.DataFrame) -> Features | None:
    """The features of rows as if their entities had not been seen before, where the plan knows what to say of such."""
    if not plan.knows_strangers:
        return None
    return feature_matrix(plan, frame.with_columns(pl.concat_str(pl.lit(_STRANGER), pl.col(ENTITY)).alias(ENTITY)))


def fit_on(
    estimator: Estimator,
    of: Prepared | Fold,
    prepared: Prepared,
    parameters: Parameters,
    *,
    seed: int,
    tell: Tell = silent,
    rows: NDArray[np.bool_] | None = None,
) -> Parts:
    """Fit on features of the prepared rows, all or some; what validates while it learns keeps entities apart there too."""
    chosen = np.ones(len(of.features), dtype=bool) if rows is None else rows
    features, copies = of.features[chosen], 1
    if of.strangers is not None:
        features, copies = np.concatenate([features, of.strangers[chosen]]), 2
    labels = None if prepared.labels is None else np.tile(prepared.labels[chosen], copies)
    if estimator.traits.validates and prepared.groups is not None:
        validating: ValidatingEstimator = estimator  # type: ignore[assignment]  # its traits say so
        groups = np.tile(prepared.groups[chosen], copies)
        return validating.fit(features, labels=labels, parameters=parameters, seed=seed, tell=tell, groups=groups)
    return estimator.fit(features, labels=labels, parameters=parameters, seed=seed, tell=tell)


def scores_without(
    estimator: Estimator, prepared: Prepared, fold: Fold, parameters: Parameters, *, seed: int
) -> Scores:
    """Scores of a fold's rows, in their order, by a plan and model fitted on the other folds."""
    parts = fit_on(estimator, fold, prepared, parameters, seed=seed, rows=fold.fitted_on)
    return estimator.load(parts).score(fold.features[~fold.fitted_on])


def left_out(
    estimator: Estimator,
    prepared: Prepared,
    frame: pl.DataFrame,
    parameters: Parameters,
    *,
    seed: int,
    tell: Tell = silent,
) -> LeftOut:
    """The same, and what each row would score without the rows before it; `frame` is what was prepared."""
    whole, alone = np.full(frame.height, np.nan), np.full(frame.height, np.nan)
    strangers = np.full(frame.height, np.nan)
    for fold, scorer in _without_folds(estimator, prepared, parameters, seed=seed, tell=tell):
        out = ~fold.fitted_on
        whole[out] = scorer.score(fold.features[out])
        if fold.strangers is not None:
            strangers[out] = scorer.score(fold.strangers[out])
        if fold.plan.reach:
            alone[out] = scorer.score(feature_matrix(fold.plan, frame.filter(pl.Series(out)), alone=True))
    return LeftOut(whole=whole, alone=alone, strangers=strangers if np.isfinite(strangers).any() else None)


def _without_folds(
    estimator: Estimator, prepared: Prepared, parameters: Parameters, *, seed: int, tell: Tell
) -> Iterator[tuple[Fold, Scorer]]:
    for fold in prepared.folds:
        parts = fit_on(estimator, fold, prepared, parameters, seed=seed, tell=tell, rows=fold.fitted_on)
        yield fold, estimator.load(parts)
