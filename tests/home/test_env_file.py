from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telltale.contract.errors import UsageError
from telltale.home.env_file import read_env_file


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("HOST=a", "a"),
        (" export HOST = a ", "a"),
        ("export\tHOST=a", "a"),
        ('HOST="a b"', "a b"),
        ("HOST='a=b'", "a=b"),
        ("HOST=a=b==", "a=b=="),
        ("HOST=a # ours", "a"),
        ("HOST=a#b", "a#b"),
        ("HOST= # none yet", ""),
        ('HOST="a # b" # ours', "a # b"),
        ("HOST='a' # it's ours", "a"),
        (r'HOST="say \"a\" \n"', r'say "a" \n'),
        (r"HOST='a\b'", r"a\b"),
        ("HOST=it's", "it's"),
        ("HOST=$HOME", "$HOME"),
        ("# HOST=x\n\nHOST=a", "a"),
        ("HOST=a\r\nPORT=1\r", "a"),
        ("\ufeffHOST=a", "a"),
        ("HOST=a\nHOST=b", "b"),
        ("HOST=", ""),
    ],
)
def test_lines_are_read_as_a_shell_would(tmp_path: Path, line: str, value: str) -> None:
    (tmp_path / ".env").write_bytes(f"{line}\n".encode())

    assert read_env_file(tmp_path / ".env")["HOST"].value == value


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("HOST=a\nPORT\n", r"\.env:2: there is no NAME= in it\. Write one NAME=value a line"),
        ("=a\n", r"\.env:1: there is no NAME="),
        ('\n\nHOST="a\n', r"\.env:3: the quote is not closed at the end of the line"),
        ("HOST='a'b\n", "the quote is not closed"),
    ],
)
def test_a_line_that_cannot_be_read_is_named(tmp_path: Path, text: str, told: str) -> None:
    (tmp_path / ".env").write_text(text)

    with pytest.raises(UsageError, match=told):
        read_env_file(tmp_path / ".env")


def test_a_file_that_is_no_text_is_refused_and_none_is_empty(tmp_path: Path) -> None:
    assert read_env_file(tmp_path / ".env") == {}
    (tmp_path / ".env").write_bytes(b"HOST=\xff\n")
    with pytest.raises(UsageError, match="Save it as UTF-8"):
        read_env_file(tmp_path / ".env")


@given(st.text(st.characters(exclude_characters="\n\r\0", codec="utf-8")))
def test_whatever_stands_in_double_quotes_comes_back(tmp_path_factory: pytest.TempPathFactory, value: str) -> None:
    path = tmp_path_factory.mktemp("env") / ".env"
    quoted = value.replace("\\", "\\\\").replace('"', '\\"')
    path.write_text(f'A=1\nSECRET="{quoted}" # ours\n', encoding="utf-8")

    assert read_env_file(path)["SECRET"].value == value
