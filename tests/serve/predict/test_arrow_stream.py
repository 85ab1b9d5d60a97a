"""Bytes to record batches and back. pyarrow is the oracle: what it writes is read, what is written it reads."""

import datetime as dt
import io
import random
import struct
from collections.abc import Iterator
from decimal import Decimal
from itertools import pairwise

import numpy as np
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.serve.predict.arrow_streams import stream

from telltale.contract.errors import SchemaError, TelltaleError, TooLargeError, UsageError
from telltale.serve.http.problems import problem_of
from telltale.serve.predict import arrow_heads, arrow_stream
from telltale.serve.predict.arrow_stream import (
    END,
    ArrowReader,
    answer_part,
    broken_end,
    read_group,
    write_batch,
)

FLAT = pa.table(
    {
        "f16": pa.array(np.array([1, 2, 3], np.float16)),
        "f32": pa.array([1.5, None, 3.0], pa.float32()),
        "f64": pa.array([1.5, 2.5, None], pa.float64()),
        **{f"i{n}": pa.array([1, None, 3], getattr(pa, f"int{n}")()) for n in (8, 16, 32, 64)},
        **{f"u{n}": pa.array([1, 2, 3], getattr(pa, f"uint{n}")()) for n in (8, 16, 32, 64)},
        "flag": pa.array([True, None, False]),
        "text": pa.array(["a", None, "c" * 40]),
        "large": pa.array(["a", "b", None], pa.large_string()),
        "view": pa.array(["a", "b" * 40, None], pa.string_view()),
        "word": pa.array(["x", None, "x"]).dictionary_encode(),
        "bytes": pa.array([b"a", None, b"c"]),
        "day": pa.array([1, 2, None], pa.date32()),
        "noon": pa.array([1, 2, None], pa.time64("us")),
        "long": pa.array([1, 2, None], pa.duration("ms")),
        "money": pa.array([Decimal("1.20"), None, Decimal("3.00")]),
        "nothing": pa.nulls(3),
        **{f"at_{unit}": pa.array([1, None, 3], pa.timestamp(unit)) for unit in ("s", "ms", "us", "ns")},
        "zoned": pa.array([1, None, 3], pa.timestamp("us", "Europe/Berlin")),
    }
)


def read(body: bytes, cuts: list[int] | None = None, *, n_rows: int = 1_000) -> pl.DataFrame:
    reader = ArrowReader(n_rows=n_rows)
    places = [0, *sorted(cuts or []), len(body)]
    for start, end in pairwise(places):
        reader.feed(body[start:end])
    reader.finish()
    reader.close_group()
    assert reader.fields is not None
    names = [field.name for field in reader.fields]
    groups = [*iter(reader.take, None)]
    return pl.concat([read_group(group, names) for group in groups])


@pytest.mark.parametrize("compression", [None, "lz4", "zstd"])
def test_what_pyarrow_writes_is_read(compression: str | None) -> None:
    read_back = read(stream(FLAT, compression=compression))

    expected = pl.from_arrow(FLAT)
    assert isinstance(expected, pl.DataFrame)
    assert read_back.columns == FLAT.column_names
    for name in FLAT.column_names:
        assert read_back[name].to_list() == expected[name].to_list(), name


@settings(max_examples=60, deadline=None)
@given(data=st.data(), rows=st.integers(1, 7), limit=st.integers(1, 9))
def test_a_stream_is_the_same_wherever_it_is_cut(data: st.DataObject, rows: int, limit: int) -> None:
    body = stream(pa.concat_tables([FLAT] * 5).combine_chunks(), rows=rows)
    cuts = data.draw(st.lists(st.integers(0, len(body)), max_size=20))

    assert read(body, cuts, n_rows=limit).equals(read(body))


def test_a_group_holds_many_small_batches_and_no_more_rows_than_asked_for_by_one_batch() -> None:
    reader = ArrowReader(n_rows=10)
    reader.feed(stream(pa.table({"x": range(35)}), rows=3))
    reader.close_group()

    assert [group.n_rows for group in iter(reader.take, None)] == [12, 12, 11]


