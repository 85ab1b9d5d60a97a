from typing import Any

import numpy as np
import pytest

from telltale.contract.errors import NotEnoughDataError, UsageError
from telltale.models.estimators import estimator_named

from .windows_made import Rows, swinging, windows_of

NAMES = ("patch_memory", "window_kmeans", "window_polynomial", "window_ensemble")
AT = 700


def fitted(name: str, rows: Rows | None = None, labels: Any = None) -> Any:
    estimator = estimator_named(name)
    windows = windows_of(swinging(seed=0) if rows is None else rows)
    parameters = {**estimator.defaults, "sequence": 32}
    return estimator.load(estimator.fit(windows, labels=labels, parameters=parameters, seed=0))


def changed(value: float, *, n: int) -> Rows:
    rows = swinging(1_000, seed=1)
    rows[AT : AT + n] += value
    return rows


@pytest.mark.parametrize("name", [*NAMES, "window_residual", "one_class_svm"])
def test_a_row_far_out_is_found_at_once_and_the_score_is_usual_again_soon_after(name: str) -> None:
    scorer = fitted(name)
    usual = np.quantile(scorer.score(windows_of(swinging(seed=2))), 0.999)

    scores = scorer.score(windows_of(changed(3.0, n=1)))

    assert scores[AT] > usual
    assert (scores[AT + 12 : AT + 40] < usual).all()


@pytest.mark.parametrize("name", ["patch_memory", "window_kmeans", "window_ensemble"])
def test_a_course_of_usual_values_that_stands_still_is_found(name: str) -> None:
    scorer = fitted(name)
    usual = np.quantile(scorer.score(windows_of(swinging(seed=2))), 0.99)
    rows = swinging(1_000, seed=1)
    rows[AT : AT + 40] = 10.0  # the middle of the swing

    scores = scorer.score(windows_of(rows))

    assert (scores[AT + 8 : AT + 40] > usual).mean() > 0.7


@pytest.mark.parametrize("name", NAMES)
def test_windows_labelled_positive_have_no_part_in_what_is_normal(name: str) -> None:
    rows = swinging(800, seed=0)
    labels = np.zeros(800, dtype=np.int8)
    labels[300:340] = 1
    windows, wild = windows_of(rows, sequence=8), windows_of(rows, sequence=8)
    wild[300:340] = 1e6
    estimator = estimator_named(name)
    parameters = {**estimator.defaults, "sequence": 8}

    one, other = (estimator.fit(rows, labels=labels, parameters=parameters, seed=0) for rows in (windows, wild))

    assert one.onnx == other.onnx


@pytest.mark.parametrize("name", NAMES)
def test_windows_too_short_and_too_few_are_refused(name: str) -> None:
    estimator = estimator_named(name)
    windows = windows_of(swinging(30, seed=0), sequence=8)

    with pytest.raises(UsageError, match="sequence"):
        estimator.fit(windows, labels=None, parameters={**estimator.defaults, "sequence": 3}, seed=0)
    with pytest.raises(NotEnoughDataError, match="at least"):
        estimator.fit(windows[:19], labels=None, parameters={**estimator.defaults, "sequence": 8}, seed=0)
