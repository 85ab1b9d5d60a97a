from pathlib import Path

import numpy as np
import polars as pl
import pytest
from benchmarks.catalogue import BENCHMARKS, Asked, run
from benchmarks.nab_score import learning_rows
from benchmarks.results import check
from benchmarks.series_cases import Series, read_kpi
from benchmarks.series_detectors import Detect, isolation_forest, moving_z, spectral_residual, windowed_gaussian
from benchmarks.series_made import made_series
from benchmarks.series_ours import deviation_of_ours, score_of_ours

from telltale.contract.errors import NotFoundError, UsageError
from telltale.evaluate.ranking import average_precision


def ignore(_what: str) -> None:
    pass


@pytest.mark.slow
def test_a_quick_run_of_made_up_series_keeps_the_contract() -> None:
    found = check(run("kpi", Asked(quick=True), progress=ignore))

    assert [row.name for row in found.rows] == [
        "telltale",
        "isolation_forest",
        "spectral_residual",
        "moving_z",
        "random",
    ]
    assert all(set(BENCHMARKS["kpi"].shown) <= set(row.metrics) for row in found.rows)
    metrics = {row.name: row.metrics["average_precision"] or 0.0 for row in found.rows}
    assert metrics["telltale"] > 2 * metrics["random"]
    assert any("made up" in note for note in found.notes)
    assert any(one.baseline == "isolation_forest" for one in found.comparisons)


@pytest.mark.parametrize("detect", [score_of_ours, deviation_of_ours, windowed_gaussian, moving_z, spectral_residual])
def test_a_row_is_scored_by_what_was_there_before_it(detect: Detect) -> None:
    series = made_series(600, seed=1)
    half = Series(
        name="half", times_s=series.times_s[:400], values=series.values[:400], labels=series.labels[:400], windows=()
    )
    np.testing.assert_allclose(detect(series)[:400], detect(half), rtol=1e-9, atol=1e-12)


def test_the_moving_z_is_what_a_plain_loop_says() -> None:
    series = made_series(700, seed=3)
    scores = moving_z(series)

    for row in (1, 5, 299, 699):
        before = series.values[max(row - 300, 0) : row]
        unit = before.std() + 1e-3 * series.values[:row].std() + 1e-9
        assert scores[row] == pytest.approx(abs(series.values[row] - before.mean()) / unit, rel=1e-6)


def test_ours_ranks_labelled_rows_first_on_made_up_series() -> None:
    series = made_series(2_000, seed=5)

    found = average_precision(series.labels[300:], score_of_ours(series)[300:])

    assert found > 0.5


@pytest.mark.slow
@pytest.mark.parametrize("name", ["kpi_netman", "ms_cloud_monitoring"])
def test_on_the_real_series_ours_ranks_better_than_what_has_seen_them_all(name: str, data_folder: Path) -> None:
    series = [
        one
        for one in read_kpi(data_folder / name, progress=ignore)
        if one.labels[learning_rows(len(one.labels)) :].any()
    ]

    def figure(detect: Detect) -> float:
        starts = [learning_rows(len(one.labels)) for one in series]
        return float(
            np.mean(
                [
                    average_precision(one.labels[start:], detect(one)[start:])
                    for one, start in zip(series, starts, strict=True)
                ]
            )
        )

    ours = figure(score_of_ours)

    assert ours > figure(isolation_forest) + 0.02
    assert ours > figure(moving_z) + 0.02


def test_series_of_both_sets_are_read_and_a_gap_is_the_value_before(tmp_path: Path) -> None:
    times = ["2024-01-01 00:00:00", "2024-01-01 00:05:00", "2024-01-01 00:10:00"]
    stamped = pl.DataFrame({"TimeStamp": times}).with_columns(pl.col("TimeStamp").str.to_datetime())
    stamped.with_columns(
        domain=pl.lit("rate"), series=pl.lit("one"), Value=pl.Series([1.0, None, 3.0]), Label=pl.Series([0, 0, 1])
    ).write_parquet(tmp_path / "cloud.parquet")
    pl.DataFrame(
        {
            "timestamp": [300, 0],
            "time": stamped["TimeStamp"][:2].reverse(),
            "value": [5.0, 4.0],
            "label": [1, 0],
        }
    ).write_parquet(tmp_path / "counter.parquet")
    pl.DataFrame({"nothing": [1]}).write_parquet(tmp_path / "other.parquet")
    left_out: list[str] = []

    found = {one.name: one for one in read_kpi(tmp_path, progress=left_out.append)}

    assert found["rate/one"].values.tolist() == [1.0, 1.0, 3.0]
    assert found["rate/one"].labels.tolist() == [0, 0, 1]
    assert found["counter"].values.tolist() == [4.0, 5.0]
    assert found["counter"].interval_s == 300.0
    assert [told.split()[0] for told in left_out] == ["other.parquet"]


def test_a_folder_without_series_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError):
        read_kpi(tmp_path, progress=ignore)


def test_other_series_need_known_ones(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--data"):
        run("kpi", Asked(quick=True, test=tmp_path), progress=ignore)
