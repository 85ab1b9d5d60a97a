"""Settings: the command line over the environment over `.env` over `telltale.toml`.

Read once, at the top; whatever needs one gets it as a plain argument. `telltale.home.setting_list` has all there are.
"""

import os
import tomllib
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from math import isfinite
from pathlib import Path
from typing import Final, Literal, final

import msgspec

from telltale.contract.errors import UsageError
from telltale.home.env_file import Line, read_env_file
from telltale.home.setting_list import SETTINGS, Setting

__all__ = [
    "SETTINGS",
    "Found",
    "Setting",
    "Settings",
    "as_flag",
    "as_float",
    "as_int",
    "as_word",
    "fault_of",
    "log_level",
    "misspelt",
    "model_folder",
    "read_settings",
    "without_effect",
]

Level = Literal["environment", ".env", "telltale.toml", "default"]

_FLAGS: Final = {
    word: is_on for is_on, words in ((True, "true 1 yes on"), (False, "false 0 no off")) for word in words.split()
}
_KNOWN: Final = {setting.variable: setting for setting in SETTINGS}
_OURS: Final = "TELLTALE_"


class Found(msgspec.Struct, frozen=True):
    """The value of a setting, the level that gave it, and the file and line where it is one: "/shop/.env:3"."""

    value: str
    level: Level
    where: str = ""

    @property
    def told(self) -> str:
        """The place, for people."""
        return self.where or f"the {self.level}"


@final
class Settings(Mapping[str, str]):
    """Every setting's value by its variable; `found` has where each is from."""

    def __init__(self, found: Mapping[str, Found]) -> None:
        self.found = dict(found)

    def __getitem__(self, variable: str) -> str:
        return self.found[variable].value

    def __iter__(self) -> Iterator[str]:
        return iter(self.found)

    def __len__(self) -> int:
        return len(self.found)


def read_settings(folder: Path, environment: Mapping[str, str] | None = None) -> Settings:
    """Every setting by its variable; an empty value is none.

    Args:
        folder: where `.env` and `telltale.toml` are looked for.
        environment: in place of the process's.

    Raises:
        UsageError: a line of `.env` or the TOML file cannot be read, or the latter names what is no setting.
    """
    found = {setting.variable: Found(setting.default, "default") for setting in SETTINGS}
    for level, source in _sources(folder, os.environ if environment is None else environment).items():
        found |= {
            name: Found(line.value, level, line.where) for name in found if (line := source.get(name)) and line.value
        }
    return Settings(found)


def misspelt(environment: Mapping[str, str] | None = None) -> dict[str, str]:
    """Variables that nearly are one of ours, as TELLTALE_HOEM, each with the setting that was probably meant.

    Others that begin with TELLTALE_ are somebody else's.

    >>> misspelt({"TELLTALE_HOEM": "/srv", "TELLTALE_LOGO": "sail.png"})
    {'TELLTALE_HOEM': 'TELLTALE_HOME'}
    """
    ours = [variable.removeprefix(_OURS) for variable in _KNOWN if variable.startswith(_OURS)]
    told = {}
    for name in os.environ if environment is None else environment:
        near = get_close_matches(name.removeprefix(_OURS), ours, n=1, cutoff=0.7) if name.startswith(_OURS) else []
        if near and name not in _KNOWN:
            told[name] = f"{_OURS}{near[0]}"
    return told


def as_int(settings: Mapping[str, str], variable: str) -> int:
    """A setting as a whole number. Raises UsageError."""
    _check(settings, variable)
    return int(settings[variable])


def as_float(settings: Mapping[str, str], variable: str) -> float | None:
    """A setting as a number, None where it is empty. Raises UsageError."""
    _check(settings, variable)
    return float(settings[variable]) if settings[variable] else None


def as_flag(settings: Mapping[str, str], variable: str) -> bool:
    """A setting as true or false. Raises UsageError.

    >>> as_flag({"DEBUG": "True"}, "DEBUG"), as_flag({"DEBUG": "0"}, "DEBUG")
    (True, False)
    """
    _check(settings, variable)
    return _FLAGS[settings[variable].strip().lower()]


