"""The panels below each other on the axis of time: requests, latency, drift."""

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Final

from telltale.monitor.report.axes import LEFT, RIGHT, TimeAxis, box, line, round_ticks, text
from telltale.monitor.report.document import Bucket, TaskReport

PANEL: Final = 110.0
# The house's limit of the mean of an answer's latency.
_LIMIT_MS: Final = 100.0


def volume_panel(task: TaskReport, axis: TimeAxis, *, y: float) -> list[str]:
    """Requests of each part of the range, those that failed on top."""
    step = timedelta(seconds=task.step_s)
    ticks = round_ticks(max((bucket.n for bucket in task.buckets), default=0))
    height = _scale(ticks, y)
    parts = [*_frame(f"requests per {_step_words(task.step_s)}", ticks, height, y=y)]
    for bucket in task.buckets:
        left, right = axis.x(bucket.at), axis.x(bucket.at + step)
        told = f"{bucket.at:%Y-%m-%d %H:%M}: {bucket.n:,} requests, {bucket.n_failed:,} failed"
        good = height(bucket.n - bucket.n_failed)
        parts.append(box(left, good, right - left - 1, y + PANEL - good, kind="volume", told=told))
        if bucket.n_failed:
            top = height(bucket.n)
            # Seen although it is one of ten thousand.
            parts.append(box(left, min(top, good - 2), right - left - 1, max(2, good - top), kind="failed", told=told))
    return parts


def latency_panel(task: TaskReport, axis: TimeAxis, *, y: float) -> list[str]:
    """The median and the 95 % of how long answers took; nothing where none was timed."""
    timed = [bucket.p95_ms for bucket in task.buckets if bucket.p95_ms is not None]
    if not timed:
        return []
    ticks = round_ticks(max(timed))
    height = _scale(ticks, y)
    parts = [*_frame("latency, ms", ticks, height, y=y)]
    if ticks[-1] >= _LIMIT_MS:
        parts.append(line(LEFT, height(_LIMIT_MS), RIGHT, height(_LIMIT_MS), kind="limit"))
        parts.append(text(RIGHT, height(_LIMIT_MS) - 4, f"limit {_LIMIT_MS:g} ms", anchor="end"))
    half = timedelta(seconds=task.step_s / 2)

    def points(of: Callable[[Bucket], float | None]) -> list[tuple[float, float] | None]:
        return [
            None if (value := of(bucket)) is None else (axis.x(bucket.at + half), height(value))
            for bucket in task.buckets
        ]

    parts += _curve(points(lambda bucket: bucket.p95_ms), kind="p95")
    parts += _curve(points(lambda bucket: bucket.p50_ms), kind="p50")
    key = LEFT + 92
    for words, kind in (("95 % below", "p95"), ("median", "p50")):
        parts += [line(key, y - 12, key + 22, y - 12, kind=kind), text(key + 28, y - 8, words)]
        key += 116
    return parts


def drift_panel(task: TaskReport, axis: TimeAxis, *, y: float) -> list[str]:
    """How far features and score are from training at each look, and which looks found drift."""
    looks = [(look, look.psi) for look in task.drift if look.psi is not None]
    if not looks:
        return []
    ticks = round_ticks(max(psi for _, psi in looks))
    height = _scale(ticks, y)
    parts = [*_frame("drift, mean PSI", ticks, height, y=y)]
    parts += _curve([(axis.x(look.at), height(psi)) for look, psi in looks], kind="psi", dots=len(looks) < 60)
    for look, psi in looks:
        if look.drifted:
            x = axis.x(look.at)
            told = f"{look.at:%Y-%m-%d %H:%M}: drift of {', '.join(look.moved) or 'all columns a little'}"
            parts.append(box(x - 4, height(psi) - 4, 8, 8, kind="drifted", told=told))
    if any(look.drifted for look, _ in looks):
        parts += [box(LEFT + 118, y - 16, 8, 8, kind="drifted"), text(LEFT + 132, y - 8, "drift was found")]
    return parts


def _scale(ticks: Sequence[float], y: float) -> Callable[[float], float]:
    return lambda value: y + PANEL * (1 - min(value, ticks[-1]) / ticks[-1])


def _frame(title: str, ticks: Sequence[float], height: Callable[[float], float], *, y: float) -> list[str]:
    parts = [text(LEFT, y - 8, title, kind="title")]
    for tick in ticks:
        parts.append(line(LEFT, height(tick), RIGHT, height(tick), kind="axis" if tick == 0 else "grid"))
        parts.append(text(LEFT - 8, height(tick) + 4, f"{tick:,.10g}", anchor="end"))
    return parts


def _curve(points: Sequence[tuple[float, float] | None], *, kind: str, dots: bool = False) -> list[str]:
    """A line through points, broken where there is none; a point alone is a dot."""
    runs: list[list[tuple[float, float]]] = [[]]
    for point in points:
        if point is not None:
            runs[-1].append(point)
        elif runs[-1]:
            runs.append([])
    parts = []
    for run in runs:
        if len(run) > 1:
            path = " ".join(f"{x:.1f},{y:.1f}" for x, y in run)
            parts.append(f'<polyline class="{kind}" points="{path}"/>')
        if run and (dots or len(run) == 1):
            parts += [f'<circle class="{kind} dot" cx="{x:.1f}" cy="{y:.1f}" r="2.5"/>' for x, y in run]
    return parts


def _step_words(step_s: float) -> str:
    """A length of a part of the range.

    >>> _step_words(60), _step_words(10_800), _step_words(86_400)
    ('minute', '3 hours', 'day')
    """
    for unit_s, word in ((86_400, "day"), (3_600, "hour"), (60, "minute")):
        if step_s >= unit_s:
            n = step_s / unit_s
            return word if n == 1 else f"{n:g} {word}s"
    return f"{step_s:g} s"
