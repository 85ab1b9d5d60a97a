"""Mapping files: what is wrong is told with the file and the TOML key, and the mend."""

from pathlib import Path

import pytest

from telltale.contract.errors import NotFoundError, UsageError
from telltale.telemetry.mapping import MappedColumn, parse_mapping, read_mapping

EXAMPLES = Path(__file__).parents[2] / "examples" / "mappings"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("columns = [", r"m\.toml: it is not TOML .*Mend that line"),
        ("[colums]\na = 'b'", r"m\.toml: .*colums.*Known here: columns, differences, drop"),
        ("source = 'x'", r"m\.toml: .*source.*Known here: columns"),
        ("rest = 'all'", r"m\.toml: rest: Invalid enum value 'all'.*Known here: columns"),
        ("drop = 'id'", r"m\.toml: drop: Expected array"),
        ("[columns]\nb = 'c'\na = 7", r"m\.toml: columns\.a: Expected .*Known here: column, sum"),
        (
            "[columns]\nb = 'c'\na = { colum = 'b' }",
            r"m\.toml: columns\.a: .*colum.*Known here: column, sum, difference",
        ),
        ("[columns]\na = { column = 'b', scale = 'x' }", r"m\.toml: columns\.a\.scale: Expected"),
        ("[columns]\na = { scale = 2.0 }", r"columns\.a: it is made of nothing; exactly one"),
        ("[columns]\na = { column = 'b', constant = 1 }", r"columns\.a: it is made of column and constant"),
        ("[columns]\na = { sum = [] }", r"columns\.a: sum names no column"),
        ("[columns]\na = { sum = ['b'], values = { x = 1 } }", r"columns\.a: values goes with column, not with sum"),
        ("[columns]\na = { difference = 'b', missing = 0 }", r"columns\.a: missing goes with column or sum, not with"),
        ("[columns]\na = { constant = 1, scale = 2.0 }", r"columns\.a: scale goes with numbers of the source"),
        (
            "[columns]\na = { column = 'b', scale = 2.0, time = 'iso' }",
            r"columns\.a: scale and time do not go together",
        ),
        ("[columns]\na = { column = 'b', values = { x = 1, y = 'z' } }", r"columns\.a: values has texts and numbers"),
        (
            "[columns]\na = { column = 'b', time = 'epoch' }",
            r"columns\.a: time 'epoch' is none of iso, epoch_s, epoch_ms",
        ),
        (
            "[differences]\nevery = 3",
            r"m\.toml: differences: .*every.*Known here: per, order, interval, longest, columns",
        ),
        ("[differences]\ninterval = 10.0", r"differences\.interval: it needs the time .*time = \"iso\""),
        (
            "[columns]\nt = { column = 'b', time = 'iso' }\n[differences]\nlongest = 0.0",
            r"differences\.longest: it is 0\. G",
        ),
    ],
)
def test_what_is_wrong_is_told_with_its_key(text: str, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        parse_mapping(text, source="m.toml")


def test_a_file_that_is_not_there_or_is_no_text_is_told(tmp_path: Path) -> None:
    (tmp_path / "bytes.toml").write_bytes(b"\xff\xfe")

    with pytest.raises(NotFoundError, match=r"none\.toml: there is no such file.*--map"):
        read_mapping(tmp_path / "none.toml")
    with pytest.raises(UsageError, match=r"bytes\.toml: .*Save it as UTF-8"):
        read_mapping(tmp_path / "bytes.toml")


def test_every_example_can_be_read() -> None:
    files = sorted(EXAMPLES.glob("*.toml"))

    assert len(files) >= 4
    assert all(read_mapping(file).targets for file in files)
    shown = (EXAMPLES / "README.md").read_text(encoding="utf-8")
    assert all(f"`{file.name}`" in shown for file in files)
    every_key = parse_mapping(shown.partition("```toml\n")[2].partition("```")[0], source="README.md")
    keys = {key for one in every_key.targets.values() for key in one.__struct_fields__ if getattr(one, key)}
    assert keys == set(MappedColumn.__struct_fields__)
