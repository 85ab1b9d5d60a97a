from pathlib import Path

import numpy as np
import polars as pl
import pytest
from benchmarks.catalogue import BENCHMARKS, Asked, run
from benchmarks.multivariate import pca_difference
from benchmarks.multivariate_cases import read_machines
from benchmarks.multivariate_detectors import BASELINES, VARIANTS, n_components, reconstruction_error, train_ours
from benchmarks.multivariate_made import made_machine
from benchmarks.results import check

from telltale.contract.errors import NotFoundError, UsageError
from telltale.evaluate.ranking import average_precision
from telltale.telemetry.frames import LABEL


def ignore(_what: str) -> None:
    pass


def write_machine(folder: Path, name: str, *, seed: int, train: bool = True, columns: int = 4) -> None:
    rng = np.random.default_rng(seed)
    rows = pl.DataFrame(rng.normal(size=(60, columns)), schema=[f"m{place}" for place in range(columns)])
    if train:
        rows[:30].write_parquet(folder / f"{name}.train.parquet")
    labels = pl.Series("label", [0] * 20 + [1] * 5 + [0] * 5, dtype=pl.Int8)
    rows[30:].with_columns(labels).write_csv(folder / f"{name}.test.csv")


@pytest.mark.slow
def test_a_quick_run_of_made_up_machines_keeps_the_contract() -> None:
    found = check(run("multivariate", Asked(quick=True), progress=ignore))

    assert [row.name for row in found.rows] == [
        "telltale",
        "half_space_trees",
        "pca_error",
        "knn",
        "l2_norm",
        "isolation_forest",
        "random",
    ]
    ours, random = found.rows[0], found.rows[-1]
    shown = set(BENCHMARKS["multivariate"].shown)
    assert all(shown <= set(row.metrics) for row in found.rows)
    assert (ours.metrics["average_precision"] or 0.0) > 3 * (random.metrics["average_precision"] or 1.0)
    assert (ours.metrics["points_per_s"] or 0.0) > 0.0
    assert any("made up" in note for note in found.notes)
    assert any(one.baseline == "pca_error" for one in found.comparisons)


def test_a_machine_is_a_pair_of_files_and_its_labels_are_no_column(tmp_path: Path) -> None:
    write_machine(tmp_path, "web-1", seed=0)
    write_machine(tmp_path, "web-2", seed=1)
    (tmp_path / "web-1.interpretation_label.txt").write_text("1-2:3")

    machines = read_machines(tmp_path, None, progress=ignore)

    assert [machine.name for machine in machines] == ["web-1", "web-2"]
    one = machines[0]
    assert one.columns == ("m0", "m1", "m2", "m3")
    assert (one.train.height, one.test.height, int(one.labels.sum())) == (30, 30, 5)
    assert LABEL not in one.train.columns


def test_a_column_of_text_tells_machines_of_one_file_apart(tmp_path: Path) -> None:
    rows = pl.DataFrame({"channel": ["a"] * 20 + ["b"] * 20, "x": np.arange(40.0), "y": np.arange(40.0) ** 2})
    rows.write_parquet(tmp_path / "probe.train.parquet")
    rows.with_columns(label=pl.Series([0] * 39 + [1])).write_parquet(tmp_path / "probe.test.parquet")

    machines = read_machines(tmp_path, None, progress=ignore)

    assert [machine.name for machine in machines] == ["probe/a", "probe/b"]
    assert [machine.labels.sum() for machine in machines] == [0, 1]


def test_other_machines_are_fitted_on_their_own_rows_and_else_on_all_that_are_like_them(tmp_path: Path) -> None:
    known, other = tmp_path / "known", tmp_path / "other"
    known.mkdir()
    other.mkdir()
    for place, name in enumerate(("one", "two")):
        write_machine(known, name, seed=place)
    write_machine(other, "three", seed=2)
    write_machine(other, "two", seed=1, train=False)
    write_machine(other, "stranger", seed=4, train=False)
    write_machine(other, "wide", seed=5, train=False, columns=6)
    told: list[str] = []

    machines = {machine.name: machine for machine in read_machines(known, other, progress=told.append)}

    assert {name: machine.train.height for name, machine in machines.items()} == {
        "three": 30,
        "two": 30,
        "stranger": 90,
    }
    assert told == ["wide is left out: no rows to fit on"]


def test_a_folder_without_machines_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match=r"NAME\.train"):
        read_machines(tmp_path, None, progress=ignore)


def test_a_folder_to_score_alone_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="without --data"):
        run("multivariate", Asked(test=tmp_path), progress=ignore)


def test_reconstruction_errors_are_those_of_another_implementation() -> None:
    assert 0.0 <= pca_difference(made_machine(500, seed=0)) < 1e-6


def test_some_direction_is_always_left_to_be_an_error() -> None:
    assert [n_components(n) for n in (2, 5, 10, 11, 38, 51)] == [2, 2, 2, 10, 10, 30]
    train, test = made_machine(500, seed=0).matrices()
    assert reconstruction_error(train)(test).max() > 0.01


@pytest.mark.parametrize("name", [name for name in {**BASELINES, **VARIANTS} if name != "pca_error_as_published"])
def test_a_baseline_sees_no_row_after_the_one_it_scores(name: str) -> None:
    train, test = made_machine(400, seed=0).matrices()
    fit = {**BASELINES, **VARIANTS}[name]

    assert np.allclose(fit(train)(test)[:200], fit(train)(test[:200]))


def test_ours_is_the_default_of_many_columns_and_sees_no_row_after_the_one_it_scores() -> None:
    machine = made_machine(400, seed=0)
    runtime = train_ours(machine)

    assert runtime.manifest.estimator == "columns_stream"
    assert np.allclose(runtime.score_frame(machine.test)[:200], runtime.score_frame(machine.test[:200]))


def test_ours_goes_on_from_the_last_training_row() -> None:
    machine = made_machine(400, seed=0)
    runtime = train_ours(machine)
    both = pl.concat([machine.train, machine.test])
    fresh = runtime.scorer.fresh()  # type: ignore[attr-defined]  # it is one of a stream

    followed = fresh.score(both.select(machine.columns).to_numpy(), np.full(both.height, np.nan))

    assert np.allclose(runtime.score_frame(machine.test), followed[machine.train.height :])


@pytest.mark.slow
def test_on_real_servers_ours_finds_clearly_more_than_pca_error(data_folder: Path) -> None:
    ours, baseline = [], []
    for machine in read_machines(data_folder / "asd", None, progress=ignore)[:4]:
        train, test = machine.matrices()
        ours.append(average_precision(machine.labels, train_ours(machine).score_frame(machine.test)))
        baseline.append(average_precision(machine.labels, BASELINES["pca_error"](train)(test)))

    assert np.mean(ours) > np.mean(baseline) + 0.05
