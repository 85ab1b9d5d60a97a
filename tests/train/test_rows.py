import hashlib
import time
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
_FLOATS = st.floats(allow_nan=False, allow_infinity=False)


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


SPECIAL = (
    pl.Series("name", ["a", None, "b"], dtype=pl.String),
    pl.Series("holds", [[1.0, 2.0], None, []], dtype=pl.List(pl.Float64)),
    pl.Series("marks", [["a", "b"], None, []], dtype=pl.List(pl.String)),
    pl.Series("spare", [1.5, None, 2.0], dtype=pl.Float64),
)


def _one_by_one(frame: pl.DataFrame, columns: tuple[str, ...]) -> list[int]:
    """The first release's hash, for columns of numbers: of entity, time and the row's float64 bytes."""
    hashes = []
    for row in frame.iter_rows(named=True):
        values = np.array([row[name] for name in columns]) + 0.0
        text = f"{row[ENTITY]}\0{int(row[TIME].timestamp()) * 1_000_000 + row[TIME].microsecond}\0".encode()
        digest = hashlib.blake2b(text + values.tobytes(), digest_size=8).digest()
        hashes.append(int.from_bytes(digest, "little"))
    return hashes


@given(values=st.lists(st.tuples(_FLOATS, _FLOATS), min_size=1, max_size=20))
def test_hashes_of_numbers_are_those_of_the_first_release(
    made_rows: CheckedFrame, values: list[tuple[float, float]]
) -> None:
    frame = made_rows(len(values)).with_columns(pl.DataFrame(values, schema=["load", "heat"], orient="row"))

    assert hash_rows(frame, ("load", "heat")).tolist() == _one_by_one(frame, ("load", "heat"))


def test_known_hash_of_the_first_release(made_rows: CheckedFrame) -> None:
    frame = made_rows(2).with_columns(pl.Series("load", [0.5, -0.0]))

    assert [f"{value:016x}" for value in hash_rows(frame, COLUMNS)] == ["629b79af5143c28f", "7dcae844d78a8a26"]
    assert snapshot_sha256(frame, COLUMNS) == "356b2c4a9c6b2839fbd9f31940937078adf3a60083f5c5242d4cbea7261bc034"


@pytest.mark.parametrize(
    "columns", [("name",), ("holds",), ("marks",), ("spare",), ("load", "name", "holds", "marks", "spare")]
)
def test_texts_lists_and_missing_values_are_hashed(made_rows: CheckedFrame, columns: tuple[str, ...]) -> None:
    frame = made_rows(3).with_columns(SPECIAL)
    hashes = hash_rows(frame, columns)
    assert len(set(hashes.tolist())) == 3
    assert hash_rows(frame[1:], columns).tolist() == hashes[1:].tolist()

    for name in set(columns) & {"name", "holds", "marks", "spare"}:
        for other in (frame[name].shift(1), frame[name].clear(3)):
            moved = frame.with_columns(other.alias(name))
            changed = [not frame[name][i : i + 1].equals(other[i : i + 1], null_equal=True) for i in range(3)]
            assert (hash_rows(moved, columns) != hashes).tolist() == changed
            assert snapshot_sha256(moved, columns) != snapshot_sha256(frame, columns)


def test_values_cannot_slip_from_one_list_into_the_next(made_rows: CheckedFrame) -> None:
    frame = made_rows(1).with_columns(a=pl.lit(pl.Series([[1.0, 2.0]])), b=pl.lit(pl.Series([[3.0]])))
    slipped = frame.with_columns(a=pl.lit(pl.Series([[1.0]])), b=pl.lit(pl.Series([[2.0, 3.0]])))
    zeros = frame.with_columns(a=pl.lit(pl.Series([[0.0, -0.0]])), b=pl.lit(pl.Series([[-0.0]])))

    assert hash_rows(frame, ("a", "b")).tolist() != hash_rows(slipped, ("a", "b")).tolist()
    assert (
        hash_rows(zeros, ("a",)).tolist()
        == hash_rows(zeros.with_columns(a=pl.lit(pl.Series([[0.0, 0.0]]))), ("a",)).tolist()
    )


@pytest.mark.parametrize("columns", [COLUMNS, ("name",), ("holds", "marks")])
def test_no_rows_have_no_hashes(made_rows: CheckedFrame, columns: tuple[str, ...]) -> None:
    frame = made_rows(3).with_columns(SPECIAL).clear()

    assert len(hash_rows(frame, columns)) == 0
    assert snapshot_sha256(frame, columns) == hashlib.sha256().hexdigest()


def test_many_rows_are_hashed_in_no_time(made_rows: CheckedFrame) -> None:
    frame = made_rows(100_000).with_columns((pl.col("load") * n).alias(f"m{n}") for n in range(4))
    began = time.process_time()
    hash_rows(frame, ("load", "m0", "m1", "m2", "m3"))

    assert time.process_time() - began < 0.5
