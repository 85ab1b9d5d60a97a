from collections.abc import Callable

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from telltale.contract.errors import OverlapError
from telltale.telemetry.frames import ENTITY, TIME
from telltale.train.rows import hash_rows, refuse_overlap, snapshot_sha256

CheckedFrame = Callable[..., pl.DataFrame]
COLUMNS = ("load",)


def test_a_hash_is_of_entity_time_and_values(made_rows: CheckedFrame) -> None:
    frame = made_rows(50)
    seen = set(hash_rows(frame, COLUMNS).tolist())

    assert len(seen) == 50
    for other in (
        frame.with_columns(pl.lit("someone").alias(ENTITY)),
        frame.with_columns(pl.col(TIME) + pl.duration(microseconds=1)),
        frame.with_columns(pl.col("load").map_batches(lambda s: pl.Series(np.nextafter(s.to_numpy(), np.inf)))),
    ):
        assert not seen & set(hash_rows(other, COLUMNS).tolist())


@pytest.mark.parametrize("columns", [("load",), ("load", "heat")])
def test_minus_zero_is_zero_and_the_frame_stays_as_it_was(made_rows: CheckedFrame, columns: tuple[str, ...]) -> None:
    plus = made_rows(3).with_columns(pl.lit(0.0).alias("load"), pl.lit(1.0).alias("heat"))
    minus = plus.with_columns(pl.lit(-0.0).alias("load"))

    assert hash_rows(plus, columns).tolist() == hash_rows(minus, columns).tolist()
    assert np.signbit(minus["load"].to_numpy()).all()


@settings(max_examples=30, deadline=None)
@given(n=st.integers(1, 60), first=st.integers(0, 59))
def test_any_row_that_was_trained_on_is_found_in_any_order(made_rows: CheckedFrame, n: int, first: int) -> None:
    frame = made_rows(60)
    trained = np.sort(hash_rows(frame[:n], COLUMNS))
    judged = frame[first:].sample(fraction=1.0, shuffle=True, seed=0)
    n_known = max(0, n - first)

    if n_known == 0:
        refuse_overlap(judged, COLUMNS, trained, where="x")
    else:
        with pytest.raises(OverlapError, match=f"x: {n_known} of {60 - first} rows"):
            refuse_overlap(judged, COLUMNS, trained, where="x")


def test_rows_without_time_are_exempt(made_rows: CheckedFrame) -> None:
    frame = made_rows(20, has_time=False)

    assert len(hash_rows(frame, COLUMNS)) == 0
    refuse_overlap(frame, COLUMNS, hash_rows(frame, COLUMNS), where="x")


def test_a_snapshot_is_of_every_value_with_and_without_time(made_rows: CheckedFrame) -> None:
    for frame in (made_rows(20), made_rows(20, has_time=False)):
        moved = frame.with_columns(
            pl.when(pl.int_range(pl.len()) == 7).then(0.5).otherwise(pl.col("load")).alias("load")
        )

        assert snapshot_sha256(frame, COLUMNS) == snapshot_sha256(frame.clone(), COLUMNS)
        assert snapshot_sha256(frame, COLUMNS) != snapshot_sha256(moved, COLUMNS)
