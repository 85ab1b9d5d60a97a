from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from telltale.contract.errors import NotEnoughDataError, NotFoundError, SchemaError
from telltale.contract.plan import Plan
from telltale.contract.simulation import Simulation
from telltale.home import Home
from telltale.models.bundle import load_bundle
from telltale.models.runtimes import scoring
from telltale.retrain.training import TrainedVersion
from telltale.telemetry.export import write_frame
from telltale.train.fitted import TrainingChoices
from telltale.train.sources import simulated

WriteCsv = Callable[..., Path]
LoadRows = Callable[..., dict[str, list[float]]]
TASK = "helios/anomaly"
QUICK = TrainingChoices(estimator="robust_z")


def plan_of(trained: TrainedVersion) -> Plan:
    assert trained.manifest.plan is not None
    return trained.manifest.plan


def test_one_numeric_column_is_enough(home: Home, write_csv: WriteCsv, load_rows: LoadRows) -> None:
    file = write_csv("one.csv", load_rows(2_200))
    document = home.train(TASK, data=file, choices=TrainingChoices(estimator="isolation_forest")).as_document()
    assert document["columns"] == ["load"]
    assert (document["data_kind"], document["verdict"]) == ("file", "pass")
    assert document["n_train"] == 2_200 - 440 - 12
    assert scoring(home.load(TASK)[1]).answer_row((111.0,), 0.0).decision

    # By default it is followed: an event is alarmed of once, and what comes again and again becomes usual.
    metrics = home.train(TASK, data=file).as_document()["metrics"]
    assert isinstance(metrics, dict)
    (version,) = (one for one in home.registry.versions("helios", "anomaly") if one.number == 2)
    assert version.estimator == "series_stream"
    assert metrics["average_precision"] > 0.99
    assert metrics["false_positive_rate"] < 0.01
    assert scoring(home.load(TASK, "2")[1]).answer_row((140.0,), 4e9).decision


@pytest.mark.slow
def test_forty_numeric_columns_are_all_looked_at(home: Home, write_csv: WriteCsv) -> None:
    rng = np.random.default_rng(0)
    columns: dict[str, list[float | str]] = {f"metric_{i}": rng.normal(i, 1, 500).tolist() for i in range(40)}

    trained = home.train(TASK, data=write_csv("forty.csv", {**columns, "note": ["x"] * 500}), choices=QUICK)

    assert trained.rows.columns == tuple(columns)
    runtime = scoring(home.load(TASK)[1])
    still = rng.normal(range(40)).tolist()
    assert not runtime.answer_row(still, 0.0).decision
    for i in (0, 17, 39):
        moved = [*still[:i], i + 100.0, *still[i + 1 :]]
        answer = runtime.answer_row(moved, 0.0)
        assert answer.decision
        assert answer.reasons[0].metric == f"metric_{i}"


@pytest.mark.parametrize("suffix", ["csv", "ndjson", "parquet"])
def test_the_five_named_columns_give_the_twelve_features_from_any_format(
    home: Home, tmp_path: Path, suffix: str
) -> None:
    frame = simulated(home.apps["helios"], "metrics", Simulation(days=4.0))
    path = tmp_path / f"five.{suffix}"
    write_frame(frame.drop("anomaly"), path)

    trained = home.train(TASK, data=path, choices=QUICK)

    assert len(plan_of(trained).features) == 12
    assert trained.manifest.trained_on.n_positive == pytest.approx(0.05 * 0.8 * frame.height, rel=0.3)
    assert trained.manifest.verdict.n == round(0.2 * frame.height)


def test_rows_without_labels_are_all_trained_on_and_the_gate_has_no_evidence(
    home: Home, write_csv: WriteCsv, load_rows: LoadRows
) -> None:
    trained = home.train(TASK, data=write_csv("u.csv", load_rows(600, is_labelled=False)), choices=QUICK)

    assert trained.as_document()["verdict"] == "not_enough_evidence"
    assert trained.as_document()["threshold_from"] == "tail"
    assert (trained.rows.train.height, trained.rows.held_out.height) == (600, 0)


def test_rows_without_time_can_be_trained_on(home: Home, write_csv: WriteCsv, load_rows: LoadRows) -> None:
    trained = home.train(TASK, data=write_csv("t.csv", load_rows(600), time=None), choices=QUICK)

    assert plan_of(trained).interval_s == 0.0
    assert trained.manifest.trained_on.first == ""
    assert len(load_bundle(trained.version.path).trained_rows) == 0


def test_bad_rows_are_left_out_and_the_good_ones_of_the_file_go_on(home: Home, write_csv: WriteCsv) -> None:
    values: list[object] = np.random.default_rng(0).normal(size=600).tolist()
    values[10], values[20], values[30] = "", "NaN", "broken"

    trained = home.train(TASK, data=write_csv("bad.csv", {"load": values}), choices=QUICK)

    assert trained.rows.train.height == 597


def test_files_that_cannot_be_trained_on_say_why(home: Home, write_csv: WriteCsv, tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="no such file"):
        home.train(TASK, data=tmp_path / "nowhere.csv")
    with pytest.raises(SchemaError, match="no column holds numbers"):
        home.train(TASK, data=write_csv("text.csv", {"note": ["a"] * 200}))
    with pytest.raises(SchemaError, match="p99_latency_ms"):
        home.train(TASK, data=write_csv("some.csv", {"event_count": [1.0] * 200, "error_rate": [0.0] * 200}))
    with pytest.raises(NotEnoughDataError, match="telltale validate"):
        home.train(TASK, data=write_csv("out.csv", {name: [-1.0] * 200 for name in _five()}))
    with pytest.raises(NotEnoughDataError, match="3 rows"):
        home.train(TASK, data=write_csv("few.csv", {"load": [1.0, 2.0, 3.0]}))


def test_nothing_is_registered_where_training_fails(home: Home, write_csv: WriteCsv) -> None:
    with pytest.raises(NotEnoughDataError):
        home.train(TASK, data=write_csv("few.csv", {"load": [1.0, 2.0, 3.0]}))

    assert list(home.registry.versions("helios", "anomaly")) == []


def _five() -> list[str]:
    return ["event_count", "error_rate", "p50_latency_ms", "p95_latency_ms", "p99_latency_ms"]
