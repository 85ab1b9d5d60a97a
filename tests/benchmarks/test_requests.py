from pathlib import Path
from urllib.parse import quote_plus

import polars as pl
import pytest
from benchmarks.catalogue import BENCHMARKS, Asked, run
from benchmarks.requests_cases import CSIC, PARAMS, read_sets, trial_at_home, trial_of_two
from benchmarks.requests_detectors import linear_ngrams, rare_ngrams
from benchmarks.results import check

from telltale.contract.errors import NotFoundError, UsageError
from telltale.evaluate.ranking import auroc
from telltale.telemetry.frames import LABEL

TEXTS = ("method", "path", "query", "body")


def ignore(_what: str) -> None:
    pass


def csic_like(n: int) -> pl.DataFrame:
    """Normal requests in two files, attacks in a third; every one of them twice, and one as both."""
    rows = [("normalTrafficTraining", f"http://localhost/a.jsp?id={k}", "", 0) for k in range(n)]
    rows += [("normalTrafficTest", f"http://localhost/a.jsp?id={k + n // 2}", "", 0) for k in range(n)]
    rows += [("anomalousTrafficTest", "http://localhost/b.jsp", f"id={k}%27--", 1) for k in range(n)]
    rows += [("anomalousTrafficTest", "http://localhost/a.jsp?id=1", "", 1)]
    frame = pl.DataFrame(rows * 2, schema=["source", "url", "body", "label"], orient="row")
    return frame.with_columns(pl.lit("GET").alias("method"), pl.int_range(pl.len()).alias("n"))


def params_like(n: int) -> pl.DataFrame:
    rows = [(f"word {k}", "norm", "norm") for k in range(n)] + [(f"{k}' or {k}=&x", "sqli", "anom") for k in range(n)]
    return pl.DataFrame(rows, schema=["payload", "attack_type", "label"], orient="row")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    csic_like(60).write_parquet(tmp_path / "some.parquet")
    params_like(60).write_parquet(tmp_path / "others.parquet")
    pl.DataFrame({"x": [1]}).write_csv(tmp_path / "stray.csv")
    return tmp_path


def test_sets_are_found_by_their_columns_and_strays_are_told(folder: Path) -> None:
    told: list[str] = []

    assert read_sets(folder, progress=told.append).keys() == {CSIC, PARAMS}
    assert "stray.csv is left out" in told[0]
    (folder / "empty").mkdir()
    with pytest.raises(NotFoundError, match="Name another folder"):
        read_sets(folder / "empty", progress=ignore)


@pytest.mark.parametrize("name", [CSIC, PARAMS])
def test_no_request_counts_twice_or_is_both_fitted_on_and_scored(folder: Path, name: str) -> None:
    frame = read_sets(folder, progress=ignore)[name]
    for trial in (trial_at_home(name, frame), trial_of_two(name, frame[:70], frame)):
        train, test = (rows.select(TEXTS) for rows in (trial.train, trial.test))

        assert not train.is_duplicated().any()
        assert not test.is_duplicated().any()
        assert train.join(test, on=TEXTS, how="inner", nulls_equal=True).is_empty()


def test_at_home_later_attacks_are_scored_and_what_is_both_is_neither(folder: Path) -> None:
    trial = trial_at_home(CSIC, read_sets(folder, progress=ignore)[CSIC])

    fitted, scored = (rows.filter(pl.col(LABEL) == 1)["body"].to_list() for rows in (trial.train, trial.test))
    assert [len(fitted), len(scored)] == [30, 30]
    assert set(fitted) == {f"id={k}%27--" for k in range(30)}
    assert "id=1" not in trial.train["query"].to_list()


def test_a_value_is_sent_as_a_browser_would(folder: Path) -> None:
    frame = read_sets(folder, progress=ignore)[PARAMS]

    assert frame["query"][60] == f"value={quote_plus(chr(48) + chr(39) + ' or 0=&x')}"


@pytest.mark.parametrize("baseline", [linear_ngrams, rare_ngrams])
def test_baselines_find_plain_attacks(folder: Path, baseline: object) -> None:
    trial = trial_at_home(PARAMS, read_sets(folder, progress=ignore)[PARAMS])

    scores = baseline(trial.train)(trial.test)  # type: ignore[operator]  # each is one

    assert auroc(trial.test[LABEL].to_numpy().astype("int8"), scores) > 0.9


@pytest.mark.slow
def test_a_quick_run_keeps_the_contract() -> None:
    found = check(run("requests", Asked(quick=True), progress=ignore))

    ours, *baselines = found.rows
    assert ours.ours
    assert [row.name for row in baselines] == ["isolation_forest", "character_ngrams"]
    for row in found.rows:
        assert {*BENCHMARKS["requests"].shown, "event_recall", "clean_clients_flagged"} <= row.metrics.keys()


def test_scoring_without_fitting_is_refused() -> None:
    with pytest.raises(UsageError, match="--data"):
        run("requests", Asked(test=Path("x")), progress=ignore)
