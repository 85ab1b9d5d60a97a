"""`predict:batch` with Arrow over the whole application: the same answers as NDJSON, row for row."""

import asyncio
import datetime as dt
import json
import math
import time
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.serve.predict.arrow_streams import KIND, answers, stream, table_of

from telltale.serve.live.live_task import LiveTask
from telltale.serve.predict import arrow_batch, arrow_heads
from telltale.serve.predict.arrow_batch import answer_arrow

PREDICT = "/v1/helios/anomaly/predict"
BATCH = f"{PREDICT}:batch"
Row = dict[str, Any]
TIMES = [dt.datetime(2024, 1, 3, 14, 30, tzinfo=dt.UTC) + dt.timedelta(hours=7 * n) for n in range(40)]


def many(row: Row, n: int = 40) -> list[Row]:
    """Rows of several entities and hours, some of them strange."""
    return [
        row
        | {
            "timestamp": TIMES[at % len(TIMES)].isoformat(),
            "service": ("checkout", "search", None)[at % 3],
            "event_count": 1000 + 37 * at,
            "error_rate": 0.4 if at % 5 == 0 else 0.01,
            "p99_latency_ms": 130.75 + 100 * (at % 7),
        }
        for at in range(n)
    ]


def by_lines(client: Any, path: str, rows: list[Row]) -> list[Row]:
    body = "\n".join(json.dumps(row) for row in rows).encode()
    return [json.loads(line) for line in client.post(path, body).text.splitlines()]


def by_arrow(client: Any, path: str, table: pa.Table, **how: Any) -> list[Row]:
    answer = client.post(path, stream(table, **how), **KIND)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == KIND["content-type"]
    return answers(answer.content)


def assert_same(told: Row, line: Row, names: tuple[str, ...]) -> None:
    if "error" in line:
        problem = line["error"]
        assert told["error"] == f"{problem['detail']}. {problem['mend']}"
        assert [told[name] for name in names] == [None] * len(names)
        return
    assert told["error"] is None
    assert told["version"] == line["version"]
    for name in names:
        if isinstance(line[name], float):
            assert math.isclose(told[name], line[name], rel_tol=1e-6, abs_tol=1e-6), name
        else:
            assert told[name] == line[name], name


@pytest.mark.parametrize("rows", [1, 7, 40])
@pytest.mark.parametrize("compression", [None, "zstd"])
def test_each_row_is_decided_as_a_line_of_its_own(client: Any, row: Row, rows: int, compression: str | None) -> None:
    sent = many(row)

    told = by_arrow(client, BATCH, table_of(sent), rows=rows, compression=compression)

    lines = by_lines(client, BATCH, sent)
    assert len({line["decision"] for line in lines}) == 2
    assert len(told) == len(lines)
    for own, line in zip(told, lines, strict=True):
        assert list(own) == ["entity", "score", "decision", "threshold", "version", "error"]
        assert_same(own, line, ("entity", "score", "decision", "threshold"))


def test_a_version_promoted_since_has_no_part_in_a_stream_that_has_begun(client: Any, row: Row) -> None:
    live = client.edge.place("helios", "anomaly").live
    body = stream(table_of(many(row)), rows=5)

    async def chunks() -> AsyncIterator[bytes]:
        for start in range(0, len(body), 200):
            if start == 4_000:
                client.edge.registry.promote("helios", "anomaly", 2, actor="t", reason="t", now=TIMES[0])
                client.edge.versions.refresh()
            yield body[start : start + 200]

    told = answers(asyncio.run(whole(live, chunks())))
    assert client.edge.place("helios", "anomaly").live.served.version == 2
    assert {one["version"] for one in told} == {1}


async def whole(live: LiveTask, chunks: AsyncIterator[bytes]) -> bytes:
    parts = await answer_arrow(live, chunks, lambda _: None)
    return b"".join([part async for part in parts])


