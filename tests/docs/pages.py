"""The repository's Markdown as tests need it: pages, headings, links, fenced blocks, and the commands in them.

A fenced block marked `console` is a transcript: its lines that begin with `$ ` are run, in order, in an empty folder that
the page has to itself, and what stands below each is held against what it printed. `…` stands for anything, numbers and ids for any
other. In every other block, and between single backticks, `telltale …` is read and not run.
"""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
_NOT_OURS = {"build", "dist", "node_modules", "shared"}
_FENCE = re.compile(r"^(?P<indent> *)(?P<ticks>```+)(?P<kind>\w*).*$")
_LINK = re.compile(r"\[[^\]]*\]\((?P<target>[^)\s]+)(?: \"[^\"]*\")?\)")
_SPAN = re.compile(r"(?<!`)`([^`]+)`(?!`)")


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block: its kind (`console`, `toml`, nothing …), the line it begins on, and its lines."""

    kind: str
    line: int
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Command:
    """A command of a transcript, and what it is said to print."""

    line: int
    text: str
    printed: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Written:
    """A line that may call `telltale`: in a block, where a call is whole, or in prose, where it may be the part that matters."""

    line: int
    text: str
    is_in_block: bool


def pages() -> list[Path]:
    """Every Markdown file of the repository, by name."""
    found = []
    for folder, names, files in os.walk(ROOT):
        names[:] = [name for name in names if not name.startswith(".") and name not in _NOT_OURS]
        found += [Path(folder, name) for name in files if name.endswith(".md")]
    return sorted(found)


def name_of(page: Path) -> str:
    """A page's path from the root: what a test is called by."""
    return page.relative_to(ROOT).as_posix()


def parts_of(page: Path) -> tuple[list[tuple[int, str]], list[Block]]:
    """The lines of prose, each with its number, and the fenced blocks."""
    prose: list[tuple[int, str]] = []
    blocks: list[Block] = []
    ticks, began, kind, inside = "", 0, "", list[str]()
    for number, line in enumerate(page.read_text(encoding="utf-8").splitlines(), start=1):
        fence = _FENCE.match(line)
        if ticks:
            if fence and fence["ticks"] >= ticks and not fence["kind"]:
                blocks.append(Block(kind, began, tuple(inside)))
                ticks = ""
            else:
                inside.append(line)
        elif fence:
            ticks, kind, began, inside = fence["ticks"], fence["kind"], number, []
        else:
            prose.append((number, line))
    assert not ticks, f"{name_of(page)}:{began}: a block without an end"
    return prose, blocks


def anchors_of(page: Path) -> set[str]:
    """What may stand behind a page's `#`: its headings, spelt as hosts of repositories spell them."""
    found: set[str] = set()
    for _, line in parts_of(page)[0]:
        if heading := re.match(r"#+ (.+?)\s*#*$", line):
            text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading[1]).replace("`", "").lower()
            spelt = re.sub(r"[^\w\- ]", "", text).replace(" ", "-")
            n_before = sum(
                anchor == spelt or re.fullmatch(rf"{re.escape(spelt)}-\d+", anchor) is not None for anchor in found
            )
            found.add(f"{spelt}-{n_before}" if n_before else spelt)
    return found


def links_of(page: Path) -> Iterator[tuple[int, str]]:
    """The links of a page's prose that are to files of the repository, each with its line."""
    for number, line in parts_of(page)[0]:
        for link in _LINK.finditer(_SPAN.sub("", line)):
            if not re.match(r"[a-z]+:", link["target"]):
                yield number, link["target"]


def transcript_of(page: Path) -> list[Command]:
    """The commands of a page's `console` blocks, in order; a line that ends in a backslash, or an open quote, goes on."""
    commands: list[Command] = []
    for block in parts_of(page)[1]:
        if block.kind != "console":
            continue
        is_open = False
        for number, line in enumerate(block.lines, start=block.line + 1):
            if is_open:
                last = commands.pop()
                commands.append(Command(last.line, f"{last.text}\n{line}"))
                is_open = goes_on(commands[-1].text)
            elif line.startswith("$ "):
                commands.append(Command(number, line.removeprefix("$ ")))
                is_open = goes_on(commands[-1].text)
            else:
                assert commands, f"{name_of(page)}:{number}: a transcript begins with a command"
                commands[-1].printed.append(line)
    return commands


def written_commands(page: Path) -> Iterator[Written]:
    """Every line of a block of shell, run or not; and what stands between backticks and begins with `telltale`."""
    prose, blocks = parts_of(page)
    for number, line in prose:
        for span in _SPAN.findall(line):
            if span.startswith("telltale "):
                yield Written(number, span, is_in_block=False)
    for block in blocks:
        if block.kind not in {"", "console", "sh", "bash"}:
            continue
        lines = iter(enumerate(block.lines, start=block.line + 1))
        for number, line in lines:
            text = line.strip().removeprefix("$ ")
            if not re.search(r"(^|[ (/])telltale ", text):
                continue
            while goes_on(text) and (further := next(lines, None)):
                text = f"{text}\n{further[1]}"
            yield Written(number, text, is_in_block=True)


def goes_on(text: str) -> bool:
    """Whether a shell would ask for another line: a backslash at the end, or an odd number of quotes."""
    return text.endswith("\\") or text.count("'") % 2 == 1 or text.count('"') % 2 == 1
