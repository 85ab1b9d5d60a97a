from pathlib import Path

import pytest

from telltale.contract.errors import UsageError
from telltale.home.settings import SETTINGS, as_float, as_int, read_settings


def test_without_any_source_settings_are_the_defaults(tmp_path: Path) -> None:
    assert read_settings(tmp_path, {}) == {setting.variable: setting.default for setting in SETTINGS}


def test_the_environment_goes_before_env_file_goes_before_toml(tmp_path: Path) -> None:
    (tmp_path / "telltale.toml").write_text('PORT = 1\nHOST = "toml"\nWORKERS = 7\n')
    (tmp_path / ".env").write_text("PORT=2\nHOST=env-file\n")

    found = read_settings(tmp_path, {"PORT": "3"})

    assert (found["PORT"], found["HOST"], found["WORKERS"]) == ("3", "env-file", "7")
    assert found["TELLTALE_HOME"] == ".telltale"


def test_the_process_environment_is_read_where_none_is_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORT", "9")

    assert read_settings(tmp_path)["PORT"] == "9"


def test_names_that_are_no_settings_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("SECRET=1\n")

    assert "SECRET" not in read_settings(tmp_path, {"PATH": "/bin"})


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("HOST=a", "a"),
        (" export HOST = a ", "a"),
        ('HOST="a b"', "a b"),
        ("HOST='a=b'", "a=b"),
        ("# HOST=x\n\nHOST=a", "a"),
        ("HOST=", "127.0.0.1"),  # empty is as good as not there
    ],
)
def test_env_file_lines_are_read_as_a_shell_would(tmp_path: Path, line: str, value: str) -> None:
    (tmp_path / ".env").write_text(f"{line}\n")

    assert read_settings(tmp_path, {})["HOST"] == value


def test_a_line_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("HOST=a\nPORT\n")
    with pytest.raises(UsageError, match=r"\.env: line 2.*NAME=value"):
        read_settings(tmp_path, {})

    (tmp_path / ".env").unlink()
    (tmp_path / "telltale.toml").write_text("PORT =")
    with pytest.raises(UsageError, match=r"telltale\.toml"):
        read_settings(tmp_path, {})


def test_numbers_are_cast_and_what_is_none_is_refused_by_its_variable() -> None:
    assert as_int({"PORT": "80"}, "PORT") == 80
    assert as_float({"ANOMALY_THRESHOLD": "0.5"}, "ANOMALY_THRESHOLD") == 0.5
    assert as_float({"ANOMALY_THRESHOLD": ""}, "ANOMALY_THRESHOLD") is None
    with pytest.raises(UsageError, match="PORT: 'eighty'"):
        as_int({"PORT": "eighty"}, "PORT")
    with pytest.raises(UsageError, match="ANOMALY_THRESHOLD: 'low'"):
        as_float({"ANOMALY_THRESHOLD": "low"}, "ANOMALY_THRESHOLD")
