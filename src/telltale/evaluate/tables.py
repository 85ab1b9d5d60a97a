"""What an evaluation says on the console, as Rich renderables; the caller prints them."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from telltale.contract.verdict import Measured, TargetResult, Verdict
from telltale.evaluate.class_plots import DETECTION, ClassWords
from telltale.evaluate.metrics import ConfusionCounts
from telltale.evaluate.wording import (
    MARKS,
    NO_FIGURE,
    OUTCOME_WORDS,
    count_text,
    figure_name,
    figure_text,
    interval_text,
    limit_text,
    prevalence_text,
    told_once,
    told_text,
    verdict_sentence,
)

if TYPE_CHECKING:
    from rich.table import Table
    from rich.text import Text

_MET_STYLES: dict[bool | None, str] = {True: "green", False: "bold red", None: "yellow"}
_OUTCOME_STYLES = {"pass": "bold green", "fail": "bold red", "not_enough_evidence": "bold yellow"}


def targets_table(verdict: Verdict) -> "Table":
    """A row per target: tick or cross, the figure, its 95 % interval and count, the limit and the goal.

    Prevalence stands below, since precision means nothing without it.
    """
    from rich.text import Text

    table = _table("Targets", caption=prevalence_text(n=verdict.n, n_positive=verdict.n_positive))
    table.add_column("")
    table.add_column("target", no_wrap=True)
    for name in ("measured", "limit", "goal", "95 % interval", "rests on"):
        table.add_column(name, justify="right", no_wrap=name != "rests on")
    for result in verdict.targets:
        style = _MET_STYLES[result.met]
        table.add_row(
            Text(MARKS[result.met], style=style),
            figure_name(result.name),
            Text(figure_text(result.name, result.value), style=style),
            limit_text(result.name, result.op, result.limit),
            _goal_text(result),
            interval_text(result.name, result.low, result.high),
            count_text(result.name, result.n) if result.n else NO_FIGURE,
        )
    return table


def metrics_table(metrics: Mapping[str, Measured], *, n: int, n_positive: int | None) -> "Table":
    """A row per figure with its interval and count, and the prevalence they were measured at."""
    table = _table("Figures", caption=prevalence_text(n=n, n_positive=n_positive))
    table.add_column("figure")
    for name in ("measured", "95 % interval", "rests on"):
        table.add_column(name, justify="right")
    for name, measured in told_once(metrics).items():
        table.add_row(
            figure_name(name),
            told_text(name, measured.value),
            interval_text(name, measured.low, measured.high),
            count_text(name, measured.n) if measured.n else NO_FIGURE,
        )
    return table


def confusion_table(counts: ConfusionCounts, *, words: ClassWords = DETECTION) -> "Table":
    """Rows by truth and decision."""
    normal, anomalous = words.negative, words.positive
    table = _table("Confusion matrix")
    table.add_column("truth")
    for name in (f"decided {normal}", f"decided {anomalous}", "all"):
        table.add_column(name, justify="right")
    table.add_row(normal, f"{counts.tn:,}", f"{counts.fp:,}", f"{counts.n_negative:,}")
    table.add_row(anomalous, f"{counts.fn:,}", f"{counts.tp:,}", f"{counts.n_positive:,}")
    return table


def verdict_line(verdict: Verdict) -> "Text":
    """The outcome and why, in one line."""
    from rich.text import Text

    outcome = Text(f"{OUTCOME_WORDS[verdict.outcome]}: ", style=_OUTCOME_STYLES[verdict.outcome])
    return outcome.append(verdict_sentence(verdict), style="default")


def _goal_text(result: TargetResult) -> str:
    return NO_FIGURE if result.goal is None else limit_text(result.name, result.op, result.goal)


def _table(title: str, *, caption: str | None = None) -> "Table":
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    return Table(
        title=title,
        caption=caption,
        box=SIMPLE_HEAD,
        title_justify="left",
        caption_justify="left",
        title_style="bold",
        pad_edge=False,
        collapse_padding=True,
    )
