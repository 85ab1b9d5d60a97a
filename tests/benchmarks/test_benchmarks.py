import json
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from benchmarks.catalogue import BENCHMARKS, Asked, run
from benchmarks.detectors import METHODS
from benchmarks.helios_cases import from_files, from_two_folders, simulated
from benchmarks.paired import compare
from benchmarks.report import write_report
from benchmarks.results import Averaging, Comparison, Figures, Result, Row, as_document, average, check

from telltale.apps.helios import APP
from telltale.contract.errors import NotEnoughDataError, NotFoundError, UsageError
from telltale.contract.simulation import Simulation
from telltale.telemetry.export import write_frame
from telltale.telemetry.frames import ENTITY, LABEL

HOW = Averaging(metrics=("recall", "false_positive_rate"), lower_is_better=frozenset({"false_positive_rate"}))


def row(name: str, *cases: tuple[float | None, float], ours: bool = False) -> Row:
    by_case: dict[str, Figures] = {
        str(place): {"recall": recall, "false_positive_rate": rate} for place, (recall, rate) in enumerate(cases)
    }
    return Row(name=name, ours=ours, metrics=average(by_case, HOW), by_case=by_case)


def result(*rows: Row) -> Result:
    return Result(benchmark="helios", data="simulated", cases=2, rows=rows)


def write_days(path: Path, *, seed: int, days: float = 2, later: float = 0, drop: tuple[str, ...] = ()) -> None:
    frame = APP.simulate("metrics", Simulation(days=days, seed=seed, start=APP.start + timedelta(days=later)))
    path.parent.mkdir(exist_ok=True)
    write_frame(frame.drop(drop), path)


def ignore(_what: str) -> None:
    pass


def command(*arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([sys.executable, "-m", "benchmarks", *arguments], capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("rows", "fault"),
    [
        ([row("a", (1, 0)), row("b", (1, 0))], "0 rows are ours"),
        ([row("a", (1, 0), ours=True), row("b", (1, 0), ours=True)], "2 rows are ours"),
        ([row("a", (1, 0), ours=True), row("a", (1, 0))], "two rows are called a"),
        ([row("a", (float("nan"), 0), ours=True)], "recall of a 0 is nan"),
    ],
)
def test_a_result_that_breaks_the_contract_is_refused(rows: list[Row], fault: str) -> None:
    with pytest.raises(ValueError, match=fault):
        as_document(result(*rows))


def test_a_document_comes_back_from_json_as_it_was() -> None:
    made = result(row("telltale", (1.0, 0.0), (None, 0.1), ours=True), row("other", (0.5, 0.1)))

    assert check(json.loads(json.dumps(as_document(made)))) == made


def test_a_case_without_a_figure_does_not_count_as_zero() -> None:
    found = row("a", (0.5, 0.0), (None, 0.2), (1.0, 0.1)).metrics

    assert found["recall"] == 0.75
    assert found["recall_min"] == 0.5
    assert found["false_positive_rate_max"] == 0.2


def test_the_best_baseline_is_the_lowest_where_lower_is_better() -> None:
    ours = row("telltale", (0.9, 0.02), (0.8, 0.02), ours=True)

    found = compare([ours, row("a", (0.7, 0.01), (0.6, 0.01)), row("b", (0.8, 0.05), (0.7, 0.05))], HOW)

    assert [(one.metric, one.baseline) for one in found] == [("recall", "b"), ("false_positive_rate", "a")]
    assert found[0].difference == pytest.approx(0.1)
    assert found[1].difference == pytest.approx(0.01)


def test_differences_are_paired_by_case() -> None:
    # The cases differ by far more than the methods do; paired, the interval is narrow.
    hard = np.linspace(0.1, 0.9, 10).tolist()
    ours = row("telltale", *((level + 0.05, 0.0) for level in hard), ours=True)

    found: Comparison = compare([ours, row("a", *((level, 0.0) for level in hard))], HOW)[0]

    assert 0.049 < found.low <= found.high < 0.051


def test_every_labelled_file_is_a_case_and_others_are_named(tmp_path: Path) -> None:
    write_days(tmp_path / "one.csv", seed=1)
    write_days(tmp_path / "two.parquet", seed=2)
    write_days(tmp_path / "unlabelled.ndjson", seed=3, drop=("is_anomaly",))
    (tmp_path / "notes.csv").write_text("who,what\na,b\n")
    told: list[str] = []

    trials = from_files(tmp_path, progress=told.append)

    assert [list(trial.cases) for trial in trials] == [["one.csv"], ["two.parquet"]]
    assert [word for word in ("unlabelled.ndjson", "notes.csv") if not any(word in line for line in told)] == []


def test_what_is_scored_is_not_what_is_fitted_on(tmp_path: Path) -> None:
    write_days(tmp_path / "one.csv", seed=1)
    for trial in [*from_files(tmp_path, progress=ignore), *simulated(seeds=[4], days=2, test_days=1)]:
        for frame in trial.cases.values():
            keys = [ENTITY, "@time"]
            assert frame.join(trial.rows.train, on=keys, how="inner").is_empty()


@pytest.mark.parametrize(("later", "entities"), [(0, ["one", "two"]), (2, [""])])
def test_files_of_the_same_moments_are_series_of_their_own(tmp_path: Path, later: int, entities: list[str]) -> None:
    write_days(tmp_path / "data" / "one.csv", seed=1)
    write_days(tmp_path / "data" / "two.csv", seed=2, later=later, drop=("is_anomaly",))
    write_days(tmp_path / "test" / "three.csv", seed=3, later=7)

    trial = from_two_folders(tmp_path / "data", tmp_path / "test", progress=ignore)[0]

    assert trial.rows.train[ENTITY].unique().sort().to_list() == entities
    assert trial.rows.train.height == 2 * 576
    assert trial.rows.train[LABEL].null_count() == 576
    assert list(trial.cases) == ["three.csv"]


def test_folders_with_nothing_to_score_are_refused(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="no such folder"):
        from_files(tmp_path / "absent", progress=ignore)
    with pytest.raises(NotFoundError, match="no file of the event"):
        from_files(tmp_path, progress=ignore)
    write_days(tmp_path / "one.csv", seed=1, drop=("is_anomaly",))
    with pytest.raises(NotEnoughDataError, match="no file has labels"):
        from_files(tmp_path, progress=ignore)


@pytest.mark.slow
@pytest.mark.parametrize("labelled", [True, False])
def test_two_folders_are_scored_with_every_method_with_and_without_labels(tmp_path: Path, *, labelled: bool) -> None:
    write_days(tmp_path / "data" / "one.csv", seed=1, days=3, drop=() if labelled else ("is_anomaly",))
    write_days(tmp_path / "test" / "two.csv", seed=2, later=7)

    document = run("helios", Asked(data=tmp_path / "data", test=tmp_path / "test", quick=True), progress=ignore)

    assert [found["name"] for found in document["rows"]] == list(METHODS)
    assert document["cases"] == 1
    assert all(found["by_case"]["two.csv"]["n"] == 576 for found in document["rows"])
    assert all(found["metrics"]["average_precision"] > 0.3 for found in document["rows"])


def test_an_option_that_a_benchmark_does_not_take_is_refused() -> None:
    with pytest.raises(UsageError, match="'--data' is not known"):
        run("latency", Asked(data=Path(), quick=True), progress=ignore)
    with pytest.raises(UsageError, match="--test without --data"):
        run("helios", Asked(test=Path(), quick=True), progress=ignore)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["helios", "latency"])
