"""The nearest by figures, against a search through all rows."""

import numpy as np
import pytest
from numpy.typing import NDArray

from telltale.models.similarity.figure_cells import Rows, make_cells, nearest


def rows_of(n: int, seed: int = 0) -> Rows:
    rng = np.random.default_rng(seed)
    middles = rng.normal(size=(12, 6)) * 3.0
    return (middles[rng.integers(0, 12, n)] + rng.normal(size=(n, 6))).astype(np.float32)


def by_all(rows: Rows, asked: NDArray[np.float64], top: int) -> list[int]:
    is_known = ~np.isnan(asked)
    apart = ((rows.astype(np.float64)[:, is_known] - asked[is_known]) ** 2).mean(axis=1)
    return list(map(int, np.lexsort((np.arange(len(rows)), apart))[:top]))


def test_of_few_rows_the_nearest_are_found_exactly_by_whichever_figures_are_known() -> None:
    rows = rows_of(2_000)
    cells, everything = make_cells(rows, seed=0), np.ones(2_000, dtype=np.bool_)
    for number in range(40):
        asked = rows_of(1, seed=100 + number)[0].astype(np.float64)
        asked[: number % 4] = np.nan

        found, distances = nearest(cells, asked, top=5, alive=everything)

        assert found.tolist() == by_all(rows, asked, 5)
        assert (np.diff(distances) >= 0).all()


def test_of_many_rows_most_of_the_nearest_are_found() -> None:
    rows = rows_of(30_000)
    cells, everything = make_cells(rows, seed=0), np.ones(30_000, dtype=np.bool_)
    hits = []
    for number in range(60):
        asked = rows_of(1, seed=100 + number)[0].astype(np.float64)
        found, _ = nearest(cells, asked, top=5, alive=everything)
        hits.append(len({*found.tolist()} & {*by_all(rows, asked, 5)}) / 5)

    assert np.mean(hits) > 0.9


def test_what_is_gone_or_has_no_figures_is_not_found() -> None:
    rows = rows_of(100)
    rows[7] = np.nan
    alive = np.ones(100, dtype=np.bool_)
    asked = rows[3].astype(np.float64)
    alive[3] = False

    found, _ = nearest(make_cells(rows, seed=0), asked, top=100, alive=alive)

    assert sorted(found.tolist()) == [number for number in range(100) if number not in {3, 7}]
    nothing, distances = nearest(make_cells(rows, seed=0), np.full(6, np.nan), top=5, alive=alive)
    assert len(nothing) == len(distances) == 0


@pytest.mark.parametrize("n", [0, 1, 3])
def test_few_rows_or_none_are_no_trouble(n: int) -> None:
    found, _ = nearest(make_cells(rows_of(n), seed=0), np.zeros(6), top=5, alive=np.ones(n, dtype=np.bool_))

    assert sorted(found.tolist()) == list(range(n))


def test_rows_of_one_kind_by_the_thousand_do_not_make_a_question_slow() -> None:
    rows = np.concatenate([np.zeros((50_000, 6), dtype=np.float32), rows_of(10_000)])
    cells = make_cells(rows, seed=0)

    found, distances = nearest(cells, np.zeros(6), top=5, alive=np.ones(60_000, dtype=np.bool_))

    assert (distances == 0).all()
    assert (found < 50_000).all()
