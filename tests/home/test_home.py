import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from telltale.contract.errors import (
    BundleError,
    ConflictError,
    GateError,
    NotEnoughDataError,
    NotFoundError,
    OverlapError,
    SchemaError,
)
from telltale.contract.simulation import Simulation
from telltale.contract.verdict import Target
from telltale.home import Home, open_home
from telltale.models.runtimes import scoring
from telltale.registry.versions import Version
from telltale.train.fitted import TrainingChoices

WriteCsv = Callable[..., Path]
LoadRows = Callable[..., dict[str, list[float]]]
TASK = "helios/anomaly"
QUICK = TrainingChoices(estimator="robust_z")


@pytest.fixture
def trained(home: Home, write_csv: WriteCsv, load_rows: LoadRows) -> Version:
    return home.train(TASK, data=write_csv("train.csv", load_rows(1_000)), choices=QUICK).version


def promote(home: Home, reference: str = "latest", *, override: bool = False) -> Version:
    return home.promote(TASK, reference, actor="tester", reason="a test", override=override)


def test_evaluate_refuses_rows_that_were_trained_on(
    home: Home, trained: Version, write_csv: WriteCsv, load_rows: LoadRows
) -> None:
    with pytest.raises(OverlapError, match="788 of 1000 rows"):
        home.evaluate(TASK, data=write_csv("same.csv", load_rows(1_000)))


def test_evaluate_judges_later_rows_and_says_of_what(
    home: Home, trained: Version, write_csv: WriteCsv, load_rows: LoadRows
) -> None:
    path = write_csv("later.csv", load_rows(800, seed=1), start_day=10)

    evaluation, runtime = home.evaluate(TASK, data=path)

    assert evaluation.judged.verdict.outcome == "pass"
    assert (evaluation.reference, evaluation.data_kind) == ("helios/anomaly@1", "file")
    assert evaluation.answers.height == 800
    assert runtime.columns == ("load",)


def test_evaluate_needs_the_columns_the_version_was_trained_on(
    home: Home, trained: Version, write_csv: WriteCsv
) -> None:
    with pytest.raises(SchemaError, match="load"):
        home.evaluate(TASK, data=write_csv("other.csv", {"heat": [1.0] * 100}))
    with pytest.raises(NotFoundError, match="--data"):
        home.evaluate(TASK)


def test_evaluate_on_no_usable_row_says_so(home: Home, trained: Version, write_csv: WriteCsv) -> None:
    with pytest.raises(NotEnoughDataError, match="telltale validate"):
        home.evaluate(TASK, data=write_csv("bad.csv", {"load": ["x"] * 10}))


def test_a_version_evaluates_alike_from_the_registry_and_from_its_directory(
    home: Home, trained: Version, tmp_path: Path, write_csv: WriteCsv, load_rows: LoadRows
) -> None:
    path = write_csv("later.csv", load_rows(300, seed=1), start_day=10)
    copy = tmp_path / "copy"
    shutil.copytree(trained.path, copy)

    registered, directory = home.evaluate(TASK, data=path)[0], home.evaluate(TASK, reference=str(copy), data=path)[0]

    assert directory.answers.equals(registered.answers)
    assert directory.judged.verdict == registered.judged.verdict


def test_simulated_rows_to_judge_by_are_none_that_were_trained_on(home: Home) -> None:
    home.train(TASK, simulation=Simulation(days=4.0, seed=3), choices=QUICK)

    for seed in (0, 3):
        evaluation, _ = home.evaluate(TASK, days=1.0, seed=seed)
        assert evaluation.data_kind == "simulated"
        assert evaluation.frame.height == 288


def test_a_version_that_failed_its_gate_is_promoted_only_by_override(
    tmp_path: Path, write_csv: WriteCsv, load_rows: LoadRows
) -> None:
    with open_home(tmp_path / "home") as home:
        app = home.apps["helios"]
        impossible = replace(app.tasks[0], targets=(Target(metric="precision", op=">=", limit=1.5),))
        strict = Home(home.folder, {"helios": replace(app, tasks=(impossible,))})
        version = strict.train(TASK, data=write_csv("train.csv", load_rows(1_000)), choices=QUICK).version
        assert version.outcome == "fail"

        with pytest.raises(GateError):
            promote(strict)
        assert strict.registry.champion("helios", "anomaly") is None
        promote(strict, override=True)

        champion = strict.registry.champion("helios", "anomaly")
        assert champion is not None
        assert champion.number == 1


