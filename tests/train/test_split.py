from collections.abc import Callable

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from telltale.contract.errors import NotEnoughDataError
from telltale.telemetry.frames import ENTITY, LINE, TIME
from telltale.train.split import N_FOLDS, folds, hold_out_last

CheckedFrame = Callable[..., pl.DataFrame]


@settings(max_examples=40, deadline=None)
@given(
    n=st.integers(100, 400),
    share=st.floats(0.05, 0.5),
    gap=st.integers(0, 12),
    names=st.lists(st.sampled_from(["", "a", "b"]), min_size=1, max_size=5),
)
def test_what_is_held_out_comes_after_all_training_rows_with_the_gap_between(
    made_rows: CheckedFrame, n: int, share: float, gap: int, names: list[str]
) -> None:
    frame = made_rows(n, entities=[names[i % len(names)] for i in range(n)])

    train, held_out = hold_out_last(frame, share=share, gap_rows=gap)

    assert train[TIME].max() < held_out[TIME].min()  # type: ignore[operator]  # both have rows with times
    assert held_out.height == pytest.approx(n * share, abs=1)
    for name in set(names):
        rows = frame.filter(pl.col(ENTITY) == name)
        kept, later = train.filter(pl.col(ENTITY) == name), held_out.filter(pl.col(ENTITY) == name)
        assert rows.height - kept.height - later.height == min(gap, rows.height - later.height)
        if kept.height and later.height:
            between = rows.filter((pl.col(TIME) > kept[TIME].max()) & (pl.col(TIME) < later[TIME].min()))
            assert between.height == gap


def test_rows_without_time_are_cut_by_number(made_rows: CheckedFrame) -> None:
    train, held_out = hold_out_last(made_rows(200, has_time=False), share=0.2, gap_rows=12)

    assert train[LINE].to_list() == list(range(1, 149))
    assert held_out[LINE].to_list() == list(range(161, 201))


def test_fewer_than_a_hundred_rows_are_refused_with_the_mend(made_rows: CheckedFrame) -> None:
    with pytest.raises(NotEnoughDataError, match="at least 100 rows"):
        hold_out_last(made_rows(99), share=0.2, gap_rows=12)


def test_a_fold_is_whole_days_in_turn(made_rows: CheckedFrame) -> None:
    found = folds(made_rows(288 * 9))

    assert found.reshape(9, 288).tolist() == [[day % N_FOLDS] * 288 for day in range(9)]


@settings(max_examples=40, deadline=None)
@given(n=st.integers(20, 500), step_s=st.sampled_from([1.0, 60.0, 300.0, 3_600.0, 86_400.0, 345_600.0, 604_800.0]))
def test_every_fold_has_rows_and_leaves_most_for_fitting(made_rows: CheckedFrame, n: int, step_s: float) -> None:
    found = folds(made_rows(n, step_s=step_s))

    counts = np.bincount(found, minlength=N_FOLDS)
    assert len(counts) == N_FOLDS
    assert counts.min() > 0
    assert counts.max() <= 0.6 * n


def test_rows_of_every_fourth_day_alone_are_in_different_folds(made_rows: CheckedFrame) -> None:
    frame = made_rows(288 * 29)
    day = (frame[TIME].dt.epoch("s") // 86_400).to_numpy()

    assert set(folds(frame.filter(pl.Series(day % 4 == day[0] % 4))).tolist()) == {0, 1, 2, 3}
