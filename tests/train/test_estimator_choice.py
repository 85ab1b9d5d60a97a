from collections.abc import Mapping
from dataclasses import replace

import polars as pl
import pytest

from telltale.apps.eyenet import APP
from telltale.apps.helios import ANOMALY
from telltale.apps.helios.schema import METRICS
from telltale.contract.errors import UsageError
from telltale.contract.estimator import Parameter, Traits
from telltale.models import estimators as known
from telltale.telemetry.frames import LABEL
from telltale.train.estimator_choice import choose_estimator, complete_parameters, obstacles
from telltale.train.fitted import TrainingChoices

TASK = replace(APP.tasks[0], estimators=("of_elsewhere", "decision_tree", "robust_z"), other_estimators=())
LABELLED = pl.DataFrame({LABEL: [0, 1, None]}, schema={LABEL: pl.Int8})
UNLABELLED = pl.DataFrame({LABEL: [None, None]}, schema={LABEL: pl.Int8})


class OfElsewhere:
    name = "of_elsewhere"
    kind = "score"
    traits = Traits(needs=("a_module_that_nobody_has",))
    defaults: Mapping[str, Parameter] = {}


@pytest.fixture(autouse=True)
def _one_more_estimator(monkeypatch: pytest.MonkeyPatch) -> None:
    everyone = {**known.estimators(), "of_elsewhere": OfElsewhere()}
    monkeypatch.setattr(known, "estimators", lambda: everyone)


DECLARED = tuple(column.name for column in METRICS.columns)


def test_the_first_that_can_be_trained_here_on_these_rows_is_taken_and_the_others_are_named() -> None:
    labelled = choose_estimator(TASK, TrainingChoices(), LABELLED, columns=(), declared=())
    unlabelled = choose_estimator(TASK, TrainingChoices(), UNLABELLED, columns=(), declared=())

    assert labelled.estimator.name == "decision_tree"
    assert labelled.passed_over == {"of_elsewhere": "needs a_module_that_nobody_has"}
    assert unlabelled.estimator.name == "robust_z"
    assert unlabelled.passed_over["decision_tree"] == "needs rows labelled 0 and rows labelled 1"


@pytest.mark.parametrize(
    ("name", "frame", "said"),
    [
        ("of_elsewhere", LABELLED, "a_module_that_nobody_has"),
        ("decision_tree", UNLABELLED, "Add the label column"),
        ("ease", LABELLED, "Known: decision_tree"),
    ],
)
def test_one_that_was_asked_for_and_cannot_be_used_is_refused(name: str, frame: pl.DataFrame, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        choose_estimator(TASK, TrainingChoices(estimator=name), frame, columns=(), declared=())


def test_where_none_can_be_trained_each_is_named_with_why() -> None:
    with pytest.raises(UsageError, match=r"of_elsewhere needs .*; decision_tree needs"):
        choose_estimator(
            replace(TASK, estimators=("of_elsewhere", "decision_tree")),
            TrainingChoices(),
            UNLABELLED,
            columns=(),
            declared=(),
        )


def test_what_is_not_installed_is_told_before_there_are_rows() -> None:
    assert obstacles(TASK) == {"of_elsewhere": "needs a_module_that_nobody_has"}


def test_a_parameter_that_the_model_does_not_have_is_refused() -> None:
    robust_z = known.estimator_named("robust_z")

    assert complete_parameters(robust_z, TrainingChoices(parameters={"floor": 0.1}))["floor"] == 0.1
    with pytest.raises(UsageError, match="Known: floor"):
        complete_parameters(robust_z, TrainingChoices(parameters={"epochs": 3}))


@pytest.mark.parametrize(
    ("columns", "chosen"),
    [(DECLARED, "isolation_forest"), (("value",), "series_stream"), (("a", "b"), "columns_stream")],
)
def test_rows_of_other_columns_have_other_defaults(columns: tuple[str, ...], chosen: str) -> None:
    found = choose_estimator(ANOMALY, TrainingChoices(), UNLABELLED, columns=columns, declared=DECLARED)

    assert found.estimator.name == chosen


def test_a_model_of_one_column_is_refused_for_two() -> None:
    with pytest.raises(UsageError, match="series_stream reads one column; there are 2"):
        choose_estimator(
            ANOMALY, TrainingChoices(estimator="series_stream"), UNLABELLED, columns=("a", "b"), declared=DECLARED
        )
