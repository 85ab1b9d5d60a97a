"""Files in, raw rows out: every format, with line numbers, and what is no row named."""

import csv
import io
import json
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from telltale.contract.errors import NotFoundError, SchemaError, UsageError
from telltale.telemetry.csv_rows import parse_csv
from telltale.telemetry.files import FileFormat, RawRows, parse_ndjson, read_rows, rows_from_objects
from telltale.telemetry.frames import LINE


def _write(folder: Path, name: str, data: bytes) -> Path:
    path = folder / name
    path.write_bytes(data)
    return path


def _broken(raw: RawRows) -> list[tuple[int, str]]:
    return [(row.line, row.reason) for row in raw.unreadable]


@pytest.mark.parametrize("head", [b"", b"\xef\xbb\xbf"], ids=["plain", "byte-order-mark"])
@pytest.mark.parametrize("end", [b"\n", b"\r\n"], ids=["unix", "windows"])
@pytest.mark.parametrize("quote", [b"", b'"'], ids=["bare", "quoted"])
def test_csv_values_stay_text_and_keep_their_lines(tmp_path: Path, head: bytes, end: bytes, quote: bytes) -> None:
    body = end.join([b"timestamp, service,load", quote + b"1" + quote + b",007,", b"", b"2,\xc3\xa9,0.50", b""])
    raw = read_rows(_write(tmp_path, "a.csv", head + body))

    assert raw.frame.to_dict(as_series=False) == {
        "timestamp": ["1", "2"],
        "service": ["007", "é"],
        "load": [None, "0.50"],
        LINE: [2, 4],
    }
    assert raw.is_text


@pytest.mark.parametrize("quote", ["", '"x"'], ids=["bare", "with-quotes-elsewhere"])
def test_csv_line_with_another_number_of_values_costs_that_line_only(quote: str) -> None:
    raw = parse_csv(f"a,b\n1,2\n3\n4,5,6\n7,8\n{quote},9\n".encode(), source="t")

    assert raw.frame[LINE].to_list() == [2, 5, 6]
    assert _broken(raw) == [
        (3, "has 1 values where the header names 2"),
        (4, "has 3 values where the header names 2"),
    ]
    assert [row.raw for row in raw.unreadable] == ["3", "4,5,6"]


def test_csv_quote_that_is_never_closed_does_not_swallow_the_rows_after_it() -> None:
    rows = "".join(f"{n},x\n" for n in range(100))
    raw = parse_csv(f'a,b\n1,"two\n{rows}'.encode(), source="t")

    assert _broken(raw) == [(2, "is not CSV: unexpected end of data")]
    assert raw.frame[LINE].to_list() == list(range(3, 103))


def test_csv_quoted_value_may_hold_commas_quotes_and_line_ends() -> None:
    raw = parse_csv(b'a,b\n"x,\n""y""",1\nz,2\n', source="t")

    assert raw.frame["a"].to_list() == ['x,\n"y"', "z"]
    assert raw.frame[LINE].to_list() == [2, 4]
    assert raw.unreadable == ()


def test_csv_two_stray_quotes_far_apart_do_not_make_one_value_of_what_lies_between() -> None:
    between = "".join(f"{n},x\n" for n in range(50))
    raw = parse_csv(f'a,b\n1,"two\n{between}end",3\n'.encode(), source="t")

    assert _broken(raw) == [(2, "is not CSV: unexpected end of data")]
    assert raw.frame[LINE].to_list() == list(range(3, 54))


def test_csv_line_that_is_not_utf8_costs_that_line_only() -> None:
    raw = parse_csv(b"a,b\nok,1\n\xe9t\xe9,2\n\xc3\xa9,3\n", source="t")

    assert _broken(raw) == [(3, "is not UTF-8 text")]
    assert raw.frame["a"].to_list() == ["ok", "é"]


def test_csv_row_index_of_pandas_is_left_out_and_named() -> None:
    raw = parse_csv(b",Unnamed: 0,load\n0,0,1.5\n1,1,2.5\n", source="t")

    assert raw.columns == ("load",)
    assert raw.dropped == {
        "@column 1": "has no name in the header",
        "Unnamed: 0": "is a row index written by pandas",
    }


