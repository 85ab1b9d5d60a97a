"""What every benchmark gives: rows to compare, and what a reader needs to judge them."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

Cell = str | float | int | None
BEST_ROW = "telltale_best"  # ours as well, beside the default, where a benchmark is asked for it
Figures = dict[str, float | None]  # None where a figure is not defined: never a made-up 0 or 1


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One method: figures averaged over cases, and each case's own."""

    name: str
    ours: bool
    metrics: Figures
    by_case: dict[str, Figures] = {}
    seconds: float | None = None


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """Ours less the best baseline in one metric, paired by case, with a 95 % bootstrap interval of the mean."""

    metric: str
    baseline: str
    difference: float
    low: float
    high: float
    n_cases: int


class Table(msgspec.Struct, frozen=True, kw_only=True):
    """Anything worth a table of its own."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """A benchmark's outcome.

    Args:
        benchmark: its name.
        data: where the cases came from: a folder, or "simulated", or "-".
        cases: how many.
        rows: one per method, exactly one of them ours, `BEST_ROW` apart.
        variants: other settings of ours or of a baseline: for the reader, not for the ranking.
        bounds: oracles and perfect scores.
        comparisons: ours against the best baseline.
        tables: whatever is not one figure per method.
        facts: seeds, sizes, machine, versions.
        notes: how to read it, and where we lose.
    """

    benchmark: str
    data: str
    cases: int
    rows: tuple[Row, ...]
    variants: tuple[Row, ...] = ()
    bounds: dict[str, Any] = {}
    comparisons: tuple[Comparison, ...] = ()
    tables: tuple[Table, ...] = ()
    facts: dict[str, str] = {}
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Averaging:
    """How figures of cases become one figure of a method.

    Args:
        metrics: which are averaged; others stay with their case.
        lower_is_better: those of which the worst is the largest.
    """

    metrics: tuple[str, ...]
    lower_is_better: frozenset[str] = field(default_factory=frozenset)


def defined(value: float) -> float | None:
    """The figure, or None for one that JSON cannot carry.

    >>> defined(0.5), defined(float("nan"))
    (0.5, None)
    """
    return value if math.isfinite(value) else None


def average(by_case: Mapping[str, Figures], how: Averaging) -> Figures:
    """Mean, standard deviation and worst over the cases where the figure is defined.

    >>> average({"a": {"recall": 1.0}, "b": {"recall": 0.5}, "c": {"recall": None}}, Averaging(metrics=("recall",)))
    {'recall': 0.75, 'recall_sd': 0.3535533905932738, 'recall_min': 0.5}
    """
    made: Figures = {}
    for metric in how.metrics:
        known = [value for figures in by_case.values() if (value := figures.get(metric)) is not None]
        mean = math.fsum(known) / len(known) if known else None
        made[metric] = mean
        if mean is None or len(by_case) == 1:
            continue
        square = math.fsum((value - mean) ** 2 for value in known)
        made[f"{metric}_sd"] = math.sqrt(square / (len(known) - 1)) if len(known) > 1 else None
        if metric in how.lower_is_better:
            made[f"{metric}_max"] = max(known)
        else:
            made[f"{metric}_min"] = min(known)
    return made


def check(document: Mapping[str, Any]) -> Result:
    """Read a benchmark's document back. Raises ValueError where it breaks the contract."""
    result = msgspec.convert(document, Result)
    _refuse(result.benchmark, _faults(result))
    return result


def as_document(result: Result) -> dict[str, Any]:
    """The result as the JSON object that is printed. Raises ValueError where it breaks the contract."""
    _refuse(result.benchmark, _faults(result))
    document: dict[str, Any] = msgspec.to_builtins(result)
    return document


def _faults(result: Result) -> Iterable[str]:
    n_ours = sum(row.ours for row in result.rows if row.name != BEST_ROW)
    if n_ours != 1:
        yield f"{n_ours} rows are ours, not one"
    names = [row.name for row in (*result.rows, *result.variants)]
    for name in sorted({name for name in names if names.count(name) > 1}):
        yield f"two rows are called {name}"
    for row in (*result.rows, *result.variants):
        figures = {"": row.metrics, **row.by_case}
        for case, found in figures.items():
            for metric, value in found.items():
                if value is not None and not math.isfinite(value):
                    yield f"{metric} of {row.name} {case} is {value}; write None"


def _refuse(benchmark: str, faults: Iterable[str]) -> None:
    found = list(faults)
    if found:
        msg = f"{benchmark}: {'; '.join(found)}"
        raise ValueError(msg)
