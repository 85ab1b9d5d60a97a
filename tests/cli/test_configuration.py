"""Every setting by every level, as the commands that need it see it."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import pytest
from tests.faults.kills import free_port

from telltale.cli import main
from telltale.cli.commands import cli, command_line
from telltale.home.settings import SETTINGS, Setting
from telltale.telemetry.retries import ONCE

LEVELS = ("telltale.toml", ".env", "environment")


def sample(setting: Setting, level: str) -> str:
    """A value of a setting that no other level has."""
    at = LEVELS.index(level) + 2
    if setting.kind == "word":
        return setting.allowed[at % len(setting.allowed)]
    if setting.kind == "flag":
        return ("yes", "on", "1")[at - 2]
    return str(at) if setting.kind in {"whole", "number"} else f"value{at}"


@pytest.fixture
def give(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Sets variables at a level, in an empty folder where the test runs."""
    monkeypatch.chdir(tmp_path)
    for setting in SETTINGS:
        monkeypatch.delenv(setting.variable, raising=False)

    def give(level: str, values: Mapping[str, str]) -> None:
        if level == "telltale.toml":
            Path(level).write_text("".join(f'{name} = "{value}"\n' for name, value in values.items()))
        elif level == ".env":
            Path(level).write_text("".join(f"{name}={value}\n" for name, value in values.items()))
        elif level == "environment":
            for name, value in values.items():
                monkeypatch.setenv(name, value)

    return give


def shown(capsys: pytest.CaptureFixture[str], *, status: int = 0) -> dict[str, dict[str, str]]:
    capsys.readouterr()
    assert main(["settings", "--json"]) == status
    return {row["variable"]: row for row in json.loads(capsys.readouterr().out)["settings"]}


