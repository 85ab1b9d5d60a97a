"""`telltale settings`: what is set, by which level, and what is wrong with it."""

import re
from pathlib import Path
from typing import Final

import msgspec

from telltale.cli.console import AsJson, next_step, out, print_json, say, table
from telltale.home.settings import SETTINGS, Found, Level, Setting, fault_of, misspelt, read_settings, without_effect

_HIDDEN: Final = "(hidden)"
_PASSWORD: Final = re.compile(r"(?<=://)([^/@:]*):[^/@]*@")


class _Told(msgspec.Struct, frozen=True, kw_only=True):
    """A setting as it is shown: its value, the level that gave it, and the file and line, or "" for none."""

    variable: str
    value: str
    level: Level
    where: str
    default: str
    flags: str
    fault: str


def show_settings(as_json: AsJson = False) -> int:
    """Show every setting: its value, who set it, and what is wrong with it."""
    settings = read_settings(Path.cwd())
    rows = [_told(setting, settings.found[setting.variable]) for setting in SETTINGS]
    wrong = [row for row in rows if row.fault]
    idle = without_effect(settings)
    unknown = misspelt()
    if as_json:
        print_json({"settings": rows, "without_effect": idle, "misspelt": unknown})
        return 1 if wrong else 0
    out.print(
        table(
            "", ("setting", "value", "from"), [(row.variable, row.value or "-", row.where or row.level) for row in rows]
        )
    )
    for variable, instead in idle.items():
        say(f"{variable} is set and has no effect: {instead}.")
    for row in wrong:
        say(f"{row.variable} from {row.where or row.level}: {row.fault}")
    if wrong:
        next_step(f"mend {', '.join(row.variable for row in wrong)}")
    else:
        next_step("docs/settings.md says what each does; the command line comes before what is here")
    return 1 if wrong else 0


def _told(setting: Setting, found: Found) -> _Told:
    fault = fault_of(setting, found.value)
    value = _HIDDEN if setting.is_secret and found.value else _PASSWORD.sub(rf"\1:{_HIDDEN}@", found.value)
    return _Told(
        variable=setting.variable,
        value=value,
        level=found.level,
        where=found.where,
        default=setting.default,
        flags=setting.flags,
        fault="" if fault is None else f"{fault[0]}. {fault[1]}",
    )
