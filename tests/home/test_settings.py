from pathlib import Path

import pytest

from telltale.contract.errors import UsageError
from telltale.home.settings import (
    SETTINGS,
    as_flag,
    as_float,
    as_int,
    as_word,
    fault_of,
    log_level,
    misspelt,
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


def test_an_empty_value_is_none(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("HOST=\n")

    assert read_settings(tmp_path, {"HOST": ""})["HOST"] == "127.0.0.1"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("PORT =", r"telltale\.toml: Invalid value"),
        ("\nPROT = 1", r"telltale\.toml:2: 'PROT' is no setting\. Is PORT meant\?"),
        ("port = 1", r"'port' is no setting\. Is PORT meant\?"),
        ("colour = 1", r"'colour' is no setting\. `telltale settings` lists all"),
        ("[PORT]\nvalue = 1", r"telltale\.toml:1: PORT is a dict"),
        ("PORT = [1]", "PORT is a list"),
    ],
)
def test_what_is_no_setting_in_the_toml_file_is_refused_with_the_line_and_the_nearest(
    tmp_path: Path, text: str, told: str
) -> None:
    (tmp_path / "telltale.toml").write_text(text)
    with pytest.raises(UsageError, match=told):
        read_settings(tmp_path, {})


def test_a_variable_that_nearly_is_one_of_ours_is_told_and_others_are_not() -> None:
    told = misspelt({"TELLTALE_HOEM": "/srv", "TELLTALE_OPERATOR": "k", "TELLTALE_DATA": "/data", "HOEM": "/srv"})

    assert told == {"TELLTALE_HOEM": "TELLTALE_HOME", "TELLTALE_OPERATOR": "TELLTALE_OPERATOR_KEY"}


@pytest.mark.parametrize(
    ("variable", "value", "told"),
    [
        ("PORT", "eighty", r"'eighty' is no whole number\. Give one"),
        ("PORT", "80000", r"80000 is too large\. Give at most 65535"),
        ("WORKERS", "0", r"0 is too small\. Give at least 1"),
        ("ANOMALY_THRESHOLD", "nan", "'nan' is no finite number"),
        ("RATE_LIMIT", "-1", "-1 is too small"),
        ("DEVICE", "gpu", r"'gpu' is not known\. Known: cpu, cuda"),
        ("DEBUG", "maybe", r"'maybe' is not known\. Known: 0, 1, false"),
        ("AUTO_ROLLBACK", "never", r"'never' is not known\. Known: dry-run, off, on"),
    ],
)
def test_a_wrong_value_is_told_with_the_level_the_file_and_the_line(
    tmp_path: Path, variable: str, value: str, told: str
) -> None:
    setting = next(one for one in SETTINGS if one.variable == variable)
    read = {"whole": as_int, "number": as_float, "flag": as_flag, "word": as_word}[setting.kind]
    (tmp_path / "telltale.toml").write_text(f'# ours\n{variable} = "{value}"\n')
    (tmp_path / "below").mkdir()
    (tmp_path / "below" / ".env").write_text(f"#\n\n{variable}={value}\n")

    for found, where in (
        (read_settings(tmp_path, {}), rf"{variable} in \S+telltale\.toml:2: "),
        (read_settings(tmp_path / "below", {}), rf"{variable} in \S+below/\.env:3: "),
        (read_settings(tmp_path / "below", {variable: value}), f"{variable} in the environment: "),
    ):
        with pytest.raises(UsageError, match=where + told):
            read(found, variable)


def test_every_default_is_a_value_that_is_allowed() -> None:
    assert [setting.variable for setting in SETTINGS if fault_of(setting, setting.default) is not None] == []


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
