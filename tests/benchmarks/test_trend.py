import os
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from benchmarks.catalogue import Asked, run
from benchmarks.results import check
from benchmarks.trend_baselines import naive2, plain, seasonal_naive, theta
from benchmarks.trend_cases import Case, Group, read_groups, rows_of, sample
from benchmarks.trend_made import made_groups
from benchmarks.trend_metrics import owa, scores_of

from telltale.contract.errors import UsageError
from telltale.train.series import series_of

DATA = Path(os.environ.get("TELLTALE_DATA", ""))
HAS_DATA = "TELLTALE_DATA" in os.environ and (DATA / "m4").is_dir()


def silent(_line: str) -> None:
    pass


def written(folder: Path, *, seed: int = 0) -> Path:
    """Six monthly series of a set called `mine`, and a file that is something else."""
    rng = np.random.default_rng(seed)
    lines = [
        (
            "MONTHLY",
            f"s{one}",
            t,
            float(100 + 10 * np.sin(t * np.pi / 6) + rng.normal(0, 3)),
            "train" if t <= 60 else "test",
        )
        for one in range(6)
        for t in range(1, 67)
    ]
    folder.mkdir(exist_ok=True)
    pl.DataFrame(lines, schema=["period", "series", "t", "value", "part"], orient="row").write_parquet(
        folder / "mine.parquet"
    )
    pl.DataFrame({"series": ["s0"], "horizon": [6]}).write_parquet(folder / "mine_info.parquet")
    return folder


@pytest.mark.slow
def test_ours_stands_beside_every_baseline_on_series_of_a_folder(tmp_path: Path) -> None:
    asked = Asked(data=written(tmp_path / "data"), quick=True, best=True)

    result = check(run("trend", asked, progress=silent))

    rows = {row.name: row for row in result.rows}
    assert list(rows) == [
        *("telltale", "naive2", "seasonal_naive", "theta", "auto_ets", "auto_arima"),
        "telltale_best",
    ]
    assert [row.name for row in result.rows if row.ours] == ["telltale", "telltale_best"]
    assert rows["naive2"].metrics["owa_mine"] == pytest.approx(1.0)
    assert rows["telltale"].metrics["owa_mine"] < 1.0  # type: ignore[operator]  # it is defined
    assert 0.5 < rows["telltale"].metrics["coverage_95"] <= 1.0  # type: ignore[operator]
    assert rows["telltale"].metrics["series_per_s"] > 1.0  # type: ignore[operator]
    assert rows["telltale"].by_case["mine_monthly"]["n"] == 6


def test_the_product_finds_the_periods_of_the_rows_it_is_given() -> None:
    for period, seasons in (
        ("hourly", (24, 168)),
        ("weekly", (52,)),
        ("monthly", (12,)),
        ("quarterly", (4,)),
        ("other", ()),
    ):
        case = Case(name="a", training=np.arange(400.0), truth=np.arange(3.0))
        group = Group(data_set="x", period=period, horizon=3, cases=(case,))
        found, refused = series_of(rows_of(group), "value")

        assert not refused
        assert found[0].seasons == seasons
        assert found[0].values.tolist() == case.training.tolist()


def test_naive2_takes_a_clear_season_out_and_leaves_noise_alone() -> None:
    season = np.array([50.0, 100.0, 150.0, 100.0])
    noise = np.random.default_rng(0).uniform(90, 110, 40)

    assert naive2(np.tile(season, 10), 4, 6) == pytest.approx(np.resize(season, 6))
    assert naive2(noise, 4, 3).tolist() == [noise[-1]] * 3
    assert seasonal_naive(np.arange(8.0), 4, 5).tolist() == [4.0, 5.0, 6.0, 7.0, 4.0]


def test_theta_rises_by_half_of_the_trend() -> None:
    found = theta(np.arange(30.0), 1, 4)

    assert np.diff(found) == pytest.approx([0.5, 0.5, 0.5])


def test_owa_of_a_method_is_the_mean_of_two_ratios_of_means() -> None:
    cases = (
        Case(name="a", training=np.array([1.0, 2.0, 3.0]), truth=np.array([5.0])),
        Case(name="b", training=np.array([10.0, 30.0]), truth=np.array([20.0])),
        Case(name="flat", training=np.array([4.0, 4.0]), truth=np.array([4.0])),  # no MASE
    )
    groups = [Group(data_set="x", period="yearly", horizon=1, cases=cases)]
    naive = plain(groups, naive2)
    perfect = plain(
        groups, lambda values, _season, _horizon: np.array([{3: 5.0}.get(len(values), 20.0 if values[0] > 4 else 4.0)])
    )

    assert owa(scores_of(groups, naive, naive)) == pytest.approx(1.0)
    assert owa(scores_of(groups, perfect, naive)) == 0.0


def test_the_sample_is_the_same_every_time_and_of_every_group() -> None:
    groups = made_groups(seed=0)
    one, other = sample(groups, 10, seed=0), sample(groups, 10, seed=0)

    assert [[case.name for case in group.cases] for group in one] == [
        [case.name for case in group.cases] for group in other
    ]
    assert all(group.cases for group in one)


def test_a_folder_of_something_else_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="Name the folder of one set"):
        read_groups(tmp_path)
    with pytest.raises(UsageError, match="--test without --data"):
        run("trend", Asked(test=tmp_path), progress=silent)


@pytest.mark.data
@pytest.mark.slow
@pytest.mark.skipif(not HAS_DATA, reason="needs the m4 set below TELLTALE_DATA")
def test_naive2_and_theta_give_what_is_known_of_the_hourly_and_weekly_series() -> None:
    found = {group.name: group for group in read_groups(DATA / "m4")}
    for name, expected in (("hourly", 1.004), ("weekly", 0.975)):
        groups = [found[name]]
        naive = plain(groups, naive2)

        assert owa(scores_of(groups, naive, naive)) == pytest.approx(1.0)
        assert owa(scores_of(groups, plain(groups, theta), naive)) == pytest.approx(expected, abs=0.005)
