"""Settings: the command line over the environment over `.env` over `telltale.toml`.

Read once, at the top; whatever needs one gets it as a plain argument.
"""

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path

import msgspec

from telltale.contract.errors import UsageError


class Setting(msgspec.Struct, frozen=True, kw_only=True):
    """One setting: its variable, what it is when nobody says, and what it does."""

    variable: str
    default: str
    meaning: str


SETTINGS = (
    Setting(variable="TELLTALE_HOME", default=".telltale", meaning="the folder that holds all state"),
    Setting(variable="HOST", default="127.0.0.1", meaning="address the server listens on"),
    Setting(variable="PORT", default="8000", meaning="port the server listens on"),
    Setting(variable="WORKERS", default="1", meaning="server processes"),
    Setting(
        variable="ANOMALY_THRESHOLD", default="", meaning="threshold of helios/anomaly in serving; empty: the version's"
    ),
    Setting(
        variable="TELLTALE_OPERATOR_KEY", default="", meaning="key that writes need; empty: open, on loopback only"
    ),
    Setting(
        variable="LOG_LEVEL",
        default="",
        meaning="debug, info, warning or error; empty: info for serve and work, else warning",
    ),
    Setting(variable="MAX_MODEL_VERSIONS", default="10", meaning="versions kept per task"),
    Setting(variable="MODEL_RETENTION_DAYS", default="30", meaning="days a version is kept after it was made"),
    Setting(variable="EVENT_RETENTION_DAYS", default="30", meaning="days a stored event is kept; labelled ones stay"),
    Setting(variable="EVENT_RETENTION_GB", default="10", meaning="gigabytes of events kept, the oldest removed first"),
)


def read_settings(folder: Path, environment: Mapping[str, str] | None = None) -> dict[str, str]:
    """Every setting by its variable.

    Args:
        folder: where `.env` and `telltale.toml` are looked for.
        environment: in place of the process's.

    Raises:
        UsageError: a line of `.env` or the TOML file cannot be read.
    """
    found = {setting.variable: setting.default for setting in SETTINGS}
    for source in (
        _toml(folder / "telltale.toml"),
        _env(folder / ".env"),
        os.environ if environment is None else environment,
    ):
        found |= {name: source[name] for name in found if source.get(name)}
    return found


def as_int(settings: Mapping[str, str], variable: str) -> int:
    """A setting as a whole number. Raises UsageError."""
    try:
        return int(settings[variable])
    except ValueError:
        raise UsageError(f"{settings[variable]!r} is no whole number", where=variable, mend="Give one.") from None


def as_float(settings: Mapping[str, str], variable: str) -> float | None:
    """A setting as a number, None where it is empty. Raises UsageError."""
    if not settings[variable]:
        return None
    try:
        return float(settings[variable])
    except ValueError:
        raise UsageError(f"{settings[variable]!r} is no number", where=variable, mend="Give one.") from None


def _toml(path: Path) -> dict[str, str]:
    if not path.is_file():
        return {}
    try:
        return {name: str(value) for name, value in tomllib.loads(path.read_text()).items()}
    except tomllib.TOMLDecodeError as error:
        raise UsageError(str(error), where=str(path), mend="Write one `NAME = value` a line.") from error


def _env(path: Path) -> dict[str, str]:
    found = {}
    for number, line in enumerate(path.read_text().splitlines() if path.is_file() else (), start=1):
        text = line.strip().removeprefix("export ")
        if not text or text.startswith("#"):
            continue
        name, equals, value = text.partition("=")
        if not equals:
            raise UsageError(f"line {number} has no =", where=str(path), mend="Write one NAME=value a line.")
        found[name.strip()] = value.strip().strip("\"'")
    return found
