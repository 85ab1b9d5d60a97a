"""Entities that a task keeps apart stay apart wherever a model validates while it learns."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from telltale.apps.personhood import APP, AVERAGES
from telltale.apps.personhood.schema import FIVE
from telltale.contract.simulation import Simulation
from telltale.contract.split import ByEntity, LastShare
from telltale.models.estimators import estimator_named
from telltale.models.mlp import ESTIMATOR as MLP
from telltale.telemetry.frames import ENTITY
from telltale.train.prepared import Prepared, fit_on, groups_of, prepare, scores_without
from telltale.train.sources import check_simulated

PARAMETERS = {**MLP.defaults, "epochs": 2, "hidden": 8}


def silent(_what: str, _done: int, _of: int) -> None:
    pass


@pytest.fixture(scope="module")
def frame() -> pl.DataFrame:
    return check_simulated(APP, "averages", Simulation(n_rows=1_500, seed=4, start=APP.start)).frame


@pytest.fixture(scope="module")
def prepared(frame: pl.DataFrame) -> Prepared:
    return prepare(AVERAGES, frame, FIVE, progress=silent, n_folds=1)


def test_groups_say_whose_each_row_is_where_the_task_keeps_people_apart(frame: pl.DataFrame) -> None:
    groups = groups_of(frame, ByEntity())

    assert groups is not None
    told = pl.DataFrame({"who": frame[ENTITY], "group": groups}).unique()
    assert told.height == told["who"].n_unique() == told["group"].n_unique() == 250
    assert groups_of(frame, LastShare()) is None
    assert groups_of(frame.with_columns(pl.lit("").alias(ENTITY)), ByEntity()) is None


def test_a_fit_on_all_rows_validates_on_whole_people(prepared: Prepared) -> None:
    apart, mixed = (
        MLP.fit(prepared.features, labels=prepared.labels, parameters=PARAMETERS, seed=0, groups=groups).onnx
        for groups in (prepared.groups, None)
    )

    found = fit_on(MLP, prepared, prepared, PARAMETERS, seed=0).onnx

    assert found == apart
    assert found != mixed


def test_a_fold_validates_on_whole_people_among_those_it_is_fitted_on(prepared: Prepared) -> None:
    (fold,) = prepared.folds
    assert prepared.groups is not None
    assert prepared.labels is not None
    rows = fold.fitted_on
    parts = MLP.fit(
        fold.features[rows], labels=prepared.labels[rows], parameters=PARAMETERS, seed=0, groups=prepared.groups[rows]
    )

    scores = scores_without(MLP, prepared, fold, PARAMETERS, seed=0)

    assert np.array_equal(scores, MLP.load(parts).score(fold.features[~rows]))


def test_a_model_that_does_not_validate_is_fitted_as_ever(prepared: Prepared) -> None:
    plain = estimator_named("logistic_regression")
    ungrouped = replace(prepared, groups=None)

    first, second = (fit_on(plain, one, one, plain.defaults, seed=0) for one in (prepared, ungrouped))

    assert not plain.traits.validates
    assert {name: value.tolist() for name, value in first.arrays.items()} == {
        name: value.tolist() for name, value in second.arrays.items()
    }