async def cut(body: bytes, places: list[int]) -> AsyncIterator[bytes]:
    for start, end in zip([0, *sorted(places)], [*sorted(places), len(body)], strict=True):
        yield body[start:end]


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), size=st.integers(1, 40))
def test_answers_are_the_same_wherever_the_body_is_cut(client: Any, data: st.DataObject, size: int) -> None:
    live = client.edge.place("helios", "anomaly").live
    rows = many({"p50_latency_ms": 42.5, "p95_latency_ms": 100.25})
    body = stream(table_of(rows), rows=size)
    places = data.draw(st.lists(st.integers(0, len(body)), max_size=12))

    expected = answers(asyncio.run(whole(live, cut(body, []))))
    told = answers(asyncio.run(whole(live, cut(body, places))))

    for own, other in zip(told, expected, strict=True):
        assert own | {"score": 0} == other | {"score": 0}
        assert math.isclose(own["score"], other["score"], rel_tol=1e-9)


@pytest.mark.parametrize(
    "wrong",
    [
        {"error_rate": 1.5},
        {"error_rate": None},
        {"p99_latency_ms": -1.0},
        {"p99_latency_ms": 1e39},
        {"service": "x" * 600},
    ],
    ids=str,
)
def test_a_row_that_does_not_fit_says_why_and_the_others_go_on(client: Any, row: Row, wrong: Row) -> None:
    sent = [row, row | wrong, row]

    told = by_arrow(client, BATCH, table_of(sent))

    lines = by_lines(client, BATCH, sent)
    assert [one["error"] is None for one in told] == [True, False, True]
    assert [told[1][name] for name in ("score", "decision", "threshold")] == [None] * 3
    name = next(iter(wrong))
    assert name in told[1]["error"]
    if name != "service":  # whose name is told at whatever length it has
        assert_same(told[1], lines[1], ("score", "decision"))


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_number_that_json_does_not_have_is_told_of_its_row(client: Any, row: Row, value: float) -> None:
    told = by_arrow(client, BATCH, table_of([row, row | {"p50_latency_ms": value}]))

    assert told[0]["error"] is None
    assert told[1]["error"].startswith("p50_latency_ms is ")
    assert told[1]["score"] is None


MOMENT = dt.datetime(2024, 1, 6, 3, tzinfo=dt.UTC)


TIMES_WRITTEN = [
    *(pa.array([MOMENT], pa.timestamp(unit, "UTC")) for unit in ("s", "ms", "us", "ns")),
    pa.array([MOMENT.replace(tzinfo=None)], pa.timestamp("us")),
    pa.array([MOMENT], pa.timestamp("us", "Asia/Tokyo")),
    pa.array(["2024-01-06T05:00:00+02:00"]),
    pa.array(["2024-01-06 03:00:00"], pa.large_string()),
    pa.array(["2024-01-06T03:00:00Z"], pa.string_view()),
    pa.array(["2024-01-06T03:00:00Z"]).dictionary_encode(),
    pa.array([MOMENT.timestamp()]),
    pa.array([int(MOMENT.timestamp())]),
]


def test_a_time_counts_however_it_is_written(client: Any, row: Row) -> None:
    base = table_of([row]).drop_columns(["timestamp"])

    line = by_lines(client, BATCH, [row | {"timestamp": MOMENT.isoformat()}])[0]
    other = by_lines(client, BATCH, [row])[0]
    assert abs(line["score"] - other["score"]) > 1e-3
    for times in TIMES_WRITTEN:
        assert_same(by_arrow(client, BATCH, base.append_column("timestamp", times))[0], line, ("score",))


def test_a_row_without_time_is_of_the_moment_it_came(client: Any, row: Row) -> None:
    sent = [row | {"timestamp": None}, row]

    told = by_arrow(client, BATCH, table_of(sent))
    without = by_arrow(client, BATCH, table_of(sent).drop_columns(["timestamp"]))

    now = by_lines(client, BATCH, [row | {"timestamp": time.time()}])[0]
    assert math.isclose(told[0]["score"], now["score"], rel_tol=1e-3)
    assert math.isclose(without[1]["score"], now["score"], rel_tol=1e-3)


@pytest.mark.parametrize("moment", ["soon", "1e15", "9999-99-99T00:00:00Z"])
def test_a_time_that_is_none_is_told_of_its_row(client: Any, row: Row, moment: str) -> None:
    told = by_arrow(client, BATCH, table_of([row, row | {"timestamp": moment}]))

    assert told[0]["error"] is None
    assert told[1]["error"].startswith(f"the time {moment} in timestamp is no time")