@pytest.mark.parametrize("fault", ["changed", "missing"])
def test_a_broken_bundle_is_not_promoted_and_the_champion_stays(
    home: Home, trained: Version, write_csv: WriteCsv, load_rows: LoadRows, fault: str
) -> None:
    promote(home)
    second = home.train(TASK, data=write_csv("second.csv", load_rows(1_000, seed=2)), choices=QUICK).version
    arrays = second.path / "arrays.safetensors"
    if fault == "changed":
        arrays.write_bytes(arrays.read_bytes()[:-1] + b"\x7f")
    else:
        arrays.unlink()

    with pytest.raises(BundleError, match=r"arrays\.safetensors"):
        promote(home, "2")

    champion = home.registry.champion("helios", "anomaly")
    assert champion is not None
    assert champion.number == 1
    assert home.load(TASK)[0] == "helios/anomaly@1"


def test_the_champion_answers_and_without_one_the_latest(
    home: Home, trained: Version, write_csv: WriteCsv, load_rows: LoadRows
) -> None:
    home.train(TASK, data=write_csv("second.csv", load_rows(1_000, seed=2)), choices=QUICK)

    assert home.load(TASK)[0] == "helios/anomaly@2"
    promote(home, "1")
    assert home.load(TASK)[0] == "helios/anomaly@1"
    assert home.load(TASK, "2")[0] == "helios/anomaly@2"
    assert scoring(home.load(TASK, "2", threshold=0.125)[1]).threshold == 0.125
    with pytest.raises(NotFoundError):
        home.load(TASK, "7")


def test_rollback_brings_the_champion_before_back(
    home: Home, trained: Version, write_csv: WriteCsv, load_rows: LoadRows
) -> None:
    home.train(TASK, data=write_csv("second.csv", load_rows(1_000, seed=2)), choices=QUICK)
    promote(home, "1")
    with pytest.raises(ConflictError):
        home.rollback(TASK, actor="tester", reason="nothing to go back to")
    promote(home, "2")

    assert home.rollback(TASK, actor="tester", reason="a test").number == 1


def test_the_bundle_of_another_task_is_refused_by_name(home: Home, trained: Version, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(trained.path, copy)
    manifest = copy / "manifest.json"
    manifest.write_text(manifest.read_text().replace('"app": "helios"', '"app": "eyenet"'))

    with pytest.raises(BundleError, match=r"eyenet/anomaly, not of helios/anomaly"):
        home.load(TASK, str(copy))


@pytest.mark.slow
def test_stored_events_are_trained_on_once_they_are_enough(
    home: Home, write_csv: WriteCsv, load_rows: LoadRows
) -> None:
    few = write_csv("few.csv", load_rows(499))
    assert home.ingest("helios/metrics", few)[1].n_stored == 499
    assert home.train(TASK, choices=QUICK).manifest.trained_on.kind == "simulated"

    more = home.ingest("helios/metrics", write_csv("more.csv", load_rows(700)))[1]
    assert (more.n_stored, more.n_already) == (201, 499)
    stored = home.train(TASK, choices=QUICK)

    assert stored.manifest.trained_on.kind == "store"
    assert stored.rows.columns == ("load",)
    assert home.train(TASK, choices=QUICK, simulation=Simulation(days=3.0)).manifest.trained_on.kind == "simulated"


def test_a_file_and_the_store_give_the_same_version(home: Home, write_csv: WriteCsv, load_rows: LoadRows) -> None:
    path = write_csv("rows.csv", load_rows(800))
    home.ingest("helios/metrics", path)

    stored, filed = home.train(TASK, choices=QUICK).manifest, home.train(TASK, data=path, choices=QUICK).manifest

    assert (stored.trained_on.kind, filed.trained_on.kind) == ("store", "file")
    assert stored.trained_on.sha256 == filed.trained_on.sha256
    assert (stored.plan, stored.threshold, stored.metrics) == (filed.plan, filed.threshold, filed.metrics)


def test_scores_of_a_file_are_those_the_version_answers_with(
    home: Home, trained: Version, write_csv: WriteCsv, load_rows: LoadRows
) -> None:
    name, runtime, checked = home.score(TASK, write_csv("later.csv", load_rows(50, seed=4), start_day=10))

    assert name == "helios/anomaly@1"
    assert checked.frame.height == 50
    assert scoring(runtime).score_frame(checked.frame).argmax() in {7, 27, 47}


def test_a_home_opens_where_the_settings_say(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TELLTALE_HOME", "elsewhere")

    with open_home():
        assert (tmp_path / "elsewhere" / "state.db").is_file()
