"""Rows in another's columns become rows of an event, or say why not."""

import json
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest

from telltale.apps.eyenet.flows import FLOW
from telltale.apps.eyenet.schema import SAMPLE
from telltale.contract.errors import SchemaError
from telltale.telemetry.files import parse_rows, read_rows
from telltale.telemetry.frames import ENTITY, LABEL, TIME
from telltale.telemetry.mapped_rows import map_rows
from telltale.telemetry.mapping import parse_mapping, read_mapping
from telltale.telemetry.raw_rows import RawRows
from telltale.telemetry.validate import check_rows

EXAMPLES = Path(__file__).parents[2] / "examples" / "mappings"
POLLS = """
[columns]
timestamp = { column = "at", time = "epoch_ms" }
device_id = "host"
bytes_in = { difference = "octets" }
packets_in = { difference = ["ucast", "nucast"] }
[differences]
per = ["host"]
"""


def _map(rows: str, text: str) -> RawRows:
    return map_rows(parse_rows(rows.encode(), "csv", source="rows.csv"), parse_mapping(text, source="m.toml"))


def test_columns_are_renamed_scaled_added_up_filled_in_named_and_dropped() -> None:
    raw = _map(
        "id,rtt,in_a,in_b,class,flag,load\n1,0.25,3,4,normal,,9\n2,-,5,6,flood,SF,8\n",
        """
        absent = ["-"]
        drop = ["id"]
        [columns]
        latency = { column = "rtt", scale = 1000.0 }
        bytes_in = { sum = ["in_a", "in_b"], scale = 8 }
        device_id = { constant = "router-1" }
        is_attack = { column = "class", values = { normal = 0, "*" = 1 } }
        state = { column = "flag", missing = "none" }
        """,
    )

    assert raw.frame.drop("@line").to_dicts() == [
        {"latency": 250.0, "bytes_in": 56.0, "device_id": "router-1", "is_attack": 0.0, "state": "none", "load": "9"},
        {"latency": None, "bytes_in": 88.0, "device_id": "router-1", "is_attack": 1.0, "state": "SF", "load": "8"},
    ]


def test_columns_that_are_not_named_can_be_dropped_all() -> None:
    assert _map("a,b\n1,2\n", "rest = 'drop'\n[columns]\nc = 'a'").columns == ("c",)


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("epoch_s", "1704103200.5"),
        ("epoch_ms", "1704103200500"),
        ("epoch_us", "1704103200500000"),
        ("iso", "2024-01-01T11:00:00.5+01:00"),
        ("%d.%m.%Y %H:%M:%S%.f", "01.01.2024 10:00:00.5"),
        ("%Y/%m/%d %H:%M:%S%.f %z", "2024/01/01 12:00:00.5 +0200"),
    ],
)
def test_times_are_read_as_they_are_written(written: str, value: str) -> None:
    raw = _map(f"at\n{value}\nsoon\n", f"[columns]\nts = {{ column = 'at', time = '{written}' }}")

    assert raw.frame["ts"].to_list() == [datetime(2024, 1, 1, 10, 0, 0, 500_000, tzinfo=UTC)]
    assert [(row.line, row.reason) for row in raw.unreadable] == [
        (3, f"at 'soon' is no time as {written} (columns.ts)")
    ]


def test_values_that_cannot_be_read_set_their_row_aside_with_column_value_and_key() -> None:
    raw = _map(
        "n,class,octets\nx,normal,1\n5,odd,2\n6,normal,-3\n7,normal,4\n8,normal,9\n",
        """
        [columns]
        load = { column = "n", scale = 2 }
        label = { column = "class", values = { normal = 0 } }
        bytes_in = { difference = "octets" }
        """,
    )

    assert {row.line: row.reason for row in raw.unreadable} == {
        2: "n 'x' is not a number (columns.load)",
        3: "class 'odd' is none of normal; add it, or \"*\", to columns.label.values",
        4: "octets '-3' is not a whole number of 0 or more (columns.bytes_in)",
    }
    assert raw.unreadable[0].raw == "x,normal,1"
    assert raw.frame["bytes_in"].to_list() == [2.0, 5.0]


def test_differences_are_of_one_device_in_time_order_and_wraps_are_mended() -> None:
    raw = _map(
        "at,host,octets,ucast,nucast\n"
        "10000,b,50,9,4\n20000,a,5,10,1\n10000,a,4294967290,3,1\n30000,a,2,0,0\n20000,b,80,12,6\n40000,a,9,2,1\n",
        POLLS,
    )

    rows = [(row["device_id"], row["bytes_in"], row["packets_in"]) for row in raw.frame.to_dicts()]
    assert rows == [("a", 11.0, 7.0), ("b", 30.0, 5.0), ("a", 7.0, 3.0)]
    assert list(raw.dropped) == ["3 rows"]  # the first of each, and the one after the reset


def test_values_are_told_per_interval_however_late_a_poll_came_and_a_long_gap_gives_no_row() -> None:
    times_s = [0, 10, 40, 45, 200]
    rows = "at,host,octets,ucast,nucast\n" + "".join(f"{s}000,a,{100 * s},{s},0\n" for s in times_s)
    raw = _map(rows, f"{POLLS}\ninterval = 10.0\nlongest = 60.0")

    assert raw.frame["bytes_in"].to_list() == [1_000.0, 1_000.0, 1_000.0]
    assert raw.frame["packets_in"].to_list() == [10.0, 10.0, 10.0]