@pytest.mark.parametrize("unit", ["ms", "us", "ns"])
def test_a_timestamp_that_no_calendar_has_is_told_of_its_row_or_read(client: Any, row: Row, unit: str) -> None:
    times = pa.array([2**63 - 1, -(2**63) + 1, 0], pa.timestamp(unit))
    own = table_of([row] * 3).drop_columns(["timestamp"]).append_column("timestamp", times)

    told = by_arrow(client, BATCH, own)

    # In nanoseconds 64 bits are less than three hundred years.
    assert [one["error"] is None for one in told] == [unit == "ns", unit == "ns", True]


def test_a_measured_column_is_of_any_kind_of_number(client: Any, row: Row) -> None:
    base = table_of([row]).drop_columns(["p50_latency_ms"])
    line = by_lines(client, BATCH, [row | {"p50_latency_ms": 7}])[0]

    for kind in (pa.float16(), pa.float32(), pa.int8(), pa.uint8(), pa.int32(), pa.uint32(), pa.int64(), pa.uint64()):
        column = pa.array([np.float16(7) if kind == pa.float16() else 7], kind)
        told = by_arrow(client, BATCH, base.append_column("p50_latency_ms", column))
        assert_same(told[0], line, ("score", "decision"))


def test_a_measured_column_of_another_kind_is_refused_by_name(client: Any, row: Row) -> None:
    base = table_of([row]).drop_columns(["p50_latency_ms"])

    for kind, value in (
        (pa.decimal128(10, 2), Decimal(7)),
        (pa.string(), "7"),
        (pa.bool_(), True),
        (pa.duration("s"), 7),
    ):
        status, told = refused(client, stream(base.append_column("p50_latency_ms", pa.array([value], kind))))
        assert status == 422
        assert "'p50_latency_ms'" in told["detail"]
        assert told["mend"] == "Send a column of integers or floats."


def test_an_entity_is_text_of_any_kind_or_a_whole_number(client: Any, row: Row) -> None:
    base = table_of([row, row]).drop_columns(["service"])
    names = ["checkout", "search"]

    for services in (
        pa.array(names, pa.large_string()),
        pa.array(names, pa.string_view()),
        pa.array(names).dictionary_encode(),
    ):
        told = by_arrow(client, BATCH, base.append_column("service", services))
        assert [one["entity"] for one in told] == names
    numbers = base.append_column("service", pa.array([7, None], pa.int16()))
    assert [one["entity"] for one in by_arrow(client, BATCH, numbers)] == ["7", None]
    assert "entity" not in by_arrow(client, BATCH, base)[0]


def refused(client: Any, body: bytes, path: str = BATCH) -> tuple[int, Row]:
    answer = client.post(path, body, **KIND)
    assert answer.headers["content-type"] == "application/problem+json"
    return answer.status_code, answer.json()


