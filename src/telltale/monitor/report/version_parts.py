"""What a report shows of one version: its figures, realised beside estimated, and its scores."""

from html import escape
from math import log10

from telltale.contract.kinds import SCORING_KINDS
from telltale.contract.verdict import Measured, Target
from telltale.evaluate.html_parts import sheet
from telltale.evaluate.wording import (
    NO_FIGURE,
    count_text,
    figure_name,
    figure_text,
    interval_text,
    limit_text,
)
from telltale.monitor.report.axes import box, drawing, line, text
from telltale.monitor.report.document import ScoreShape, TaskReport, VersionReport
from telltale.monitor.report.matters import missed

_WIDTH, _HEIGHT, _LEFT = 480, 170.0, 44.0


def version_part(task: TaskReport, one: VersionReport) -> str:
    """A heading and the figures of quality."""
    quality = one.quality
    role = "decides" if one.version == task.champion else ""
    about = [
        f"{quality.n:,} answers",
        f"{quality.n_labelled:,} with a label" if quality.n_labelled else "no labels yet",
        "" if quality.label_delay_s is None else f"label delay {_delay_text(quality.label_delay_s)} (median)",
        ""
        if one.service.mean_ms is None
        else f"latency {one.service.mean_ms:.1f} ms mean, {one.service.p99_ms:.1f} p99",
        f"{one.service.n_failed:,} failed" if one.service.n_failed else "",
    ]
    head = f"<h3>Version {one.version}{f' <em>{role}</em>' if role else ''}</h3>"
    told = escape(" · ".join(words for words in about if words))
    notes = [f"Not known: {', '.join(names)}; {why}." for why, names in _by_reason(quality.unknown).items()]
    if quality.no_estimate and task.kind in SCORING_KINDS:
        notes.append(f"Nothing is estimated: {quality.no_estimate.rstrip('.')}.")
    return "\n".join(
        [
            f'{head}<p class="note">{told}</p>',
            _figures(task, one),
            *(f'<p class="note">{escape(note)}</p>' for note in notes),
        ]
    )


def _figures(task: TaskReport, one: VersionReport) -> str:
    targets = {target.metric: target for target in task.targets}
    realised, estimated = one.quality.realised, one.quality.estimated
    names = [*dict.fromkeys((*realised, *estimated))]
    if not names:
        return ""
    columns = ("figure", "realised, from labels", "estimated, from scores", "asked", "realised │ estimated │ limit")
    rows = [
        (
            escape(figure_name(name)),
            _figure(name, realised.get(name), targets.get(name)),
            _figure(name, estimated.get(name), None),
            limit_text(name, targets[name].op, targets[name].limit) if name in targets else NO_FIGURE,
            _scale(name, realised.get(name), estimated.get(name), targets.get(name)),
        )
        for name in names
    ]
    return sheet(columns, rows)


def _figure(name: str, measured: Measured | None, target: Target | None) -> str:
    if measured is None:
        return NO_FIGURE
    kind = ' class="missed"' if target is not None and missed(target, measured) else ""
    about = f"{interval_text(name, measured.low, measured.high)}, {count_text(name, measured.n)}"
    return f"<b{kind}>{figure_text(name, measured.value)}</b> <small>{escape(about)}</small>"


def _scale(name: str, realised: Measured | None, estimated: Measured | None, target: Target | None) -> str:
    """Both intervals as bars and the limit as a tick, on the part of 0 to 1 that holds them all."""
    there = [measured for measured in (realised, estimated) if measured is not None]
    limits = [target.limit] if target is not None else []
    left = min([measured.low for measured in there] + limits)
    right = max([measured.high for measured in there] + limits)
    room = 0.12 * (right - left) or 0.05

    def x(value: float) -> float:
        return 4 + 136 * (value - left + room) / (right - left + 2 * room)

    parts = [line(4, 14, 140, 14, kind="track")]
    for measured, y, kind in ((realised, 9.0, "range"), (estimated, 19.0, "range estimated")):
        if measured is not None:
            parts.append(line(x(measured.low), y, x(measured.high), y, kind=kind))
            parts.append(f'<circle class="point {kind}" cx="{x(measured.value):.1f}" cy="{y}" r="4"/>')
    parts += [line(x(limit), 2, x(limit), 26, kind="limit") for limit in limits]
    told = "; ".join(f"{interval_text(name, measured.low, measured.high)}" for measured in there)
    return f'<svg class="scale" viewBox="0 0 144 28" role="img" aria-label="{escape(told)}">{"".join(parts)}</svg>'


def score_part(version: int, shape: ScoreShape) -> str:
    """How many answers of a version had which score; counts as powers of ten, so that the few flagged ones are seen."""
    n_bins = len(shape.flagged)
    totals = [flagged + passed for flagged, passed in zip(shape.flagged, shape.passed, strict=True)]
    decades = len(str(max(totals)))
    bottom, top = _HEIGHT - 24, 26.0
    width = (_WIDTH - _LEFT - 8) / n_bins

    def height(n: int) -> float:
        # From a half, so that one answer is seen too.
        return 0.0 if n == 0 else (bottom - top) * log10(2 * n) / log10(2 * 10**decades)

    parts = [text(_LEFT, 14, f"version {version}: answers by score (logarithmic)", kind="title")]
    for power in range(decades + 1):
        y = bottom - height(10**power)
        parts += [line(_LEFT, y, _WIDTH - 8, y, kind="grid"), text(_LEFT - 6, y + 4, f"{10**power:,}", anchor="end")]
    for place, (flagged, passed) in enumerate(zip(shape.flagged, shape.passed, strict=True)):
        told = f"{_between(shape.edges, place)}: {flagged:,} flagged, {passed:,} not"
        for n, kind in sorted(((flagged, "flagged"), (passed, "volume")), reverse=True):
            if n:
                parts.append(box(_LEFT + place * width, bottom - height(n), width - 1, height(n), kind=kind, told=told))
    cut = _LEFT + (shape.edges.index(shape.threshold) + 1) * width - 0.5
    parts += [line(_LEFT, bottom, _WIDTH - 8, bottom, kind="axis"), line(cut, top - 6, cut, bottom, kind="cut")]
    parts.append(text(cut, bottom + 16, f"threshold {shape.threshold:.4g}", anchor="middle"))
    for place in (0, n_bins - 2):
        x = _LEFT + (place + 1) * width
        if abs(x - cut) > 110:
            parts.append(text(x, bottom + 16, f"{shape.edges[place]:.3g}", anchor="middle"))
    return drawing(parts, height=_HEIGHT, width=_WIDTH, told=f"answers of version {version} by score")


def _by_reason(unknown: dict[str, str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name, why in unknown.items():
        found.setdefault(why, []).append(figure_name(name).lower())
    return found


def _between(edges: tuple[float, ...], place: int) -> str:
    if place == 0:
        return f"below {edges[0]:.4g}"
    if place == len(edges):
        return f"{edges[-1]:.4g} or more"
    return f"{edges[place - 1]:.4g} to {edges[place]:.4g}"


def _delay_text(seconds: float) -> str:
    """A delay for people.

    >>> _delay_text(90), _delay_text(7_200), _delay_text(400_000)
    ('2 min', '2.0 h', '4.6 d')
    """
    if seconds < 5_400:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3_600:.1f} h" if seconds < 172_800 else f"{seconds / 86_400:.1f} d"
