"""Every row is judged once, by a version that has not seen it or its like."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import polars as pl
import pytest
from tests.train import test_version as plain

from telltale.contract.errors import UsageError
from telltale.contract.split import ByEntity, LastOfEach
from telltale.train import cross_validation
from telltale.train.cross_validation import cross_validate
from telltale.train.fitted import TrainingChoices
from telltale.train.version import TrainingRows, train_version

CheckedFrame = Callable[..., pl.DataFrame]
N = 288 * 7


@pytest.fixture
def rows(made_rows: CheckedFrame) -> TrainingRows:
    return plain.split(made_rows(N, labels=plain.anomalous(N)), N - 288)


def validated(rows: TrainingRows, *, n_folds: int, **changes: Any) -> cross_validation.CrossValidated:
    task = replace(plain.TASK, **changes)
    return cross_validate(plain.APP, task, rows, TrainingChoices(), n_folds=n_folds, progress=plain.silent)


def test_each_row_is_left_out_once_and_figures_are_told_with_their_spread(
    rows: TrainingRows, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts: list[TrainingRows] = []

    def watched(app: Any, task: Any, part: TrainingRows, *args: Any, **options: Any) -> Any:
        parts.append(part)
        return train_version(app, task, part, *args, **options)

    monkeypatch.setattr(cross_validation, "train_version", watched)
    found = validated(rows, n_folds=5)

    times = pl.concat([part.held_out for part in parts])["@time"]
    assert times.n_unique() == times.len() == N == sum(found.n_rows)
    for part in parts:
        assert not set(part.train["@time"].dt.date()) & set(part.held_out["@time"].dt.date())
    recall = found.metrics["recall"]
    assert len(recall.values) == 5
    assert recall.mean == pytest.approx(sum(value or 0.0 for value in recall.values) / 5)
    assert recall.sd == pytest.approx(pl.Series(recall.values).std())


def test_entities_are_left_out_whole_where_the_task_keeps_them_apart(made_rows: CheckedFrame) -> None:
    names = [f"one-{i % 40}" for i in range(N)]
    frame = made_rows(N, labels=plain.anomalous(N), entities=names)

    found = validated(plain.split(frame, N - 100), n_folds=3, split=ByEntity())

    assert len(found.n_rows) == 3
    assert sum(found.n_rows) == N


@pytest.mark.parametrize("n_folds", [-1, 1, 21])
def test_a_number_of_parts_that_cannot_be_meant_is_refused(rows: TrainingRows, n_folds: int) -> None:
    with pytest.raises(UsageError, match="Ask for 2 to 20"):
        validated(rows, n_folds=n_folds)


def test_a_task_that_is_judged_on_what_comes_next_is_refused(rows: TrainingRows) -> None:
    with pytest.raises(UsageError, match="what its entities do next"):
        validated(rows, n_folds=4, split=LastOfEach(n_rows=1))