def test_what_else_is_wrong_in_a_row_does_not_spoil_the_reading() -> None:
    raw = _map("n,c\n1,10\nx,15\n3,25\n", "[columns]\nload = { column = 'n', scale = 1 }\nb = { difference = 'c' }")

    assert raw.frame["b"].to_list() == [10.0]


def test_counters_of_64_bits_are_exact_in_json_too() -> None:
    objects = [{"c": 2**64 - 3, "n": 1}, {"c": 4, "n": 2}]
    body = "\n".join(json.dumps(one) for one in objects).encode()
    raw = map_rows(
        parse_rows(body, "ndjson", source="x"), parse_mapping("[differences]\ncolumns = ['c', 'n']", source="m.toml")
    )

    assert raw.frame["c"].to_list() == [7.0]


def test_rows_are_ordered_by_number_where_the_order_is_text_of_numbers() -> None:
    raw = _map("row,c\n10,30\n9,20\n8,5\n", "[differences]\norder = 'row'\ncolumns = ['c']")

    assert sorted(raw.frame["c"].to_list()) == [10.0, 15.0]


@pytest.mark.parametrize("rows", ["at,host,octets,ucast,nucast\n", "at,host,octets,ucast,nucast\n1,a,1,1,1\n"])
def test_a_file_of_no_reading_or_one_has_no_rows(rows: str) -> None:
    assert _map(rows, POLLS).frame.is_empty()


def test_a_reading_without_a_value_is_skipped_and_the_next_is_told_per_interval() -> None:
    raw = _map("at,host,octets,ucast,nucast\n0,a,0,0,0\n10000,a,,1,1\n20000,a,400,4,0\n", f"{POLLS}\ninterval = 10.0")

    assert raw.frame["bytes_in"].to_list() == [200.0]


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("[columns]\na = 'nope'", "columns.a"),
        ("[columns]\na = { sum = ['x', 'nope'] }", "columns.a"),
        ("drop = ['nope']", "drop"),
        ("[differences]\ncolumns = ['nope']", "differences.columns"),
        ("[differences]\nper = ['nope']", "differences.per"),
        ("[differences]\norder = 'nope'", "differences.order"),
    ],
)
def test_a_column_that_is_not_there_is_told_with_its_key(text: str, key: str) -> None:
    with pytest.raises(SchemaError, match=rf"rows.csv by m.toml: {key}: .*'nope'.*there are \['x'\]"):
        _map("x\n1\n", text)


@pytest.mark.data
def test_unsw_nb15_becomes_flows_and_samples_from_parquet_and_csv_alike(data_folder: Path, tmp_path: Path) -> None:
    file = data_folder / "unsw_nb15" / "UNSW_NB15_training-set.parquet"
    pl.read_parquet(file).write_csv(tmp_path / "flows.csv")
    for name, event in (("unsw_nb15", FLOW), ("unsw_nb15_five", SAMPLE)):
        mapping = read_mapping(EXAMPLES / f"{name}.toml")
        frames = [
            check_rows(event, map_rows(read_rows(path), mapping), require_time=False).frame.drop("@line")
            for path in (file, tmp_path / "flows.csv")
        ]
        assert frames[0].equals(frames[1])
        assert frames[0].height == 54_881
        assert frames[0][LABEL].mean() == pytest.approx(0.5537, abs=1e-4)
        assert not {"id", "attack_cat", "label"} & set(frames[0].columns)
    assert frames[0].filter(frames[0]["latency"] > 100).height > 1_000  # ms


@pytest.mark.data
def test_snmp_counters_become_differences_with_wraps_mended_and_resets_left_out(data_folder: Path) -> None:
    source = read_rows(data_folder / "snmp_mib" / "SNMP-MIB.parquet")
    raw = map_rows(source, read_mapping(EXAMPLES / "snmp_mib.toml"))
    frame = check_rows(FLOW, raw, require_time=False).frame

    # Eight runs, each with a first reading, and nine resets in them.
    assert (source.frame.height, frame.height, list(raw.dropped)) == (3_334, 3_317, ["17 rows"])
    octets = frame["ifInOctets11"]
    # In a step back of 4.2e9 a plain difference would lie; no interval counted a quarter of the range.
    assert octets.is_between(0, 2**30).all()
    assert "tcpCurrEstab" not in frame.columns


def test_polls_of_interfaces_become_samples_of_devices() -> None:
    rows = "polled_ms,host,ifInOctets,ifOutOctets,ifInUcastPkts,ifInNUcastPkts,ifOutUcastPkts,ifOutNUcastPkts,rtt_s\n"
    rows += "".join(
        f"{1_704_067_200_000 + 10_000 * n},sw1,{n * 500},{n * 300},{n * 4},{n},{n * 3},0,-\n" for n in range(4)
    )
    mapping = read_mapping(EXAMPLES / "snmp_interface.toml")
    checked = check_rows(SAMPLE, map_rows(parse_rows(rows.encode(), "csv", source="x"), mapping), require_time=True)

    assert checked.quarantined == ()
    assert checked.frame[ENTITY].unique().to_list() == ["sw1"]
    assert checked.frame[TIME].dt.epoch("s").to_list() == [1_704_067_210, 1_704_067_220, 1_704_067_230]
    assert checked.frame.select("bytes_in", "packets_in", "latency").rows() == [(500.0, 5.0, None)] * 3