def test_a_dictionary_that_is_replaced_holds_for_the_batches_behind_it_only() -> None:
    written = io.BytesIO()
    batches = [
        pa.record_batch({"word": pa.array(words).dictionary_encode()}) for words in (["a", "b"], ["c", "b"], ["d", "d"])
    ]
    with pa.ipc.new_stream(written, batches[0].schema) as writer:
        for batch in batches:
            writer.write_batch(batch)

    assert read(written.getvalue())["word"].cast(pl.String).to_list() == ["a", "b", "c", "b", "d", "d"]


def test_a_dictionary_that_grows_is_refused() -> None:
    written = io.BytesIO()
    batches = [pa.record_batch({"word": pa.array(words).dictionary_encode()}) for words in (["a"], ["a", "b"])]
    with pa.ipc.new_stream(
        written, batches[0].schema, options=pa.ipc.IpcWriteOptions(emit_dictionary_deltas=True)
    ) as writer:
        for batch in batches:
            writer.write_batch(batch)

    with pytest.raises(UsageError, match=r"'word' grows.*whole"):
        read(written.getvalue())


@pytest.mark.parametrize(
    "column",
    [
        pa.array([[1], [2]]),
        pa.array([{"a": 1}, {"a": 2}]),
        pa.array([[("a", 1)], []], pa.map_(pa.string(), pa.int32())),
        pa.array([[1.0, 2.0]] * 2, pa.list_(pa.float64(), 2)),
        pa.RunEndEncodedArray.from_arrays([1, 2], [1.0, 2.0]),
        pa.UnionArray.from_sparse(pa.array([0, 0], pa.int8()), [pa.array([1, 2])]),
        pa.array([[1], [2]], pa.list_view(pa.int32())),
        pa.array([(1, 2, 3)] * 2, pa.month_day_nano_interval()),
    ],
    ids=lambda column: str(column.type)[:20],
)
def test_columns_that_hold_more_than_a_value_a_row_are_refused_by_name(column: pa.Array) -> None:
    with pytest.raises(SchemaError, match=r"'odd' holds.*Leave it out"):
        read(stream(pa.table({"x": [1, 2], "odd": column})))


def test_a_column_that_is_named_twice_is_refused() -> None:
    table = pa.Table.from_arrays([pa.array([1]), pa.array([2])], ["a", "a"])

    with pytest.raises(SchemaError, match=r"\['a'\] are named twice"):
        read(stream(table))


BODY = stream(FLAT)
ENDS = (len(BODY) - len(END), len(BODY))


@given(end=st.integers(1, len(BODY) - 1).filter(lambda end: end not in ENDS))
def test_a_stream_that_is_cut_off_is_refused(end: int) -> None:
    first_end = 8 + struct.unpack_from("<i", BODY, 4)[0]
    if end == first_end:
        return  # a schema, no batch and no end: a whole stream

    with pytest.raises(UsageError, match="ends within a message"):
        read(BODY[:end])


@pytest.mark.parametrize("body", [b"", b"{}", b"\x00" * 64, b"ARROW1\x00\x00" + BODY, BODY + b"\x00", BODY + BODY, END])
def test_what_is_no_stream_is_refused(body: bytes) -> None:
    with pytest.raises(UsageError, match="no Arrow IPC stream"):
        read(body)


def fault_of(body: bytes) -> TelltaleError | None:
    try:
        read(body)
    except TelltaleError as error:
        return error
    return None


def mutants(n: int) -> Iterator[bytes]:
    rng = random.Random(5)
    bodies = [stream(FLAT), stream(FLAT, compression="zstd"), stream(FLAT, compression="lz4")]
    for _ in range(n):
        body = bytearray(rng.choice(bodies))
        for _ in range(rng.choice((1, 1, 1, 2, 4, 16))):
            place = rng.randrange(len(body))
            if rng.random() < 0.3 and place + 8 <= len(body):
                word = rng.choice((-1, 0, 1, 2**31 - 1, 2**31, 2**62, -(2**63), 2**63 - 1, len(body)))
                struct.pack_into("<q", body, place, word)
            else:
                body[place] = rng.choice((0, 1, 0x7F, 0x80, 0xFF, rng.randrange(256)))
        yield bytes(body)


