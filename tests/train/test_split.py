from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from telltale.contract.errors import NotEnoughDataError
from telltale.contract.split import ByEntity, LastOfEach, LastShare
from telltale.telemetry.frames import ENTITY, LINE, TIME
from telltale.train.split import N_FOLDS, folds, hold_out

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

    train, held_out = hold_out(frame, LastShare(share=share, gap_rows=gap))

    assert train[TIME].max() < held_out[TIME].min()  # type: ignore[operator]  # both have rows with times
    assert held_out.height == pytest.approx(n * share, abs=1)
    for name in set(names):
        rows = frame.filter(pl.col(ENTITY) == name)
        kept, later = train.filter(pl.col(ENTITY) == name), held_out.filter(pl.col(ENTITY) == name)
        wanted = min(gap, (rows.height - later.height) // 10)
        assert rows.height - kept.height - later.height == wanted
        if kept.height and later.height:
            between = rows.filter((pl.col(TIME) > kept[TIME].max()) & (pl.col(TIME) < later[TIME].min()))
            assert between.height == wanted


def test_rows_without_time_are_cut_by_number(made_rows: CheckedFrame) -> None:
    train, held_out = hold_out(made_rows(200, has_time=False), LastShare())

    assert train[LINE].to_list() == list(range(1, 149))
    assert held_out[LINE].to_list() == list(range(161, 201))


def test_a_gap_leaves_rows_to_train_on_where_each_entity_has_few() -> None:
    frame = several_entities(40, rows_each=14)

    train, held_out = hold_out(frame, LastShare(share=0.2, gap_rows=12))

    assert (train.height, held_out.height) == (40 * 10, 40 * 3)
    assert train[ENTITY].n_unique() == 40


def test_a_gap_without_time_takes_no_more_than_a_tenth_either(made_rows: CheckedFrame) -> None:
    train, held_out = hold_out(made_rows(100, has_time=False), LastShare(share=0.5, gap_rows=12))

    assert (train.height, held_out.height) == (45, 50)


def test_rows_of_one_moment_are_refused_and_the_reason_is_told() -> None:
    with pytest.raises(NotEnoughDataError, match=r"no row is left to train on: of 120, none lies before .*2024-01-01"):
        hold_out(several_entities(120, rows_each=1), LastShare())


def test_fewer_than_a_hundred_rows_are_refused_with_the_mend(made_rows: CheckedFrame) -> None:
    with pytest.raises(NotEnoughDataError, match="at least 100 rows"):
        hold_out(made_rows(99), LastShare())


def test_a_fold_is_whole_days_in_turn(made_rows: CheckedFrame) -> None:
    found = folds(made_rows(288 * 9), LastShare())

    assert found.reshape(9, 288).tolist() == [[day % N_FOLDS] * 288 for day in range(9)]


@settings(max_examples=40, deadline=None)
@given(n=st.integers(20, 500), step_s=st.sampled_from([1.0, 60.0, 300.0, 3_600.0, 86_400.0, 345_600.0, 604_800.0]))
def test_every_fold_has_rows_and_leaves_most_for_fitting(made_rows: CheckedFrame, n: int, step_s: float) -> None:
    found = folds(made_rows(n, step_s=step_s), LastShare())

    counts = np.bincount(found, minlength=N_FOLDS)
    assert len(counts) == N_FOLDS
    assert counts.min() > 0
    assert counts.max() <= 0.6 * n


def test_rows_of_every_fourth_day_alone_are_in_different_folds(made_rows: CheckedFrame) -> None:
    frame = made_rows(288 * 29)
    day = (frame[TIME].dt.epoch("s") // 86_400).to_numpy()

    assert set(folds(frame.filter(pl.Series(day % 4 == day[0] % 4)), LastShare()).tolist()) == {0, 1, 2, 3}


def test_an_entity_is_on_one_side_only_and_the_same_one_whoever_else_is_there() -> None:
    frame = several_entities(12, rows_each=4)
    train, out = hold_out(frame, ByEntity(share=0.25))
    fewer, out_of_fewer = hold_out(frame.filter(pl.col(ENTITY) != out[ENTITY][0]), ByEntity(share=0.25))

    assert set(train[ENTITY]) | set(out[ENTITY]) == set(frame[ENTITY])
    assert not set(train[ENTITY]) & set(out[ENTITY])
    assert out[ENTITY].n_unique() == 3
    assert not set(fewer[ENTITY]) & set(out_of_fewer[ENTITY])
    assert len(set(out_of_fewer[ENTITY]) & set(out[ENTITY])) == 2


def test_rows_that_do_not_say_whose_they_are_stand_each_for_itself() -> None:
    frame = several_entities(1, rows_each=200).with_columns(pl.lit("").alias(ENTITY))

    train, out = hold_out(frame, ByEntity(share=0.25))

    assert (train.height, out.height) == (150, 50)
    assert train.join(out, on=TIME, how="semi").is_empty()
    assert hold_out(frame, ByEntity(share=0.25))[1].equals(out)


def test_entities_share_no_fold() -> None:
    frame = several_entities(40, rows_each=3)
    by_entity = frame.with_columns(pl.Series("fold", folds(frame, ByEntity()))).group_by(ENTITY)

    assert by_entity.agg(pl.col("fold").n_unique())["fold"].to_list() == [1] * 40


def test_the_last_rows_of_each_are_held_out_where_enough_are_left() -> None:
    frame = pl.concat([several_entities(3, rows_each=5), several_entities(1, rows_each=2, name="short")])
    train, out = hold_out(frame, LastOfEach(n_rows=2, least_rows=1))

    assert out.group_by(ENTITY).len().sort(ENTITY).rows() == [("e0", 2), ("e1", 2), ("e2", 2)]
    assert train.filter(pl.col(ENTITY) == "short0").height == 2
    for name in ("e0", "e1", "e2"):
        last = train.filter(pl.col(ENTITY) == name)[TIME].max()
        assert (out.filter(pl.col(ENTITY) == name)[TIME] > last).all()


def test_too_few_entities_to_keep_one_back_are_refused() -> None:
    with pytest.raises(NotEnoughDataError, match="at least four"):
        hold_out(several_entities(1, rows_each=200), ByEntity())


def several_entities(n: int, *, rows_each: int, name: str = "e") -> pl.DataFrame:
    start = datetime(2024, 1, 1, tzinfo=UTC)
    return pl.DataFrame(
        {
            ENTITY: [f"{name}{i}" for i in range(n) for _ in range(rows_each)],
            TIME: [start + timedelta(hours=j) for _ in range(n) for j in range(rows_each)],
            LINE: list(range(n * rows_each)),
            "value": [float(j) for _ in range(n) for j in range(rows_each)],
        }
    ).with_columns(pl.col(TIME).cast(pl.Datetime("us", "UTC")))