def test_every_setting_is_taken_from_the_strongest_level_that_gives_it(
    give: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    before = shown(capsys)
    assert {row["level"] for row in before.values()} == {"default"}

    for level in LEVELS:  # each stronger than the one before
        give(level, {setting.variable: sample(setting, level) for setting in SETTINGS})
        found = shown(capsys)

        for setting in SETTINGS:
            row = found[setting.variable]
            value = "(hidden)" if setting.is_secret else sample(setting, level)
            assert (row["value"], row["level"], row["fault"]) == (value, level, "")
            assert row["where"] == (
                "" if level == "environment" else str(Path(level).absolute()) + row["where"][row["where"].rindex(":") :]
            )


@pytest.mark.parametrize(
    ("variable", "value", "arguments", "seen"),
    [
        ("TELLTALE_HOME", "there", ["jobs"], "there/state.db"),
        ("MODEL_DIR", "models", ["train", "helios/anomaly", "--days", "2", "--estimator", "robust_z"], "models/helios"),
        ("MODEL_PATH", "bundle", ["evaluate", "helios/anomaly"], "there is no manifest.json"),
        ("API_URL", "http://127.0.0.1:9", ["ingest", "storefront/order"], "http://127.0.0.1:9/orders: there was no"),
        ("API_SOURCES", "none.toml", ["ingest", "storefront/order"], "API_SOURCES: none.toml: there is no such file"),
        ("DEVICE", "gpu", ["train", "helios/anomaly"], "DEVICE in .*: 'gpu' is not known"),
        ("LOG_LEVEL", "loud", ["versions", "helios/anomaly"], "LOG_LEVEL in .*: 'loud' is not known"),
        ("DEBUG", "maybe", ["versions", "helios/anomaly"], "DEBUG in .*: 'maybe' is not known"),
        ("WORKERS", "0", ["serve"], "WORKERS in .*: 0 is too small"),
        ("RATE_LIMIT", "-1", ["serve"], "RATE_LIMIT in .*: -1 is too small"),
        ("ANOMALY_THRESHOLD", "low", ["serve"], "ANOMALY_THRESHOLD in .*: 'low' is no number"),
        ("MAX_MODEL_VERSIONS", "0", ["work"], "MAX_MODEL_VERSIONS in .*: 0 is too small"),
        ("JOB_MAX_MEMORY_MB", "much", ["work"], "JOB_MAX_MEMORY_MB in .*: 'much' is no whole number"),
        ("AUTO_ROLLBACK", "never", ["work"], "AUTO_ROLLBACK in .*: 'never' is not known"),
        ("ALARM_WEBHOOK_URL", "ftp://x", ["work"], "ALARM_WEBHOOK_URL: that is not an address to send to"),
        ("ALERTMANAGER_URL", "nowhere", ["work"], "ALERTMANAGER_URL: that is not an address to send to"),
    ],
)
@pytest.mark.parametrize("level", LEVELS)
def test_the_command_that_needs_a_setting_takes_it_from_each_level(  # noqa: PLR0917 - a table's columns
    give: Callable[..., None],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    level: str,
    variable: str,
    value: str,
    arguments: Sequence[str],
    seen: str,
) -> None:
    monkeypatch.setattr("telltale.home.pulls.PATIENCE", ONCE)
    give(level, {variable: value})

    main(arguments)

    found = capsys.readouterr()
    told = " ".join((found.out + found.err).split())
    assert Path(seen).exists() or re.search(seen, told), told


@pytest.mark.slow
@pytest.mark.server
def test_a_server_listens_where_the_strongest_level_says(tmp_path: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if name not in {"HOST", "PORT"}}
    servers = {}
    for n_levels, strongest in enumerate((*LEVELS, "command line"), start=1):
        folder, flags, extra = tmp_path / strongest, list[str](), dict[str, str]()
        folder.mkdir()
        for level in (*LEVELS, "command line")[:n_levels]:
            port = str(free_port())
            if level == "command line":
                flags = ["--port", port, "--host", "127.0.0.2"]
            elif level == "environment":
                extra = {"PORT": port, "HOST": "127.0.0.1"}
            else:
                (folder / level).write_text(f'PORT="{port}"\nHOST="127.0.0.1"\n')
        address = f"http://127.0.0.{2 if flags else 1}:{port}/healthz"
        servers[address] = subprocess.Popen(
            [sys.executable, "-m", "telltale", "serve", *flags],
            cwd=folder,
            env=environment | extra,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
    try:
        assert {address: answers(address, process) for address, process in servers.items()} == dict.fromkeys(
            servers, True
        )
    finally:
        for process in servers.values():
            process.send_signal(signal.SIGTERM)
        for process in servers.values():
            process.wait(timeout=30)


def answers(url: str, process: "subprocess.Popen[bytes]") -> bool:
    give_up_at = time.monotonic() + 60.0
    while time.monotonic() < give_up_at and process.poll() is None:
        try:
            with urlopen(url, timeout=5.0) as answer:  # noqa: S310 - of loopback
                return bool(answer.status == 200)
        except (URLError, TimeoutError):
            time.sleep(0.05)
    return False


def test_every_flag_that_goes_before_a_setting_is_named_beside_it_and_is_there() -> None:
    named = {
        (setting.variable, command, flag)
        for setting in SETTINGS
        for flag, of in re.findall(r"(--[a-z-]+) of ([a-z, ]+)", setting.flags)
        for command in re.split(r", | and ", of)
    }
    there = {
        (variable, name, option)
        for name, command in cli.commands.items()
        for parameter in command.params
        for variable in re.findall(r"\[([A-Z_]+)[,\]]", getattr(parameter, "help", "") or "")
        for option in parameter.opts
    }
    lacking = [
        (variable, name, flag)
        for variable, name, flag in named
        if name != "relay substrate"
        and flag not in {option for parameter in cli.commands[name].params for option in parameter.opts}
    ]
    relay = command_line("relay").commands["relay"].commands["substrate"]  # type: ignore[attr-defined]

    assert there <= named
    assert lacking == []
    assert any("--seed-file" in parameter.opts for parameter in relay.params)


def test_what_is_wrong_misspelt_or_without_effect_is_told(
    give: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    give(".env", {"SCALER_PATH": "scaler.pkl", "PORT": "80000", "API_URL": "http://anna:secret@shop"})
    give("environment", {"TELLTALE_HOEM": "/srv"})

    status = main(["settings"])

    found = capsys.readouterr()
    assert status == 1
    assert "TELLTALE_HOEM is set and is no setting; is TELLTALE_HOME meant?" in found.err
    assert "SCALER_PATH is set and has no effect" in found.out
    assert re.search(r"PORT from \S+\.env:2: 80000 is too large\. Give at most 65535\.", found.out)
    assert "Next: mend PORT" in found.out
    assert "http://anna:(hidden)@shop" in found.out
    assert "secret" not in found.out