def test_a_stream_with_wrong_bytes_is_read_or_refused_and_breaks_nothing() -> None:
    refused = [*filter(None, map(fault_of, mutants(2_000)))]

    assert len(refused) > 200
    assert {error.status for error in refused} <= {400, 413, 422}
    assert all(error.mend for error in refused)


def test_messages_beyond_the_limits_are_refused_before_they_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arrow_heads, "MOST_BYTES", 20_000)
    monkeypatch.setattr(arrow_heads, "MOST_ROWS", 2_000)
    monkeypatch.setattr(arrow_stream, "MOST_DICTIONARY_BYTES", 2_000)
    # The head of the batch is enough: the body has not come yet.
    large = stream(pa.table({"x": np.zeros(5_000)}))[:1_000]
    packed = stream(
        pa.table({"x": np.zeros(1_900), **{f"y{n}": np.zeros(1_900) for n in range(3)}}), compression="zstd"
    )
    words = stream(pa.table({"x": pa.array([f"word {n}" for n in range(300)]).dictionary_encode()}))

    with pytest.raises(TooLargeError, match="40000 bytes"):
        ArrowReader(n_rows=10).feed(large)
    assert len(packed) < 5_000
    with pytest.raises(TooLargeError, match="once unpacked"):
        read(packed)
    with pytest.raises(TooLargeError, match="2500 rows"):
        read(stream(pa.table({"x": np.zeros(2_500, np.int8)})))
    with pytest.raises(TooLargeError, match="dictionaries"):
        read(words)


def test_a_packed_buffer_that_lies_about_its_length_is_refused() -> None:
    body = bytearray(stream(pa.table({"x": np.zeros(1_000)}), compression="zstd"))
    place = bytes(body).index(struct.pack("<q", 8_000))
    struct.pack_into("<q", body, place, 2**40)

    with pytest.raises(TooLargeError, match="once unpacked"):
        read(bytes(body))


def test_answers_of_several_batches_are_one_stream_to_pyarrow_and_to_polars() -> None:
    frames = [
        pl.DataFrame({"entity": ["a", None], "score": [0.5, None], "decision": [True, None], "n": [1, 2]}),
        pl.DataFrame({"entity": ["b"], "score": [0.25], "decision": [False], "n": [3]}),
    ]
    parts = [answer_part(write_batch(frame), is_first=place == 0) for place, frame in enumerate(frames)]
    whole = b"".join([*parts, END])

    assert pa.ipc.open_stream(whole).read_all().to_pylist() == pl.concat(frames).to_dicts()
    assert pl.read_ipc_stream(whole).equals(pl.concat(frames))
    assert pa.ipc.open_stream(whole).schema.field("entity").type == pa.large_string()


def test_every_reader_stumbles_over_answers_that_could_not_go_on() -> None:
    frame = pl.DataFrame({"score": [0.5]})
    body = answer_part(write_batch(frame), is_first=True) + broken_end(
        problem_of(UsageError("it is late", mend="Wait."))
    )

    reader = pa.ipc.open_stream(body)
    assert reader.read_next_batch().num_rows == 1
    with pytest.raises(pa.ArrowInvalid):
        reader.read_next_batch()
    with pytest.raises(pl.exceptions.ComputeError):
        pl.read_ipc_stream(body)
    assert b"it is late" in body


def test_times_come_as_they_were_written() -> None:
    at = dt.datetime(2024, 1, 1, 12, tzinfo=dt.UTC)
    table = pa.table({"at": pa.array([at], pa.timestamp("ms", "America/New_York"))})

    assert read(stream(table))["at"].to_list() == [at]