@pytest.mark.parametrize(
    ("data", "error", "message"),
    [
        (b"", SchemaError, r"line 1 is empty\. Begin the file with a line that names its columns"),
        (b"a;b\n1;2\n", UsageError, r"not separated by commas\. Save it with commas"),
        (b"a,b,a\n", SchemaError, r"\['a'\] appear twice in the header\. Rename or remove one"),
        (b"@time,b\n", SchemaError, r"\['@time'\] begin with @.*Rename the source columns"),
        ("a,b\n".encode("utf-16"), UsageError, r"UTF-16\. Save it as CSV in UTF-8"),
        (b'a,"b\n1,2\n', UsageError, r"line 1 is not a CSV header"),
    ],
)
def test_csv_without_a_usable_header_is_refused_with_the_mend(
    data: bytes, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        parse_csv(data, source="t")


@given(
    rows=st.lists(
        st.lists(
            st.text(st.sampled_from('a1,"\n é\t;'), max_size=6),
            min_size=3,
            max_size=3,
        ),
        max_size=8,
    ),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
)
def test_csv_reads_back_what_a_csv_writer_wrote(rows: list[list[str]], quoting: int) -> None:
    text = io.StringIO()
    csv.writer(text, quoting=quoting, lineterminator="\n").writerows([["a", "b", "c"], *rows])  # type: ignore[arg-type]  # a constant of csv
    raw = parse_csv(text.getvalue().encode(), source="t")

    assert raw.frame.drop(LINE).rows() == [tuple(value or None for value in row) for row in rows]
    assert raw.unreadable == ()


@given(body=st.text(st.sampled_from('ab1,"\n é'), max_size=60))
def test_csv_of_any_bytes_gives_each_line_a_row_or_a_reason(body: str) -> None:
    raw = parse_csv(b"x,y\n" + body.encode(), source="t")
    filled = {number for number, line in enumerate(body.split("\n"), start=2) if line.strip()}
    begun = set(raw.frame[LINE]) | {row.line for row in raw.unreadable}

    assert begun <= filled
    if '"' not in body:
        assert begun == filled


def test_ndjson_values_keep_their_types_and_lines(tmp_path: Path) -> None:
    path = _write(tmp_path, "a.jsonl", b'{"t": 1, "v": 1.5}\n\n{"t": 2, "v": null, "w": "x"}\r\n')
    raw = read_rows(path)

    assert raw.frame.to_dict(as_series=False) == {
        "t": [1, 2],
        "v": [1.5, None],
        "w": [None, "x"],
        LINE: [1, 3],
    }
    assert not raw.is_text


def test_ndjson_broken_line_costs_that_line_only() -> None:
    raw = parse_ndjson(b'{"v": 1}\n{"v": \n[1, 2]\n7\n"x"\n{"v": 2}\n\xff\n{"v": "\\ud800", "w": NaN}\n')

    assert raw.frame["v"].to_list() == [1, 2]
    reasons = dict(_broken(raw))
    assert sorted(reasons) == [2, 3, 4, 5, 7, 8]
    assert reasons[2].startswith("is not JSON: ")
    assert reasons[3] == "is a list, not an object of named values"
    assert reasons[4] == "is a number, not an object of named values"
    assert reasons[5] == "is text, not an object of named values"
    assert reasons[7].startswith("is not JSON: ")
    assert reasons[8].startswith("is not JSON: ")


def test_ndjson_nan_as_python_writes_it_reaches_the_check() -> None:
    raw = parse_ndjson(json.dumps({"v": float("nan"), "w": float("-inf")}).encode())

    assert raw.frame["v"].is_nan().to_list() == [True]
    assert raw.frame["w"].to_list() == [float("-inf")]


def test_json_list_of_objects_is_taken(tmp_path: Path) -> None:
    raw = read_rows(_write(tmp_path, "a.json", b' [{"v": 1}, {"v": 2}, 3]'))

    assert raw.frame.to_dict(as_series=False) == {"v": [1, 2], LINE: [1, 2]}
    assert [line for line, _ in _broken(raw)] == [3]


@given(
    st.lists(
        st.dictionaries(
            st.sampled_from("abc"),
            st.none()
            | st.booleans()
            | st.integers()
            | st.floats()
            | st.text(st.characters(exclude_categories=["Cs"]), max_size=3)
            | st.just([1])
            | st.just({}),
        ),
        max_size=6,
    )
)
def test_objects_keep_every_value_as_it_is(objects: list[dict[str, object]]) -> None:
    raw = rows_from_objects(objects)

    for name in raw.columns:
        for row, value in zip(objects, raw.frame[name].to_list(), strict=True):
            assert value == row.get(name) or str(value) == str(row.get(name))


def test_body_of_objects_that_share_no_column_is_refused() -> None:
    with pytest.raises(
        SchemaError, match=r"2000 objects have 2000 different columns\. Give every row the same columns"
    ):
        rows_from_objects([{f"c{n}": 1} for n in range(2_000)])


def test_parquet_rows_are_numbered_from_one(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    pl.DataFrame(
        {"load": [0.5, 0.25], "__index_level_0__": [0, 1]}, schema_overrides={"load": pl.Float32}
    ).write_parquet(path)
    raw = read_rows(path)

    assert raw.frame.to_dict(as_series=False) == {"load": [0.5, 0.25], LINE: [1, 2]}
    assert raw.dropped == {"__index_level_0__": "is a row index written by pandas"}


@pytest.mark.parametrize("data", [b"", b"PAR1", b"not parquet at all"])
def test_parquet_file_that_is_broken_is_refused(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(UsageError, match=r"is not Parquet"):
        read_rows(_write(tmp_path, "a.parquet", data))


def test_parquet_file_cut_short_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    pl.DataFrame({"load": [0.5] * 1_000}).write_parquet(path)
    path.write_bytes(path.read_bytes()[:-20])

    with pytest.raises(UsageError, match=r"is not Parquet"):
        read_rows(path)


def test_missing_file_and_unknown_suffix_say_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match=r"there is no such file\. Check the path"):
        read_rows(tmp_path / "none.csv")
    with pytest.raises(UsageError, match=r"'\.xlsx' is not known\. Known: \.csv, \.json, \.jsonl, \.ndjson, \.parquet"):
        read_rows(tmp_path / "a.xlsx")
    with pytest.raises(UsageError, match=r"cannot be read"):
        read_rows(tmp_path, format="csv")


def test_format_can_be_said_where_the_suffix_does_not(tmp_path: Path) -> None:
    raw = read_rows(_write(tmp_path, "a.txt", b"a,b\n1,2\n"), format="csv")

    assert raw.frame["b"].to_list() == ["2"]


@pytest.mark.parametrize(("kind", "data"), [(None, b'{"v": "1"}\n'), ("csv", b"v\n1\n")])
def test_dash_reads_standard_input(kind: FileFormat | None, data: bytes) -> None:
    program = (
        "from pathlib import Path; from telltale.telemetry.files import read_rows;"
        f"print(read_rows(Path('-'), format={kind!r}).frame['v'].to_list())"
    )
    done = subprocess.run([sys.executable, "-c", program], input=data, capture_output=True, check=True, timeout=60)

    assert done.stdout == b"['1']\n"
