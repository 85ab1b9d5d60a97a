"""Write docs/settings.md from the settings in the code; with `--check`, exit 1 where the file is not what would be written."""

import sys
from pathlib import Path

from telltale.home.settings import SETTINGS

PAGE = Path(__file__).parent.parent / "docs" / "settings.md"


def page() -> str:
    """The page as Markdown."""
    rows = [f"| `{s.variable}` | {f'`{s.default}`' if s.default else '-'} | {s.meaning} |" for s in SETTINGS]
    return "\n".join(
        [
            "# Settings",
            "",
            "The command line comes before the environment, that before `.env`, that before `telltale.toml` (both in the folder where",
            "a command is run; one `NAME=value` a line, and one `NAME = value` a line). This page is written by",
            "`tools/write_settings.py`.",
            "",
            "| variable | default | what it does |",
            "| --- | --- | --- |",
            *rows,
            "",
        ]
    )


if __name__ == "__main__":
    if "--check" in sys.argv:
        if PAGE.read_text(encoding="utf-8") != page():
            print(f"{PAGE} is stale: run tools/write_settings.py")
            sys.exit(1)
    else:
        PAGE.write_text(page(), encoding="utf-8")
