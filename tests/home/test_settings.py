from pathlib import Path

import pytest

from telltale.contract.errors import UsageError
from telltale.home.settings import (
    SETTINGS,
    as_flag,
    as_float,
    as_int,
    log_level,
    model_folder,
    read_settings,
    without_effect,
)

# What the five systems' documents promise, with the defaults that are kept.
PROMISED = {
    "MODEL_PATH": "",
    "SCALER_PATH": "",
    "MODEL_VERSION": "",
    "DEVICE": "cpu",
    "HOST": "127.0.0.1",
    "PORT": "8000",
    "WORKERS": "1",
    "DEBUG": "false",
    "ANOMALY_THRESHOLD": "",
    "API_URL": "",
    "API_KEY": "",
    "MODEL_DIR": "",
    "MAX_MODEL_VERSIONS": "10",
    "MODEL_RETENTION_DAYS": "30",
    "ML_SERVICE_URL": "",
}


def test_every_promised_variable_is_known_and_says_where_it_was_promised() -> None:
    known = {setting.variable: setting for setting in SETTINGS}

    assert {name: known[name].default for name in PROMISED} == PROMISED
    assert all(known[name].promise for name in PROMISED)
    assert len(known) == len(SETTINGS)


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


@pytest.mark.parametrize(
    ("given", "level"),
    [
        ({"LOG_LEVEL": "", "DEBUG": "false"}, "info"),
        ({"LOG_LEVEL": "", "DEBUG": "True"}, "debug"),
        ({"LOG_LEVEL": "ERROR", "DEBUG": "true"}, "error"),
    ],
)
def test_debug_lowers_the_log_level_where_none_is_given(given: dict[str, str], level: str) -> None:
    assert log_level(given, otherwise="info") == level


def test_words_that_are_no_flag_or_level_are_refused_with_the_known_ones() -> None:
    with pytest.raises(UsageError, match=r"DEBUG: 'maybe' is not known\. Known: 0, 1, false"):
        as_flag({"DEBUG": "maybe"}, "DEBUG")
    with pytest.raises(UsageError, match=r"LOG_LEVEL: 'loud' is not known\. Known: debug, error, info, warning"):
        log_level({"LOG_LEVEL": "loud", "DEBUG": "0"}, otherwise="info")


def test_a_setting_without_effect_is_told_of_with_what_is_done_in_its_place(tmp_path: Path) -> None:
    assert without_effect(read_settings(tmp_path, {})) == {}

    told = without_effect(read_settings(tmp_path, {"SCALER_PATH": "scaler.pkl", "ML_SERVICE_URL": "http://ml:5000"}))

    assert set(told) == {"SCALER_PATH", "ML_SERVICE_URL"}
    assert "in its bundle" in told["SCALER_PATH"]


def test_model_dir_is_meant_from_where_the_command_is_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    assert model_folder({"MODEL_DIR": "models"}) == tmp_path / "models"
    assert model_folder({"MODEL_DIR": ""}) is None
