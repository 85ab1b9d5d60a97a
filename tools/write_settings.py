"""Write docs/settings.md from the settings in the code; with `--check`, exit 1 where the file is not what would be written."""

import re
import sys
from pathlib import Path

from telltale.home.setting_list import SETTINGS, Setting

PAGE = Path(__file__).parent.parent / "docs" / "settings.md"


_HEAD = """# Settings

The command line comes before the environment, that before `.env`, that before `telltale.toml`; both files are looked for in
the folder where a command is run. `telltale settings` shows what is set, by which of them, and what is wrong with it.

- **Command line**: the flags named below go before their setting. What has none is set for one command by the environment, as
  in `RATE_LIMIT=100 telltale serve`.
- **Environment**: an empty value is none, here as in the files. A variable that nearly is one of ours, such as
  `TELLTALE_HOEM`, is told of by every command; others that begin with `TELLTALE_` are left alone.
- **`.env`**: one `NAME=value` a line, read as a shell would read it: `export` before it or not, quotes around it or not, a
  comment after it where a space is before the `#`. `$` expands nothing, and a value ends with its line. Names that are no
  settings are left alone, since other programs read the file too.
- **`telltale.toml`**: one `NAME = value` a line, text in quotes. It is ours alone, so that a name that is no setting is an
  error.

A value that cannot be used is told by the command that needs it, with the file and the line:
`PORT in /srv/telltale/.env:3: '80a' is no whole number. Give one.`

This page is written by `tools/write_settings.py`.

"Promised" names lines of [acceptance.md](acceptance.md). Where a default differs from the one promised there, or a
setting is known and does nothing, [decisions](decisions/README.md) say why.
"""
_IDLE = """Known, so that a file of settings of before can stay as it is, and without effect; `serve` and `work` say so
where one is set:
"""


def page() -> str:
    """The page as Markdown."""
    effective = [_row(setting) for setting in SETTINGS if setting.has_effect]
    idle = [f"| `{s.variable}` | {s.meaning} | {s.promise} |" for s in SETTINGS if not s.has_effect]
    lines = [
        _HEAD,
        "| variable | default | value | what it does | on the command line | promised |",
        "| --- | --- | --- | --- | --- | --- |",
        *effective,
        "",
        _IDLE,
        "| variable | in its place | promised |",
        "| --- | --- | --- |",
        *idle,
        "",
    ]
    return "\n".join(lines)


def _row(setting: Setting) -> str:
    default = f"`{setting.default}`" if setting.default else "-"
    flags = re.sub(r"(--[a-z-]+)", r"`\1`", setting.flags) or "-"
    cells = (f"`{setting.variable}`", default, _values(setting), setting.meaning, flags, setting.promise or "-")
    return f"| {' | '.join(cells)} |"


def _values(setting: Setting) -> str:
    if setting.kind == "word":
        return ", ".join(setting.allowed)
    if setting.kind == "flag":
        return "true or false"
    what = {"text": "text", "whole": "whole number", "number": "number"}[setting.kind]
    low = "" if setting.low is None else f", {setting.low:g}"
    high = "" if setting.high is None else f" to {setting.high:.0f}"
    return f"{what}{low}{high or (' or more' if low else '')}{', a secret' if setting.is_secret else ''}"


if __name__ == "__main__":
    if "--check" in sys.argv:
        if PAGE.read_text(encoding="utf-8") != page():
            print(f"{PAGE} is stale: run tools/write_settings.py")
            sys.exit(1)
    else:
        PAGE.write_text(page(), encoding="utf-8")
