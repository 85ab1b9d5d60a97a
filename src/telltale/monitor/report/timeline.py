"""Everything that happened to a task on one axis of time: who decided, alarms, volume, latency, drift."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from telltale.monitor.alarms import Alarm
from telltale.monitor.report.axes import LEFT, RIGHT, TimeAxis, box, drawing, line, text
from telltale.monitor.report.document import TaskReport, TimeRange
from telltale.monitor.report.panels import PANEL, drift_panel, latency_panel, volume_panel

_LANE: Final = 24.0
_GAP: Final = 40.0
_MOST_LANES: Final = 4
_LETTER: Final = 7.2  # about how wide a letter is


def draw_timeline(task: TaskReport, span: TimeRange, *, alarms: Sequence[Alarm]) -> str:
    """The figure as SVG in HTML; `alarms` are the task's and the server's."""
    axis = TimeAxis(since=span.since, until=span.until)
    front = _champions(task, axis, y=4)
    y = 4 + _LANE
    if task.releases:
        front += _releases(task, axis, y=y)
        y += _LANE
    lanes, left_out = _in_lanes(alarms, axis)
    if lanes:
        front.append(text(LEFT - 8, y + 14, "alarms", anchor="end"))
    for lane in lanes:
        front += _alarms(lane, y=y)
        y += _LANE
    if left_out:
        front.append(text(LEFT, y + 12, f"and {left_out} more alarms, in the table below"))
        y += _LANE
    top = y
    y += _GAP - 6
    panels = [
        volume_panel(task, axis, y=y),
        latency_panel(task, axis, y=y + PANEL + _GAP),
        drift_panel(task, axis, y=y + 2 * (PANEL + _GAP)),
    ]
    drawn = [panel for panel in panels if panel]
    bottom = y + len(drawn) * (PANEL + _GAP) - _GAP
    behind = []
    for x, words in axis.ticks():
        behind += [line(x, top, x, bottom, kind="grid"), text(x, bottom + 18, words, anchor="middle")]
    behind += [line(axis.x(at), 4, axis.x(at), bottom, kind=kind) for at, kind in _moves(task)]
    told = f"{task.address}: who decided, alarms, requests, latency and drift"
    return drawing([*behind, *front, *[part for panel in drawn for part in panel]], height=bottom + 26, told=told)


def _moves(task: TaskReport) -> list[tuple[datetime, str]]:
    """When another version began to decide, and whether that was a step back."""
    return [
        (move.at, "fallback" if move.action == "rollback" else "promotion")
        for move in task.timeline
        if move.role_to == "champion"
    ]


def _champions(task: TaskReport, axis: TimeAxis, *, y: float) -> list[str]:
    """Bands of who decided."""
    changes = [(axis.since, task.champion_before)]
    changes += [(move.at, move.number) for move in task.timeline if move.role_to == "champion"]
    ends = [*[at for at, _ in changes[1:]], axis.until]
    parts = [text(LEFT - 8, y + 14, "decides", anchor="end")]
    for place, ((at, number), end) in enumerate(zip(changes, ends, strict=True)):
        if number is None:
            continue
        left, width = axis.x(at), axis.x(end) - axis.x(at) - 1
        told = f"version {number} decided from {at:%Y-%m-%d %H:%M} to {end:%Y-%m-%d %H:%M}"
        parts.append(box(left, y, width, _LANE - 5, kind=f"band band{place % 2}", told=told))
        words = _fitting(width - 10, f"version {number}", str(number))
        parts.append(text(left + 6, y + 14, words, kind="inside"))
    return parts


def _releases(task: TaskReport, axis: TimeAxis, *, y: float) -> list[str]:
    """Bands of releases, one at a time by their nature: what they tried, and whether it was taken back."""
    parts = [text(LEFT - 8, y + 14, "release", anchor="end")]
    for release in task.releases:
        left = axis.x(release.started_at)
        width = max(4.0, axis.x(release.ended_at or axis.until) - left - 1)
        told = f"version {release.number} against {release.against}, {release.mode}: {release.outcome or release.state}"
        kind = "withdrawn" if release.state in {"stopped", "rolled_back"} else "release"
        parts.append(box(left, y, width, _LANE - 5, kind=kind, told=told))
        words = _fitting(width - 10, f"version {release.number}, {release.mode}", str(release.number))
        parts.append(text(left + 6, y + 14, words, kind="inside"))
    return parts


@dataclass(frozen=True)
class _Bar:
    """An alarm as it is drawn: its bar, its name inside or beside it, and the room that both take."""

    alarm: Alarm
    left: float
    width: float
    name: str
    first: float
    last: float


def _bar(alarm: Alarm, axis: TimeAxis) -> _Bar:
    left = axis.x(alarm.raised_at)
    right = max(left + 4, axis.x(alarm.resolved_at or axis.until))
    needed = len(alarm.name) * _LETTER + 12
    if needed <= right - left:
        name, first, last = text(left + 6, 14, alarm.name, kind="inside"), left, right
    elif right + needed <= RIGHT:
        name, first, last = text(right + 5, 14, alarm.name), left, right + needed
    else:
        name, first, last = text(left - 5, 14, alarm.name, anchor="end"), left - needed, right
    return _Bar(alarm=alarm, left=left, width=right - left, name=name, first=first, last=last)


def _in_lanes(alarms: Sequence[Alarm], axis: TimeAxis) -> tuple[list[list[_Bar]], int]:
    """Alarms in as few lanes as they fit without touching, and how many did not."""
    lanes: list[list[_Bar]] = []
    left_out = 0
    for bar in sorted((_bar(alarm, axis) for alarm in alarms), key=lambda bar: bar.first):
        free = next((lane for lane in lanes if lane[-1].last < bar.first), None)
        if free is not None:
            free.append(bar)
        elif len(lanes) < _MOST_LANES:
            lanes.append([bar])
        else:
            left_out += 1
    return lanes, left_out


def _alarms(bars: Sequence[_Bar], *, y: float) -> list[str]:
    parts = []
    for bar in bars:
        told = f"{bar.alarm.name}, raised {bar.alarm.raised_at:%Y-%m-%d %H:%M}: {bar.alarm.what}"
        drawn = box(bar.left, 0, bar.width, _LANE - 5, kind=f"alarm {bar.alarm.severity}", told=told)
        parts.append(f'<g transform="translate(0 {y:.1f})">{drawn}{bar.name}</g>')
    return parts


def _fitting(room: float, *words: str) -> str:
    """The first that fits; "" where none does."""
    return next((one for one in words if len(one) * _LETTER <= room), "")
