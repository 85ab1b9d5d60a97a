"""Messages to rows: each as the body of a request, whatever it comes together with."""

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.serve.consume.consumers import bodies, body

from telltale.apps.helios.schema import METRICS
from telltale.apps.storefront.schema import ORDER
from telltale.contract.schema import Column, EventSchema
from telltale.serve.consume.broker import Delivery
from telltale.serve.consume.rows import MessageReader, Taken

_READER = MessageReader(METRICS)
# A body of each sort, and how many rows and reasons it makes.
_SORTS: list[tuple[bytes, int, int]] = [
    (body(1), 1, 0),
    (body(2), 1, 0),
    (body(1), 0, 0),  # as the first: the same row
    (body(3, timestamp="2025-01-01 10:00"), 1, 0),
    (body(4).replace(b"timestamp", b"ts"), 1, 0),
    (body(5, error_rate=2), 0, 1),
    (body(6, error_rate="a lot"), 0, 1),
    (body(7, timestamp=None), 0, 1),
    (b"[%b,%b]" % (body(8), body(9)), 2, 0),
    (b"[%b,%b]" % (body(10), body(10)), 1, 1),  # within one message: twice the same
    (b"%b\n%b" % (body(11), body(12)), 2, 0),
    (msgspec.json.format(body(13)), 1, 0),
    (b'{"timestamp":1735689600,"service":"x","load":1.5,"disk":3}', 1, 0),
    (b"no json", 0, 1),
    (b"", 0, 1),
    (b"7", 0, 1),
    (b"\xff\xfe", 0, 1),
    (b'{"timestamp":1735689600}', 0, 1),
    (b'{"timestamp":1735689600,"timestamp":1735689601}', 0, 1),
]


def read(*some: Any) -> Taken:
    return _READER.read([Delivery(b"%d" % place, one) for place, one in enumerate(some)])


def test_clean_messages_are_read_together() -> None:
    taken = read(*bodies(60))

    assert len(taken.rows) == 60
    assert taken.rows == sorted(taken.rows)
    assert taken.set_aside == []


@pytest.mark.parametrize(("sent", "n_rows", "n_reasons"), _SORTS, ids=range(len(_SORTS)))
def test_each_sort_of_message_alone(sent: bytes, n_rows: int, n_reasons: int) -> None:
    taken = read(sent)

    assert (len(taken.rows), len(taken.set_aside)) == (1 if sent == body(1) else n_rows, n_reasons)
    assert all(one.row.reason for one in taken.set_aside)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(0, len(_SORTS) - 1), unique=True, max_size=12))
def test_a_message_is_read_the_same_whatever_it_comes_together_with(places: list[int]) -> None:
    together = read(*[_SORTS[place][0] for place in places])
    alone = [read(_SORTS[place][0]) for place in places]

    assert together.rows == sorted({row[:3]: row for one in alone for row in one.rows}.values())
    assert sorted((one.delivery.id, one.row.reason) for one in together.set_aside) == sorted(
        (b"%d" % at, one.row.reason) for at, taken in enumerate(alone) for one in taken.set_aside
    )


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.binary(max_size=40) | st.sampled_from([body(1), b"{}", b'{"timestamp":1e300}', b"[[]]"]), max_size=6)
)
def test_whatever_comes_is_a_row_or_is_set_aside(sent: list[bytes]) -> None:
    taken = read(*sent)

    assert {one.delivery.id for one in taken.set_aside} >= {
        b"%d" % place for place, one in enumerate(sent) if b"error_rate" not in one
    }


@pytest.mark.parametrize("name", [b"timestamp", b"ts"])  # read at once, and checked together
def test_rows_that_are_older_than_those_of_other_messages_are_taken(name: bytes) -> None:
    taken = read(*[body(number).replace(b"timestamp", name) for number in (0, 400_000, 20)])

    assert len(taken.rows) == 3


def test_fields_are_columns() -> None:
    fields = {b"timestamp": b"1735689600", b"service": b"007", b"event_count": b"5", b"error_rate": b"0.5"}
    latencies = {b"p50_latency_ms": b"1", b"p95_latency_ms": b"2.5e1", b"p99_latency_ms": b"fast"}
    good = read(fields | latencies | {b"p99_latency_ms": b"30"}).rows
    bad = read(fields | latencies).set_aside

    assert [(row[0], row[1]) for row in good] == [("007", 1_735_689_600_000_000)]
    assert msgspec.json.decode(good[0][3])["p95_latency_ms"] == 25
    assert "p99_latency_ms" in bad[0].row.reason


def test_rows_of_one_moment_are_told_apart_by_their_key() -> None:
    order = {"user_id": "anna", "timestamp": 1_735_689_600, "quantity": 1, "unit_price": 2.5}
    sent = [msgspec.json.encode(order | {"item_id": item}) for item in ("a", "b", "a")]
    taken = MessageReader(ORDER).read([Delivery(b"%d" % place, one) for place, one in enumerate(sent)])

    assert [row[2] for row in taken.rows] == ['["a"]', '["b"]']


def test_content_that_is_forbidden_is_not_kept() -> None:
    schema = EventSchema(name="keys", columns=(Column(name="n"),), forbidden=("text",))
    taken = MessageReader(schema).read([Delivery(b"1", b'{"timestamp":1735689600,"n":1,"text":"secret"}')])

    assert taken.rows == []
    assert "secret" not in str(taken.set_aside[0].row)
