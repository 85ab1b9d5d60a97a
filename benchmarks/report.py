"""`docs/benchmarks.md`: every benchmark's figures with pictures, and what they were measured on."""

import inspect
from collections.abc import Iterator, Sequence
from importlib import import_module
from pathlib import Path

from benchmarks.catalogue import BENCHMARKS
from benchmarks.pictures import draw
from benchmarks.results import Result
from benchmarks.show import cell, methods_table

_MACHINE = ("processor", "cores", "system", "python")
_HEAD = """# Benchmarks

Written by `make bench`: do not edit. Each table has every method run in one process, on the same cases. Figures are
means over cases, ± the standard deviation between them. "Ours" is the product with its defaults. `python -m benchmarks
NAME --json` gives every case.
"""


def write_report(path: Path, results: Sequence[Result], *, quick: bool) -> None:
    """Write the page, and pictures into `pictures/` beside it."""
    pictures = path.parent / "pictures"
    pictures.mkdir(parents=True, exist_ok=True)
    lines = [_HEAD]
    if quick:
        lines.append("**These figures are of a quick run, for a check that everything runs: quote none of them.**\n")
    machine = {name: result.facts[name] for result in results for name in _MACHINE if name in result.facts}
    lines.append("Machine: " + ", ".join(f"{name} {value}" for name, value in machine.items()) + ".\n")
    for result in results:
        picture = pictures / f"benchmark_{result.benchmark}.png"
        draw(result, BENCHMARKS[result.benchmark], picture)
        lines += _section(result, picture.relative_to(path.parent).as_posix())
    path.write_text("\n".join(lines).rstrip() + "\n", encoding="utf-8")


def _section(result: Result, picture: str) -> Iterator[str]:
    benchmark = BENCHMARKS[result.benchmark]
    yield f"## {result.benchmark}\n"
    # A folder's name says what it holds; where it lies is the machine's own matter.
    data = Path(result.data).name if "/" in result.data else result.data
    yield f"{benchmark.title}. Data: {data}; cases: {result.cases}.\n"
    yield from _table(*methods_table(result.rows, benchmark.shown))
    yield f"![{result.benchmark}: {', '.join(benchmark.shown)} of each method]({picture})\n"
    if result.comparisons:
        yield "Ours less the best baseline, paired by case, with the 95 % bootstrap interval of the mean:\n"
        rows = [
            (found.metric, found.baseline, f"{found.difference:+.4f}", f"{found.low:+.4f} to {found.high:+.4f}")
            for found in result.comparisons
        ]
        yield from _table(("metric", "best baseline", "difference", "interval"), rows)
    if result.variants:
        yield "Variants:\n"
        yield from _table(*methods_table(result.variants, benchmark.shown))
    for table in result.tables:
        yield f"{table.title}:\n"
        yield from _table(table.columns, [[cell(value) for value in row] for row in table.rows])
    yield from (f"- {note}" for note in result.notes)
    facts = ", ".join(f"{name} {value}" for name, value in result.facts.items() if name not in _MACHINE)
    yield f"- {facts[:1].upper()}{facts[1:]}.\n"
    yield "How it is measured:\n"
    yield inspect.cleandoc(import_module(f"benchmarks.{result.benchmark}").__doc__ or "") + "\n"


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(columns)} |"
    yield f"| {' | '.join(['---'] + ['---:'] * (len(columns) - 1))} |"
    yield from (f"| {' | '.join(row)} |" for row in rows)
    yield ""
