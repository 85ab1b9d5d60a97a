"""House rules that a script can hold: file length, names that say nothing, pickles, unfinished work.

Prints each breach as `path:line: rule` and exits 1 where there is one.
"""

import re
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent
MOST_LINES = 400
SOURCES = ("src", "tests", "benchmarks", "examples", "tools")

_CATCH_ALL = {"utils", "util", "common", "core", "misc", "helper", "helpers"}
_RULES = (
    ("a class name that says nothing", re.compile(r"^class \w*(Manager|Helper|Handler|Processor|Service|Util)\b")),
    ("a pickle", re.compile(r"^(import|from) (pickle|cloudpickle|joblib)\b|pickle\.(load|dump)|torch\.load\(")),
    ("unfinished", re.compile(r"\b(TODO|FIXME|XXX)\b|raise NotImplementedError|pragma: no cover")),
)
# These words stand here as patterns.
_EXEMPT = {"tools/house_rules.py"}


def breaches(root: Path) -> Iterator[str]:
    """Every breach below a root, as text."""
    for folder in SOURCES:
        for path in sorted((root / folder).rglob("*.py")):
            name = path.relative_to(root).as_posix()
            if {*path.relative_to(root).parts, path.stem} & _CATCH_ALL:
                yield f"{name}:1: a catch-all name"
            lines = path.read_text(encoding="utf-8").splitlines()
            if len(lines) > MOST_LINES:
                yield f"{name}:{MOST_LINES}: {len(lines)} lines; {MOST_LINES} is the most"
            if name not in _EXEMPT:
                yield from _line_breaches(name, lines)


def _line_breaches(name: str, lines: list[str]) -> Iterator[str]:
    for number, line in enumerate(lines, start=1):
        for rule, pattern in _RULES:
            if rule == "a pickle" and name.startswith("benchmarks/"):
                continue  # a peer is run as its users run it
            if pattern.search(line.strip()):
                yield f"{name}:{number}: {rule}"


if __name__ == "__main__":
    found = list(breaches(ROOT))
    print("\n".join(found) or "house rules kept")
    sys.exit(1 if found else 0)
