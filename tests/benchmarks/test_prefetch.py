from pathlib import Path

import numpy as np
import polars as pl
import pytest
from benchmarks.catalogue import Asked, run
from benchmarks.prefetch_mithril import Mining, MithrilLike
from benchmarks.prefetch_traces import expand, read_traces
from benchmarks.results import check

from telltale.contract.errors import NotFoundError


def ignore(_what: str) -> None:
    pass


def write_traces(folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    # Pages begin at sector 7: the second request touches two of them, the third begins a sector before the first page.
    scsi = pl.DataFrame({"op": ["28"] * 6, "size": [4096, 4608, 512, 4096, 4096, 4096], "lbn": [7, 15, 6, 23, 31, 39]})
    scsi.write_parquet(folder / "scsi.parquet")
    pl.DataFrame({"lbn": pl.Series([5, 6, 5, 9], dtype=pl.UInt32)}).write_parquet(folder / "blocks.parquet")
    arc = pl.DataFrame({"start_block": [10, 3], "n_blocks": [3, 1], "ignored": [0, 0], "request_no": [0, 1]})
    arc.write_parquet(folder / "arc.parquet")
    pl.DataFrame({"something": [1]}).write_parquet(folder / "other.parquet")


def test_traces_are_told_by_their_columns_and_requests_become_pages(tmp_path: Path) -> None:
    write_traces(tmp_path)

    traces = {trace.name: trace.training + trace.scored for trace in read_traces(tmp_path, quick=False)}

    assert traces == {
        "scsi": ["1", "2", "3", "0", "3", "4", "5"],
        "blocks": ["5", "6", "5", "9"],
        "arc": ["10", "11", "12", "3"],
    }
    (tmp_path / "empty").mkdir()
    with pytest.raises(NotFoundError, match="no trace"):
        read_traces(tmp_path / "empty", quick=False)


def test_expanding_counts_from_every_start() -> None:
    assert expand(np.array([7, 1, 50]), np.array([2, 0, 3])).tolist() == [7, 8, 50, 51, 52]


def test_items_that_miss_together_as_often_are_fetched_together() -> None:
    has: set[str] = set()
    mithril = MithrilLike(Mining(support=2, reach=20, degree=0), has)
    rng = np.random.default_rng(0)
    for _ in range(2):
        for pair in range(700):
            mithril.step(f"{pair}-a")
            mithril.step(f"{pair}-b")
        for number in rng.permutation(500).tolist():
            mithril.step(f"apart-{number}")

    assert "3-b" in mithril.step("3-a").items
    assert mithril.step("apart-3").items == ()
    has.add("3-b")
    assert "3-b" not in mithril.step("3-a").items


@pytest.mark.slow
def test_a_quick_run_gives_every_row_and_metric(tmp_path: Path) -> None:
    document = run("prefetch", Asked(quick=True), progress=ignore)

    result = check(document)
    rows = {row.name: row for row in result.rows}
    assert set(rows) == {"telltale", "fifo", "lru", "sieve", "s3fifo", "lru+readahead", "mithril-like"}
    ours = rows["telltale"].metrics
    assert ours["sieve_difference"] == ours["s3fifo_difference"] == 0.0
    assert ours["precision"] is not None
    assert ours["precision"] > 0.5
    assert ours["extra_traffic"] is not None
    assert ours["extra_traffic"] < 0.2
    assert set(rows["lru"].by_case) > {"0.1%", "1%", "10%"}
    assert all(row.metrics["hit_ratio"] is not None for row in result.rows)
    assert {one.baseline for one in result.comparisons} == {"lru+readahead", "mithril-like", "s3fifo"}
