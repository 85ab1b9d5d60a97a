"""The reference that live rows are held against: which numbers, and scores by models that had not seen the row."""

from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from tests.monitor.drift.watched import COLUMNS, START, stream, train_alarm
from tests.serve.shop import APP as SHOP

from telltale.contract.simulation import Simulation
from telltale.features.summaries.stream import Reference, StreamSummary
from telltale.models.bundle import load_bundle
from telltale.models.runtimes import score_runtime
from telltale.monitor.drift.decide import compare
from telltale.train.drift_reference import SCORE, SCORE_ALONE, drift_reference
from telltale.train.fitted import LeftOut, TrainingChoices
from telltale.train.sources import check_simulated, rows_from_checked
from telltale.train.version import train_version


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train_alarm(tmp_path_factory.mktemp("alarm") / "bundle").directory


def reference_of(bundle: Path) -> Reference:
    reference = load_bundle(bundle).drift_reference()
    assert reference is not None
    return reference


def test_a_version_that_scores_knows_its_columns_and_both_scores(bundle: Path) -> None:
    reference = reference_of(bundle)

    assert reference.layout.names == (*COLUMNS, SCORE, SCORE_ALONE)
    # Three of the fourteen days were kept back: their scores alone are by this version and of rows new to it.
    assert [one.n for one in reference.summary.features] == [8_064, 8_064, 1_728, 1_728]
    assert all(sum(one.n_missing) == 0 for one in reference.summary.features)


def test_new_rows_score_as_the_reference_does_whether_sent_alone_or_stored(bundle: Path) -> None:
    reference, runtime = reference_of(bundle), score_runtime(bundle)
    drifted: list[str] = []
    for week in range(6):
        rows = stream(START + timedelta(weeks=3 + week), hours=48)
        whole, alone = runtime.score_frame(rows), runtime.score_frame(rows, alone=True)
        summed = StreamSummary(reference.layout)
        values = np.column_stack((rows.select(COLUMNS).to_numpy(), whole, alone))
        summed.add(values, times_s=rows["@time"].dt.epoch("us").to_numpy() / 1e6, entities=rows["@entity"].to_list())
        drifted += compare(reference, summed.take(), level=0.05).moved

    assert len(drifted) <= 1
    assert abs(float(np.median(whole)) - float(np.median(alone))) > 0.1  # taken for each other they would be a drift


def test_where_few_rows_were_kept_back_those_left_out_of_folds_have_scores_too(bundle: Path) -> None:
    runtime, rows = score_runtime(bundle), stream(START, hours=48)
    without_a_fold = np.where(np.arange(1_000) % 4 == 0, np.nan, 1.0)
    left_out = LeftOut(whole=without_a_fold, alone=without_a_fold)

    made = drift_reference(runtime, rows[:1_000], rows[1_000:], left_out=left_out)
    fitted = drift_reference(runtime, rows, rows.clear(), left_out=None)

    assert made is not None
    assert fitted is not None
    assert [one.n for one in made.summary.features] == [1_152, 1_152, 902, 902]
    assert [one.n for one in fitted.summary.features] == [1_152] * 4


@pytest.mark.parametrize(("kind", "names"), [("choose", ("logins", "orders")), ("rank", None), ("forecast", None)])
def test_other_kinds_have_their_columns_or_nothing(tmp_path: Path, kind: str, names: tuple[str, ...] | None) -> None:
    task = next(task for task in SHOP.tasks if task.kind == kind)
    rows = rows_from_checked("simulated", check_simulated(SHOP, task.event, Simulation()), task, where=task.name)

    train_version(SHOP, task, rows, TrainingChoices(), directory=tmp_path, progress=lambda *_: None)

    found = load_bundle(tmp_path).drift_reference()
    assert (None if found is None else found.layout.names) == names
