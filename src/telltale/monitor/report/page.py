"""A report as one HTML page: no script, no picture, nothing fetched from elsewhere."""

from collections.abc import Sequence
from datetime import datetime
from html import escape

from telltale.evaluate.html_parts import facts_list, page, sheet
from telltale.evaluate.report_style import STYLE as SHARED_STYLE
from telltale.evaluate.wording import NO_FIGURE
from telltale.monitor.alarms import Alarm
from telltale.monitor.report.document import Report, TaskReport
from telltale.monitor.report.matters import what_matters
from telltale.monitor.report.style import STYLE
from telltale.monitor.report.timeline import draw_timeline
from telltale.monitor.report.version_parts import score_part, version_part

_FOOTNOTE = (
    "All times are UTC. Intervals are 95 %. Estimated figures suppose that a score means what it meant in training: where "
    "the realised figure lies outside of the estimated interval, it does so no more. PSI carries no error rate; whether "
    "anything drifted is decided by a test at each look."
)


def report_page(report: Report, *, title: str = "", sections: Sequence[str] = ()) -> str:
    """The page of a report; same report, same bytes.

    Args:
        report: what happened.
        title: in place of the days that it is about.
        sections: HTML that comes before the tasks.
    """
    since, until = report.time_range.since, report.time_range.until
    title = title or f"telltale: {_day(since)} to {_day(until)}"
    facts = {"made": _moment(report.timestamp), "from": _moment(since), "until": _moment(until)}
    if report.id is not None:
        facts["report"] = str(report.id)
    parts = [
        f"<h1>{escape(title)}</h1>",
        facts_list(facts),
        _matters(report),
        _tiles(report),
        *sections,
        *(_task(report, task) for task in report.details.tasks if not _is_idle(task)),
        f"<h2>Alarms of the server</h2>{_alarms(report.details.alarms)}" if report.details.alarms else "",
        _idle([task.address for task in report.details.tasks if _is_idle(task)]),
        f"<footer>{escape(_FOOTNOTE)}</footer>",
    ]
    return page(title, parts, style=SHARED_STYLE + STYLE)


def _matters(report: Report) -> str:
    items = "".join(
        f'<li class="{matter.weight}"><span>{escape(matter.what)}</span></li>' for matter in what_matters(report)
    )
    return f'<ul class="matters">{items}</ul>'


def _tiles(report: Report) -> str:
    summary = report.summary
    services = [task.service for task in report.details.tasks]
    tiles = {
        "requests": f"{sum(service.n for service in services):,}",
        "failed": f"{sum(service.n_failed for service in services):,}",
        "mean latency": _number(summary.avg_latency, "ms"),
        "95 % latency": _number(summary.p95_latency, "ms"),
        "mean drift (PSI)": NO_FIGURE if summary.avg_drift is None else f"{summary.avg_drift:.3f}",
        "alarms": f"{summary.alert_count:,}",
    }
    items = "".join(f"<div><dt>{escape(name)}</dt><dd>{escape(value)}</dd></div>" for name, value in tiles.items())
    return f'<dl class="tiles">{items}</dl>'


def _is_idle(task: TaskReport) -> bool:
    return not (task.service.n or task.versions or task.timeline or task.alarms)


def _idle(addresses: list[str]) -> str:
    if not addresses:
        return ""
    told = f"Nothing was asked of, and nothing was done to: {', '.join(addresses)}."
    return f'<h2>Idle</h2><p class="note">{escape(told)}</p>'


def _task(report: Report, task: TaskReport) -> str:
    decides = "no version decides" if task.champion is None else f"version {task.champion} decides"
    # The version that decides first: it is what people ask about.
    versions = sorted(task.versions, key=lambda one: (one.version != task.champion, -one.version))
    scores = "".join(score_part(one.version, one.scores) for one in versions if one.scores is not None)
    parts = [
        f"<h2>{escape(task.address)}</h2>",
        f'<p class="note">{escape(f"{decides} at the end · {task.service.n:,} requests")}</p>',
        draw_timeline(task, report.time_range, alarms=(*task.alarms, *report.details.alarms)),
        *(version_part(task, one) for one in versions),
        f'<div class="plots">{scores}</div>' if scores else "",
        f"<h3>Alarms</h3>{_alarms(task.alarms)}" if task.alarms else "",
        f"<h3>Releases</h3>{_releases(task)}" if task.releases else "",
        f"<h3>Versions, as they moved</h3>{_moves(task)}" if task.timeline else "",
    ]
    return "\n".join(part for part in parts if part)


def _alarms(alarms: tuple[Alarm, ...]) -> str:
    rows = [
        (
            escape(alarm.name),
            _moment(alarm.raised_at),
            "lasts" if alarm.resolved_at is None else _moment(alarm.resolved_at),
            escape(alarm.what),
        )
        for alarm in alarms
    ]
    return _wide(("alarm", "raised", "over", "what"), rows)


def _releases(task: TaskReport) -> str:
    rows = [
        (
            f"version {release.number} against {release.against}",
            f"{release.mode} {', '.join(f'{step} %' for step in release.steps)}",
            _moment(release.started_at),
            release.state if release.ended_at is None else f"{release.state} {_moment(release.ended_at)}",
            escape(release.outcome or release.reason),
        )
        for release in task.releases
    ]
    return _wide(("release", "steps", "began", "state", "why"), rows)


def _moves(task: TaskReport) -> str:
    rows = [
        (
            f"version {move.number}",
            _moment(move.at),
            f"{move.action}: {move.role_from or 'new'} → {move.role_to}"
            if move.role_from != move.role_to
            else move.action,
            escape(move.actor),
            escape(move.reason),
        )
        for move in task.timeline
    ]
    return _wide(("version", "when", "move", "who", "why"), rows)


def _wide(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    return f'<div class="wide">{sheet(columns, rows)}</div>'


def _number(value: float | None, unit: str) -> str:
    return NO_FIGURE if value is None else f"{value:.1f} {unit}"


def _day(at: datetime) -> str:
    return f"{at.day} {at:%B %Y}" if (at.hour, at.minute) == (0, 0) else f"{at.day} {at:%B %Y, %H:%M}"


def _moment(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M}"