def as_word(settings: Mapping[str, str], variable: str) -> str:
    """A setting as one of its words, "" where it is empty. Raises UsageError."""
    _check(settings, variable)
    return settings[variable].strip().lower()


def fault_of(setting: Setting, value: str) -> tuple[str, str] | None:
    """What is wrong with a value, and the mend; None where nothing is, or it is empty and may be.

    >>> fault_of(Setting(variable="PORT", default="8000", meaning="", kind="whole", low=0, high=65_535), "80000")
    ('80000 is too large', 'Give at most 65535.')
    """
    if not value and not setting.default:
        return None
    words = {"flag": tuple(_FLAGS), "word": setting.allowed}.get(setting.kind, ())
    if words:
        is_known = value.strip().lower() in words
        return None if is_known else (f"{value!r} is not known", f"Known: {', '.join(sorted(words))}.")
    if setting.kind not in {"whole", "number"}:
        return None
    try:
        number = int(value) if setting.kind == "whole" else float(value)
    except ValueError:
        return f"{value!r} is no {'whole number' if setting.kind == 'whole' else 'number'}", "Give one."
    if not isfinite(number):
        return f"{value!r} is no finite number", "Give one."
    if setting.low is not None and not number >= setting.low:
        return f"{value} is too small", f"Give at least {setting.low:g}."
    if setting.high is not None and not number <= setting.high:
        return f"{value} is too large", f"Give at most {setting.high:.0f}."
    return None


def log_level(settings: Mapping[str, str], *, otherwise: str) -> str:
    """LOG_LEVEL; else "debug" with DEBUG, else `otherwise`. Raises UsageError."""
    return as_word(settings, "LOG_LEVEL") or ("debug" if as_flag(settings, "DEBUG") else otherwise)


def model_folder(settings: Mapping[str, str]) -> Path | None:
    """MODEL_DIR, absolute; None for the home's own."""
    return Path(settings["MODEL_DIR"]).expanduser().absolute() if settings["MODEL_DIR"] else None


def without_effect(settings: Mapping[str, str]) -> dict[str, str]:
    """The settings that somebody gave and that do nothing, each with what is done in its place."""
    idle = (setting for setting in SETTINGS if not setting.has_effect)
    return {setting.variable: setting.meaning for setting in idle if settings[setting.variable]}


def _check(settings: Mapping[str, str], variable: str) -> None:
    """Raise UsageError, with the place, where a value is not what its setting takes."""
    fault = fault_of(_KNOWN[variable], settings[variable])
    if fault is not None:
        place = f" in {settings.found[variable].told}" if isinstance(settings, Settings) else ""
        raise UsageError(fault[0], where=f"{variable}{place}", mend=fault[1])


def _sources(folder: Path, environment: Mapping[str, str]) -> dict[Level, dict[str, Line]]:
    """What each level says, the weakest first."""
    return {
        "telltale.toml": _toml(folder / "telltale.toml"),
        ".env": read_env_file(folder / ".env"),
        "environment": {name: Line(value) for name, value in environment.items()},
    }


def _toml(path: Path) -> dict[str, Line]:
    if not path.is_file():
        return {}
    mend = "Write one `NAME = value` a line, text in quotes."
    try:
        text = path.read_text(encoding="utf-8-sig")
        document = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        raise UsageError(str(error), where=str(path), mend=mend) from error
    found = {}
    for name, value in document.items():
        # The reader of TOML keeps no lines; a setting stands at the beginning of one.
        numbers = (n for n, line in enumerate(text.splitlines(), 1) if line.lstrip(" \t[\"'").startswith(name))
        where = f"{path}:{next(numbers, 1)}"
        if name not in _KNOWN:
            near = get_close_matches(name.upper(), _KNOWN, n=1)
            meant = f"Is {near[0]} meant? " if near else ""
            raise UsageError(
                f"{name!r} is no setting", where=where, mend=f"{meant}`telltale settings` lists all; take others out."
            )
        if not isinstance(value, str | int | float):
            raise UsageError(f"{name} is a {type(value).__name__}", where=where, mend=mend)
        found[name] = Line(str(value), where)
    return found