def test_a_quick_run_prints_one_json_object_that_keeps_the_contract(name: str) -> None:
    done = command(name, "--quick", "--json")

    assert done.returncode == 0, done.stderr
    document: dict[str, Any] = json.loads(done.stdout)
    found = check(document)
    assert (found.benchmark, found.rows[0].name, found.rows[0].ours) == (name, "telltale", True)
    assert len(found.rows) >= 3
    assert all(set(BENCHMARKS[name].shown) <= set(one.metrics) for one in found.rows)
    if name == "helios":
        ours, others = found.rows[0].metrics, [one.metrics for one in found.rows[1:]]
        assert all((ours["average_precision"] or 0) > (other["average_precision"] or 0) for other in others)
        assert {len(one.by_case) for one in found.rows} == {found.cases}
    else:
        assert all((one.metrics["difference"] or 0) < 1e-5 for one in found.rows)
        assert (found.rows[0].metrics["vs_sklearn"] or 0) > 20


def test_an_unknown_benchmark_is_refused_with_the_known_ones() -> None:
    done = command("nothing")

    assert done.returncode == 2
    assert "helios" in done.stderr


def test_the_page_has_every_figure_and_a_picture(tmp_path: Path) -> None:
    ours, other = row("telltale", (0.9, 0.02), (None, 0.02), ours=True), row("knn", (0.8, 0.05), (0.7, 0.05))
    made = Result(
        benchmark="helios",
        data="simulated",
        cases=2,
        rows=(ours, other),
        comparisons=compare([ours, other], HOW),
        facts={"processor": "a fast one", "seeds": "2"},
    )

    write_report(tmp_path / "benchmarks.md", [made], quick=True)

    page = (tmp_path / "benchmarks.md").read_text()
    assert "| telltale (ours) | 0.9 | 0.02 ±0 |" in page.replace("**", "")
    assert "| knn | 0.75 ±0.07071 | 0.05 ±0 |" in page
    assert "a fast one" in page
    assert "quote none of them" in page
    assert (tmp_path / "pictures" / "benchmark_helios.png").read_bytes().startswith(b"\x89PNG")


def test_no_case_is_a_fixture() -> None:
    # Rows of the real data sets must never be committed, however few.
    root = Path(__file__).parents[2]
    kept = [path for folder in ("benchmarks", "examples", "tests") for path in (root / folder).rglob("*.parquet")]

    assert kept == []


def test_the_simulated_rows_have_the_promised_share_of_anomalies() -> None:
    trial = simulated(seeds=[0], days=7, test_days=7)[0]
    frames: list[pl.DataFrame] = [trial.rows.train, *trial.cases.values()]

    assert [frame.height for frame in frames] == [2016, 2016]
    assert all(frame[LABEL].sum() == pytest.approx(0.05 * frame.height, abs=2) for frame in frames)
