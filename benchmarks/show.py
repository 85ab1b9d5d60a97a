"""A result as tables for people."""

from collections.abc import Mapping, Sequence

from rich.console import Console
from rich.markup import escape
from rich.table import Table as Printed

from benchmarks.catalogue import BENCHMARKS
from benchmarks.results import Cell, Result, Row


def show(result: Result, console: Console) -> None:
    """Print a result."""
    benchmark = BENCHMARKS[result.benchmark]
    heading = f"{benchmark.title}: {result.cases} cases, data {result.data}"
    _print(console, heading, _methods(result.rows, benchmark.shown))
    if result.variants:
        _print(console, "Variants", _methods(result.variants, benchmark.shown))
    for table in result.tables:
        _print(console, table.title, _table(table.columns, [[cell(value) for value in row] for row in table.rows]))
    for found in result.comparisons:
        console.print(
            f"{found.metric}: ours less {found.baseline} {found.difference:+.4f}"
            f" (95 % {found.low:+.4f} to {found.high:+.4f}, {found.n_cases} cases)"
        )
    for note in result.notes:
        console.print(escape(f"- {note}"))
    console.print(escape(", ".join(f"{name} {value}" for name, value in result.facts.items())), style="dim")


def methods_table(rows: Sequence[Row], shown: Sequence[str]) -> tuple[list[str], list[list[str]]]:
    """Headings, and a line per method: the metrics to be shown first, then others that are no spread of one."""
    found = dict.fromkeys(metric for row in rows for metric in row.metrics)
    metrics = [
        *(metric for metric in shown if metric in found),
        *(metric for metric in found if metric not in shown and not metric.endswith(("_sd", "_min", "_max"))),
    ]
    timed = any(row.seconds is not None for row in rows)
    lines = [
        [
            f"{row.name} (ours)" if row.ours else row.name,
            *(_with_spread(row.metrics, metric) for metric in metrics),
            *([cell(row.seconds)] if timed else []),
        ]
        for row in rows
    ]
    return ["", *metrics, *(["seconds"] if timed else [])], lines


def _with_spread(metrics: Mapping[str, float | None], metric: str) -> str:
    """A figure, with its standard deviation over cases where there is one."""
    spread = metrics.get(f"{metric}_sd")
    return cell(metrics.get(metric)) + (f" ±{cell(spread)}" if spread is not None else "")


def cell(value: Cell) -> str:
    """A value as it is read best.

    >>> [cell(value) for value in (None, 0.91234, 17.27, 13216.4, 0.0, 2e-7, 3, "grid")]
    ['-', '0.9123', '17.3', '13,216', '0', '2.0e-07', '3', 'grid']
    """
    if value is None:
        return "-"
    if not isinstance(value, float):
        return f"{value:,}" if isinstance(value, int) else value
    size = abs(value)
    if size < 1e-3:
        return f"{value:.1e}" if size else "0"
    return f"{value:,.0f}" if size >= 1_000 else f"{value:.1f}" if size >= 10 else f"{value:.4g}"


def _print(console: Console, title: str, table: Printed) -> None:
    console.print(escape(title), style="bold")
    console.print(table)


def _methods(rows: Sequence[Row], shown: Sequence[str]) -> Printed:
    return _table(*methods_table(rows, shown))


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> Printed:
    made = Printed(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for place, column in enumerate(columns):
        made.add_column(escape(column), justify="right" if place else "left")
    for row in rows:
        made.add_row(*map(escape, row))
    return made
