"""What commands print: JSON for machines on standard output, tables for people, progress on standard error."""

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Annotated

import msgspec
import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table

from telltale.contract.errors import TelltaleError
from telltale.train.fitted import Progress as ProgressCallback

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object, for machines.")]

# A pipe has no width of its own; tables must not be squeezed into eighty columns for it.
out = Console(highlight=False, width=None if sys.stdout.isatty() else 120)
err = Console(stderr=True, highlight=False)


def print_json(document: object) -> None:
    """One JSON object and a line end on standard output."""
    sys.stdout.write(msgspec.json.encode(document, enc_hook=os.fspath).decode() + "\n")


def say(text: str) -> None:
    """A line for people; square brackets in it are text."""
    out.print(escape(text), soft_wrap=True)  # a terminal wraps by itself, and a pasted command stays one line


def next_step(text: str) -> None:
    """The last line: what to do now."""
    out.print(f"[bold]Next:[/bold] {escape(text)}")


def tell_error(error: TelltaleError, *, as_json: bool) -> None:
    """What is wrong, where, and the mend; as a JSON object on standard output where machines read."""
    if as_json:
        document = {"title": error.title, "what": error.what, "where": error.where, "mend": error.mend}
        print_json({"error": document})
    err.print(f"[bold red]{escape(error.title)}[/bold red]: {escape(str(error))}")


def table(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]], *, right: Sequence[str] = ()) -> Table:
    """A plain table; columns named in `right` are set flush right."""
    made = Table(
        title=title or None, box=None, title_justify="left", title_style="bold", pad_edge=False, padding=(0, 2, 0, 0)
    )
    for column in columns:
        made.add_column(column, justify="right" if column in right else "left", no_wrap=column != columns[-1])
    for row in rows:
        made.add_row(*[escape(cell) for cell in row])
    return made


def facts(pairs: Mapping[str, str]) -> None:
    """Names and values, one a line."""
    width = max(map(len, pairs))
    for name, value in pairs.items():
        out.print(f"[dim]{escape(name.ljust(width))}[/dim]  {escape(value)}")


@contextmanager
def progress_bar(*, quiet: bool = False) -> Iterator[ProgressCallback]:
    """A bar on standard error for whoever watches a terminal; nothing where nobody does."""
    if quiet or not err.is_terminal:
        yield lambda _what, _done, _of: None
        return
    columns = (
        TextColumn("{task.description:<14}"),
        BarColumn(),
        TextColumn("{task.completed}/{task.total}"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=err, transient=True) as shown:
        bars: dict[str, TaskID] = {}

        def report(what: str, done: int, of: int) -> None:
            if what not in bars:
                bars[what] = shown.add_task(what, total=of)
            shown.update(bars[what], completed=done, total=of)

        yield report
