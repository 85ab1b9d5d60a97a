"""Settings: the command line over the environment over `.env` over `telltale.toml`.

Read once, at the top; whatever needs one gets it as a plain argument.
"""

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import msgspec

from telltale.contract.errors import UsageError

_FLAGS: Final = {
    word: is_on for is_on, words in ((True, "true 1 yes on"), (False, "false 0 no off")) for word in words.split()
}
_LEVELS: Final = ("debug", "info", "warning", "error")


class Setting(msgspec.Struct, frozen=True, kw_only=True):
    """One setting.

    Args:
        variable: its name in the environment.
        default: what it is when nobody says.
        meaning: what it does; of one without effect, what is done in its place.
        promise: the lines of docs/acceptance.md that ask for it, or "".
        has_effect: False for one that is known, so that setting it is told of, and does nothing.
    """

    variable: str
    default: str
    meaning: str
    promise: str = ""
    has_effect: bool = True


SETTINGS = (
    Setting(variable="TELLTALE_HOME", default=".telltale", meaning="the folder that holds all state"),
    Setting(
        variable="MODEL_DIR",
        default="",
        meaning="folder of the versions' files, of this home alone; empty: `artifacts` in TELLTALE_HOME",
        promise="E-28",
    ),
    Setting(
        variable="MODEL_PATH",
        default="",
        meaning="directory of a bundle that `evaluate` and `score` of its task use where no --version is given; "
        "what is served is the champion, which `telltale promote` moves",
        promise="B-2",
    ),
    Setting(
        variable="MAX_MODEL_VERSIONS",
        default="10",
        meaning="versions kept per task; champion, challenger, shadow, pinned ones and the last champion stay besides",
        promise="E-27, E-28",
    ),
    Setting(
        variable="MODEL_RETENTION_DAYS",
        default="30",
        meaning="days a version is kept after it was made",
        promise="E-27, E-28",
    ),
    Setting(variable="HOST", default="127.0.0.1", meaning="address the server listens on", promise="B-2"),
    Setting(variable="PORT", default="8000", meaning="port the server listens on", promise="B-2, E-3"),
    Setting(variable="WORKERS", default="1", meaning="server processes", promise="B-2"),
    Setting(variable="DEVICE", default="cpu", meaning="where networks are trained, cpu or cuda", promise="B-2, C-3"),
    Setting(variable="DEBUG", default="false", meaning="true: LOG_LEVEL is debug where it is not given", promise="B-2"),
    Setting(
        variable="LOG_LEVEL",
        default="",
        meaning="debug, info, warning or error; empty: info for serve and work, else warning",
    ),
    Setting(
        variable="ANOMALY_THRESHOLD",
        default="",
        meaning="threshold of helios/anomaly in serving; empty: the version's",
        promise="S-14",
    ),
    Setting(
        variable="TELLTALE_OPERATOR_KEY",
        default="",
        meaning="key that allows everything; empty, and no key made by `telltale keys`: open, on loopback only",
    ),
    Setting(
        variable="RATE_LIMIT",
        default="0",
        meaning="requests a second of one key and task, rows of a batch counted; 0: no limit",
        promise="C-9",
    ),
    Setting(
        variable="API_URL",
        default="",
        meaning="address of the shop's backend, as in http://localhost:8080: `telltale work` reads new rows there before it "
        "retrains, and so does `telltale ingest APP/EVENT` without a file; empty: nothing is asked of anybody",
        promise="E-1, E-28",
    ),
    Setting(
        variable="API_KEY",
        default="",
        meaning="key that is sent as X-API-Key to addresses under API_URL, and to no other",
        promise="E-1, E-28",
    ),
    Setting(
        variable="API_SOURCES",
        default="",
        meaning="TOML file that says where under API_URL the rows of which event are, as `examples/sources/shop.toml` does; "
        "empty: where the app says",
        promise="E-1",
    ),
    Setting(variable="EVENT_RETENTION_DAYS", default="30", meaning="days a stored event is kept; labelled ones stay"),
    Setting(variable="EVENT_RETENTION_GB", default="10", meaning="gigabytes of events kept, the oldest removed first"),
    Setting(
        variable="AUTO_ROLLBACK",
        default="on",
        meaning="on: `telltale work` stops a release that does harm, and takes a new champion back; dry-run and off: it "
        "does not, and says so in the log and in `telltale release`",
    ),
    Setting(
        variable="ALARM_WEBHOOK_URL",
        default="",
        meaning="address that `telltale work` sends alarms to, as JSON by POST; empty: none",
    ),
    Setting(
        variable="ALARM_WEBHOOK_SECRET",
        default="",
        meaning="signs what is sent there: X-Telltale-Signature is `sha256=` and the HMAC-SHA256 of the body in hex",
    ),
    Setting(
        variable="ALERTMANAGER_URL",
        default="",
        meaning="address of an Alertmanager, as in http://localhost:9093, that `telltale work` sends alarms to",
    ),
    Setting(
        variable="JOB_MAX_SECONDS",
        default="3600",
        meaning="seconds that one retraining by `telltale work` or `telltale schedule run` may take; longer, it is "
        "killed and has failed",
    ),
    Setting(
        variable="JOB_MAX_MEMORY_MB",
        default="4096",
        meaning="megabytes of resident memory that its process may hold (Linux); more, it is killed and has failed",
    ),
    Setting(
        variable="DRIFT_LIMIT",
        default="",
        meaning="drift where the mean PSI of a day over a task's columns is above it, such as 0.3; empty: calibrated to the "
        "rows there are",
        promise="N-17",
    ),
    Setting(
        variable="RELAY_SEED",
        default="",
        meaning="words, 0x seed or //path of the account that `telltale relay substrate` signs with, where no --seed-file is "
        "given",
        promise="B-27",
    ),
    Setting(
        variable="RELAY_API_KEY",
        default="",
        meaning="key that `telltale relay substrate` sends to /predict as X-API-Key; empty: none",
        promise="B-27",
    ),
    Setting(
        variable="SCALER_PATH",
        default="",
        meaning="the scaler is part of the version's plan, in its bundle: there is no file of its own",
        promise="B-2",
        has_effect=False,
    ),
    Setting(
        variable="MODEL_VERSION",
        default="",
        meaning="the version that serves is the champion of the registry: `telltale promote APP/TASK VERSION`",
        promise="B-2",
        has_effect=False,
    ),
    Setting(
        variable="ML_SERVICE_URL",
        default="",
        meaning="schedules run inside, by `telltale work`, and call no service",
        promise="E-28",
        has_effect=False,
    ),
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


def as_flag(settings: Mapping[str, str], variable: str) -> bool:
    """A setting as true or false. Raises UsageError.

    >>> as_flag({"DEBUG": "True"}, "DEBUG"), as_flag({"DEBUG": "0"}, "DEBUG")
    (True, False)
    """
    word = settings[variable].strip().lower()
    if word not in _FLAGS:
        raise UsageError.not_one_of(settings[variable], _FLAGS, where=variable)
    return _FLAGS[word]


def log_level(settings: Mapping[str, str], *, otherwise: str) -> str:
    """LOG_LEVEL; else "debug" with DEBUG, else `otherwise`. Raises UsageError."""
    level = settings["LOG_LEVEL"].strip().lower()
    if not level:
        return "debug" if as_flag(settings, "DEBUG") else otherwise
    if level not in _LEVELS:
        raise UsageError.not_one_of(settings["LOG_LEVEL"], _LEVELS, where="LOG_LEVEL")
    return level


def model_folder(settings: Mapping[str, str]) -> Path | None:
    """MODEL_DIR, absolute; None for the home's own."""
    return Path(settings["MODEL_DIR"]).expanduser().absolute() if settings["MODEL_DIR"] else None


def without_effect(settings: Mapping[str, str]) -> dict[str, str]:
    """The settings that somebody gave and that do nothing, each with what is done in its place."""
    idle = (setting for setting in SETTINGS if not setting.has_effect)
    return {setting.variable: setting.meaning for setting in idle if settings[setting.variable]}


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
