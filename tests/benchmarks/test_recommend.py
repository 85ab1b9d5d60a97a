"""Cases of the benchmark are split as it says, and a quick run gives every row and figure."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from benchmarks.catalogue import BENCHMARKS, Asked, run
from benchmarks.recommend_cases import read_cases
from benchmarks.results import check

from telltale.contract.errors import NotFoundError
from telltale.telemetry.frames import ENTITY, TIME

DAY_S = 86_400


def write_ratings(folder: Path, *, users: range = range(30), n_items: int = 20) -> None:
    """Each user rates half of the films, a film a day, from a day of their own on."""
    folder.mkdir(exist_ok=True)
    rng = np.random.default_rng(0)
    rows = [
        (user, int(item), int(rng.integers(1, 6)), (user + place) * DAY_S)
        for user in users
        for place, item in enumerate(rng.permutation(n_items)[: n_items // 2])
    ]
    schema = ["user_id", "item_id", "rating", "timestamp"]
    pl.DataFrame(rows, schema=schema, orient="row").write_parquet(folder / "a.parquet")
    films = {"item_id": list(range(n_items)), "title": ["t"] * n_items, "release_date": ["d"] * n_items}
    genres = {"Comedy": [item % 2 for item in range(n_items)], "War": [int(item == 1) for item in range(n_items)]}
    pl.DataFrame({**films, **genres}).write_parquet(folder / "b.parquet")


def write_orders(folder: Path) -> None:
    """Two customers who buy on the first day and, of the second, on the hundredth; returns and strangers among them."""
    folder.mkdir(exist_ok=True)
    lines = [
        ("1", "a", 7, 0, 1, 2.0),
        ("1", "a", 7, 0, 3, 2.0),
        ("2", "b", 8, 0, 1, 2.0),
        ("C3", "b", 8, 1, -1, 2.0),
        ("4", "b", None, 2, 1, 2.0),
        ("5", "a", 8, 100, 1, 2.0),
        ("5", "b", 8, 100, 1, 2.0),
        ("6", "c", 9, 100, 1, 2.0),
    ]
    schema = ["InvoiceNo", "StockCode", "CustomerID", "day", "Quantity", "UnitPrice"]
    made = pl.DataFrame(lines, schema=schema, orient="row")
    made = made.with_columns(InvoiceDate=pl.from_epoch(pl.col("day") * DAY_S, time_unit="s")).drop("day")
    made.write_parquet(folder / "orders.parquet")


def test_a_fifth_of_each_ones_films_is_left_out_and_genres_are_told(tmp_path: Path) -> None:
    write_ratings(tmp_path)

    *drawn, by_time = read_cases(tmp_path, None, quick=False)

    assert [case.name for case in (*drawn, by_time)] == ["random 0", "random 1", "random 2", "time"]
    for case in drawn:
        assert len(case.questions) == 30
        assert {(len(one.past), len(one.wanted)) for one in case.questions} == {(8, 2)}
        for one in case.questions:
            assert not one.wanted & set(one.past)
    assert drawn[0].questions != drawn[1].questions
    tags = dict(drawn[0].frame.select("item_id", "tags").iter_rows())
    assert (tags["0"], tags["1"], tags["3"]) == ([], ["Comedy", "War"], ["Comedy"])


def test_by_time_nothing_is_trained_on_that_came_after(tmp_path: Path) -> None:
    write_ratings(tmp_path)

    case = read_cases(tmp_path, None, quick=False)[-1]

    last = case.frame[TIME].max()
    own = {one.entity: one for one in case.questions}
    assert case.suffix == "_time"
    assert len(case.frame) == 235  # what fell on the day of the cut came after
    assert set(own) <= set(case.frame[ENTITY])
    whole = pl.read_parquet(tmp_path / "a.parquet").with_columns(pl.from_epoch("timestamp").dt.replace_time_zone("UTC"))
    for user, item, at in (
        whole.filter(pl.col("timestamp") > last).select("user_id", "item_id", "timestamp").iter_rows()
    ):
        assert str(user) not in own or str(item) in own[str(user)].wanted, at


def test_orders_are_without_returns_and_strangers_and_the_last_six_weeks_are_asked_for(tmp_path: Path) -> None:
    write_orders(tmp_path)

    (case,) = read_cases(tmp_path, None, quick=False)

    assert case.again
    assert case.frame.select(ENTITY, "item_id").rows() == [("7", "a"), ("8", "b")]
    assert [(one.entity, one.past, one.wanted) for one in case.questions] == [("8", ("b",), frozenset({"a", "b"}))]


def test_other_users_of_a_test_are_told_most_of_what_they_took_and_known_ones_nothing(tmp_path: Path) -> None:
    write_ratings(tmp_path / "data")
    write_ratings(tmp_path / "test", users=range(29, 32))

    (case,) = read_cases(tmp_path / "data", tmp_path / "test", quick=False)

    assert set(case.frame[ENTITY]) == {str(user) for user in range(30)}
    known, *strangers = case.questions
    assert known.entity == "29"
    assert [(one.entity, len(one.past), len(one.wanted)) for one in strangers] == [(None, 8, 2)] * 2


def test_a_folder_of_something_else_is_refused(tmp_path: Path) -> None:
    pl.DataFrame({"something": [1]}).write_parquet(tmp_path / "a.parquet")

    with pytest.raises(NotFoundError, match="InvoiceNo"):
        read_cases(tmp_path, None, quick=False)


@pytest.mark.slow
def test_a_quick_run_gives_every_row_and_figure() -> None:
    found = check(run("recommend", Asked(quick=True), progress=lambda _what: None))

    (ours,) = [row for row in found.rows if row.ours]
    assert {row.name for row in found.rows} == {
        *("telltale", "popular", "recent_popular", "own_frequency"),
        *("user_knn", "item_knn", "ease", "slim", "ials"),
    }
    assert {
        "ndcg_10",
        "recall_20",
        "ndcg_10_all",
        "ndcg_10_repeat",
        "ndcg_10_new",
        "us_per_answer",
    } <= ours.metrics.keys()
    assert BENCHMARKS["recommend"].shown[0] == "ndcg_10"
    by_name = {row.name: row.metrics["ndcg_10_new"] for row in found.rows}
    assert by_name["telltale"] > by_name["popular"]  # type: ignore[operator]  # both are defined
    assert all("ndcg_10_all" in row.metrics for row in found.rows)
    assert any("ours over each" in note for note in found.notes)
