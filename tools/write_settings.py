"""Write docs/settings.md from the settings in the code; with `--check`, exit 1 where the file is not what would be written."""

import sys
from pathlib import Path

from telltale.home.settings import SETTINGS, Setting

PAGE = Path(__file__).parent.parent / "docs" / "settings.md"


_HEAD = """# Settings

The command line comes before the environment, that before `.env`, that before `telltale.toml` (both in the folder where
a command is run; one `NAME=value` a line, and one `NAME = value` a line). An empty value is none. This page is written
by `tools/write_settings.py`.

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
        "| variable | default | what it does | promised |",
        "| --- | --- | --- | --- |",
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
    return f"| `{setting.variable}` | {default} | {setting.meaning} | {setting.promise or '-'} |"


if __name__ == "__main__":
    if "--check" in sys.argv:
        if PAGE.read_text(encoding="utf-8") != page():
            print(f"{PAGE} is stale: run tools/write_settings.py")
            sys.exit(1)
    else:
        PAGE.write_text(page(), encoding="utf-8")
