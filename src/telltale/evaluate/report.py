"""The report of an evaluation: one HTML file that needs nothing beside it."""

from base64 import b64encode
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path

from telltale.contract.verdict import Measured, TargetResult, Verdict
from telltale.evaluate.forecast_plot import FORECAST_CAPTION, FORECAST_PLOT
from telltale.evaluate.html_parts import facts_list, page, sheet
from telltale.evaluate.kind_plots import METRICS_CAPTION, METRICS_PLOT
from telltale.evaluate.plots import CAPTIONS
from telltale.evaluate.report_style import STYLE
from telltale.evaluate.segment_plot import SEGMENTS_CAPTION, SEGMENTS_PLOT
from telltale.evaluate.timeline_plot import TIMELINE_CAPTION, TIMELINE_PLOT
from telltale.evaluate.wording import (
    MARKS,
    MET_WORDS,
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

_KIND_CAPTIONS = {
    METRICS_PLOT: METRICS_CAPTION,
    SEGMENTS_PLOT: SEGMENTS_CAPTION,
    FORECAST_PLOT: FORECAST_CAPTION,
    TIMELINE_PLOT: TIMELINE_CAPTION,
}
_FOOTNOTE = (
    "Intervals are 95 % and take rows as independent; rows of one incident are not, "
    "so read an interval as the narrowest that it could be."
)
_FOOTNOTE_OF_PEOPLE = (
    "Intervals are 95 %. Those of accuracy, AUROC and the error rates of verification are over resampled people, each with all "
    "of their rows; the others take rows as independent."
)


def write_report(
    path: Path,
    *,
    title: str,
    facts: Mapping[str, str],
    verdict: Verdict,
    metrics: Mapping[str, Measured],
    images: Mapping[str, Path],
    notes: Sequence[str] = (),
) -> None:
    """Write an evaluation as one HTML file: plots inside it, no script, nothing fetched from elsewhere.

    Same arguments, same bytes: a date is a fact like the others.

    Args:
        path: the file; its folder is made, and a file there is replaced.
        title: first heading.
        facts: what was judged and on what, by the words shown: at least app/task, version and kind of data.
        verdict: what the gate said.
        metrics: every figure by name; those with a target are shown beside it as well.
        images: PNG files by the name shown; names of `CAPTIONS` get that caption.
        notes: sentences shown below the verdict: what the figures rest on, what they do not show.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    sections = [
        f"<h1>{escape(title)}</h1>",
        facts_list(facts),
        _verdict(verdict),
        *(f'<p class="note">{escape(note)}</p>' for note in notes),
        _targets(verdict) if verdict.targets else "",
        _figures(metrics) if metrics else "",
        _plots(images) if images else "",
        f"<footer>{_FOOTNOTE_OF_PEOPLE if 'eer_global' in metrics else _FOOTNOTE}</footer>",
    ]
    path.write_text(page(title, sections, style=STYLE), encoding="utf-8")


def _verdict(verdict: Verdict) -> str:
    return (
        f'<div class="verdict {verdict.outcome}"><strong>{OUTCOME_WORDS[verdict.outcome]}</strong>'
        f"<p>{escape(verdict_sentence(verdict))}</p>"
        f"<p>{escape(prevalence_text(n=verdict.n, n_positive=verdict.n_positive))}</p></div>"
    )


def _targets(verdict: Verdict) -> str:
    columns = ("target", "measured", "limit", "goal", "95 % interval", "rests on", "limit │ interval")
    rows = [
        (
            _mark(result.met) + escape(figure_name(result.name)),
            escape(figure_text(result.name, result.value)),
            escape(limit_text(result.name, result.op, result.limit)),
            NO_FIGURE if result.goal is None else escape(limit_text(result.name, result.op, result.goal)),
            escape(interval_text(result.name, result.low, result.high)),
            escape(count_text(result.name, result.n)) if result.n else NO_FIGURE,
            _scale(result),
        )
        for result in verdict.targets
    ]
    return f"<h2>Targets</h2>{sheet(columns, rows)}"


def _mark(met: bool | None) -> str:
    word = MET_WORDS[met]
    return f'<span class="mark {word}" role="img" aria-label="{word}" title="{word}">{MARKS[met]}</span> '


def _figures(metrics: Mapping[str, Measured]) -> str:
    columns = ("figure", "measured", "95 % interval", "rests on")
    rows = [
        (
            escape(figure_name(name)),
            escape(told_text(name, measured.value)),
            escape(interval_text(name, measured.low, measured.high)),
            escape(count_text(name, measured.n)) if measured.n else NO_FIGURE,
        )
        for name, measured in told_once(metrics).items()
    ]
    return f"<h2>All figures</h2>{sheet(columns, rows)}"


def _scale(result: TargetResult) -> str:
    """The interval as a bar and the limit as a tick, on the part of 0 to 1 that holds both."""
    if result.value is None or result.low is None or result.high is None:
        return NO_FIGURE
    left, right = min(result.low, result.limit), max(result.high, result.limit)
    room = 0.12 * (right - left) or 0.05

    def x(value: float) -> str:
        return f"{4 + 136 * (value - left + room) / (right - left + 2 * room):.1f}"

    low, high, point, limit = (x(value) for value in (result.low, result.high, result.value, result.limit))
    meaning = (
        f"interval {interval_text(result.name, result.low, result.high)}, "
        f"limit {limit_text(result.name, result.op, result.limit)}"
    )
    return (
        f'<svg class="scale" viewBox="0 0 144 24" role="img" aria-label="{escape(meaning)}">'
        f'<line class="track" x1="4" x2="140" y1="12" y2="12"/>'
        f'<line class="range" x1="{low}" x2="{high}" y1="12" y2="12"/>'
        f'<line class="limit" x1="{limit}" x2="{limit}" y1="3" y2="21"/>'
        f'<circle class="point" cx="{point}" cy="12" r="4.5"/></svg>'
    )


def _plots(images: Mapping[str, Path]) -> str:
    figures = []
    for name, file in images.items():
        caption = _KIND_CAPTIONS.get(name) or CAPTIONS.get(name, "")
        source = f"data:image/png;base64,{b64encode(file.read_bytes()).decode('ascii')}"
        figures.append(
            f'<figure><img src="{source}" alt="{escape(caption or name)}">'
            f"<figcaption>{escape(caption)} <small>{escape(name)}</small></figcaption></figure>"
        )
    return f'<h2>Plots</h2><div class="plots">{"".join(figures)}</div>'