def test_what_stops_a_stream_before_its_first_answer_is_a_problem_document(client: Any, row: Row) -> None:
    table = table_of([row])
    body = stream(table)

    status, told = refused(client, stream(table.drop_columns(["error_rate"])))
    assert (status, "['error_rate'] are missing" in told["detail"]) == (422, True)
    status, told = refused(client, stream(table.append_column("explain", pa.array([True]))))
    assert (status, "NDJSON" in told["mend"]) == (422, True)
    for garbage in (b"", b"{}", body[: len(body) // 2], body[:100]):
        status, told = refused(client, garbage)
        assert (status, "no Arrow IPC stream" in told["detail"]) == (400, True)


def test_a_message_that_is_too_large_is_refused_while_it_is_announced(
    client: Any, row: Row, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(arrow_heads, "MOST_BYTES", 5_000)

    status, told = refused(client, stream(table_of([row] * 1_000)))

    assert status == 413
    assert "record batches of at most" in told["mend"]


def test_a_stream_that_breaks_on_the_way_cannot_be_taken_for_a_whole_one(client: Any, row: Row) -> None:
    body = stream(table_of([row] * 4), rows=2)

    answer = client.post(BATCH, body[:-40], **KIND)

    assert answer.status_code == 200
    reader = pa.ipc.open_stream(answer.content)
    assert reader.read_next_batch().num_rows == 2
    last = reader.read_next_batch().to_pylist()
    assert [(one["score"], one["error"][:44]) for one in last] == [
        (None, "the stream ends here: this is no Arrow IPC s")
    ]
    with pytest.raises(pa.ArrowInvalid):
        reader.read_next_batch()


def test_a_stream_of_no_rows_is_answered_by_one(client: Any, row: Row) -> None:
    table = table_of([row])

    for body in (stream(table.slice(0, 0)), stream(table.schema.empty_table())):
        read = pa.ipc.open_stream(client.post(BATCH, body, **KIND).content).read_all()
        assert (read.num_rows, read.column_names[1]) == (0, "score")


def test_batches_larger_than_a_piece_come_back_whole_and_in_order(
    client: Any, row: Row, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(arrow_batch, "_PIECE_ROWS", 64)
    n = 1_000
    own = pa.table(
        {
            **{name: [value] * n for name, value in row.items() if name not in {"service", "error_rate"}},
            "service": [str(at) for at in range(n)],
            "error_rate": [2.0 if at % 9 == 0 else 0.01 for at in range(n)],
        }
    )

    told = by_arrow(client, BATCH, own, rows=300)

    assert [one["entity"] for one in told] == [str(at) for at in range(n)]
    assert [one["error"] is not None for one in told] == [at % 9 == 0 for at in range(n)]


def test_answers_are_counted_and_not_logged(client: Any, row: Row) -> None:
    by_arrow(client, BATCH, table_of([row] * 30))

    assert client.get("/v1/predictions/helios/anomaly").json() == []
    page = client.get("/metrics").text
    assert 'telltale_predictions_total{app="helios",role="champion",task="anomaly",version="1"} 30.0' in page


@pytest.mark.parametrize("task", ["alarm", "habits", "channel"])
def test_tasks_of_each_kind_that_decide_rows_answer_as_lines_do(shop: Any, task: str) -> None:
    path = f"/v1/shop/{task}/predict:batch"
    times = {"timestamp": "2024-01-02T03:04:05Z"}
    sent: list[Row] = [
        *({"device": "sw-1", "load": 100.0 + 40 * at, "heat": 40.0} | times for at in range(6)),
        {"device": "sw-2", "load": None, "heat": 40.0} | times,
        {"device": None, "load": None, "heat": None} | times,
    ]
    if task != "alarm":
        sent = [{"user_id": str(at), "logins": 4.0 * at, "orders": float(at)} | times for at in range(8)]
        sent[3]["logins"] = None
    names = {
        "alarm": ("score", "decision", "threshold"),
        "habits": ("segment", "name", "distance"),
        "channel": ("choice", "cost_mail", "cost_post"),
    }[task]

    told = by_arrow(shop, path, table_of(sent))

    lines = by_lines(shop, path, sent)
    for own, line in zip(told, lines, strict=True):
        costs = {f"cost_{name}": cost for name, cost in line.get("costs", {}).items()}
        assert_same(own, line | costs, names)
    assert any("error" in line for line in lines)


def test_a_column_that_a_plan_fills_may_be_left_out(shop: Any) -> None:
    path = "/v1/shop/alarm/predict:batch"

    told = by_arrow(shop, path, pa.table({"load": [100.0, None]}))

    assert_same(told[0], by_lines(shop, path, [{"load": 100.0}])[0] | {"score": told[0]["score"]}, ("score",))
    assert told[1]["error"].startswith("there is no value for any of")
    assert refused(shop, stream(pa.table({"note": ["a"]})), path)[0] == 422


@pytest.mark.parametrize("task", ["next", "trend"])
def test_tasks_that_answer_questions_say_to_send_lines(shop: Any, task: str) -> None:
    status, told = refused(shop, stream(pa.table({"user_id": ["a"]})), f"/v1/shop/{task}/predict:batch")

    assert status == 415
    assert told["mend"] == "Send NDJSON: application/x-ndjson."
