"""`telltale report`: what happened in a span of time."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from telltale.cli.console import AsJson, facts, next_step, out, print_json, say, table
from telltale.cli.versions import actor_name
from telltale.contract.app import App, Task
from telltale.contract.verdict import Measured
from telltale.evaluate.wording import NO_FIGURE, figure_name, figure_text, interval_text, limit_text
from telltale.home import Home, open_home
from telltale.home.apps import find_app, find_task
from telltale.monitor.report.document import Report, TaskReport
from telltale.monitor.report.gather import make_report
from telltale.monitor.report.matters import Weight, what_matters
from telltale.monitor.report.page import report_page
from telltale.monitor.report.store import ReportHead, keep_report, read_report, report_heads
from telltale.telemetry.durations import since as moment

_COLOURS: dict[Weight, str] = {"bad": "red", "open": "yellow", "good": "green"}


def report(
    tasks: Annotated[
        list[str] | None, typer.Argument(help="app/task, or an app for all of its tasks.  [default: every task]")
    ] = None,
    since: Annotated[str, typer.Option(help="So long ago (90m, 24h, 7d), or an ISO time.")] = "7d",
    until: Annotated[str, typer.Option(help="Likewise.  [default: now]")] = "",
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Write the HTML page here.")] = None,
    stored: Annotated[
        int | None, typer.Option("--stored", help="Show this stored report in place of a new one.")
    ] = None,
    every: Annotated[bool, typer.Option("--list", help="List the stored reports, newest first.")] = False,
    as_json: AsJson = False,
) -> int:
    """Report latency, drift, alarms, quality and what versions did; the report is stored."""
    now = datetime.now(UTC)
    with open_home() as home:
        if every:
            return _list(report_heads(home.folder.state), as_json=as_json)
        if stored is not None:
            made = read_report(home.folder.state, stored)
        else:
            made = make_report(
                home.folder,
                home.registry,
                _chosen(home, tasks or []),
                since=moment(since, now=now),
                until=moment(until, now=now) if until else now,
                now=now,
            )
            made = keep_report(home.folder.state, made, actor=actor_name())
    if output is not None:
        output.parent.mkdir(parents=True, exist_ok=True)
        output.write_text(report_page(made), encoding="utf-8")
    if as_json:
        print_json(made)
        return 0
    _show(made)
    if output is not None:
        next_step(f"open {output}")
    else:
        next_step(f"telltale report --stored {made.id} -o report.html draws it")
    return 0


def _list(heads: Sequence[ReportHead], *, as_json: bool) -> int:
    if as_json:
        print_json({"reports": heads})
        return 0
    rows = [
        (
            str(head.id),
            f"{head.time_range.since:%Y-%m-%d %H:%M}",
            f"{head.time_range.until:%Y-%m-%d %H:%M}",
            f"{head.summary.alert_count:,}",
            _number(head.summary.p95_latency, " ms"),
            head.actor,
        )
        for head in heads
    ]
    if rows:
        out.print(table("", ("report", "from (UTC)", "until (UTC)", "alarms", "95 % latency", "made by"), rows))
    next_step("telltale report --stored N -o report.html draws one" if rows else "telltale report makes one")
    return 0


def _chosen(home: Home, wanted: Sequence[str]) -> list[tuple[App, Task]]:
    if not wanted:
        return [(app, task) for app in home.apps.values() for task in app.tasks]
    found: list[tuple[App, Task]] = []
    for address in wanted:
        if "/" in address:
            found.append(find_task(home.apps, address))
        else:
            app = find_app(home.apps, address)
            found += [(app, task) for task in app.tasks]
    return [one for place, one in enumerate(found) if one not in found[:place]]


def _show(made: Report) -> None:
    span, summary = made.time_range, made.summary
    say(f"Report {made.id}: {span.since:%Y-%m-%d %H:%M} to {span.until:%Y-%m-%d %H:%M} UTC")
    for matter in what_matters(made):
        out.print(f"[{_COLOURS[matter.weight]}]●[/]", end=" ")
        say(matter.what)
    facts(
        {
            "mean latency": _number(summary.avg_latency, " ms"),
            "95 % latency": _number(summary.p95_latency, " ms"),
            "mean drift (PSI)": NO_FIGURE if summary.avg_drift is None else f"{summary.avg_drift:.3f}",
            "alarms": f"{summary.alert_count:,}",
        }
    )
    for task in made.details.tasks:
        if task.service.n or task.versions:
            _show_task(task)


def _show_task(task: TaskReport) -> None:
    targets = {target.metric: limit_text(target.metric, target.op, target.limit) for target in task.targets}
    rows = []
    for one in task.versions:
        quality = one.quality
        told = f"{one.version}{' (decides)' if one.version == task.champion else ''}"
        for name in dict.fromkeys((*quality.realised, *quality.estimated)):
            realised, estimated = quality.realised.get(name), quality.estimated.get(name)
            rows.append(
                (told, figure_name(name), _figure(name, realised), _figure(name, estimated), targets.get(name, ""))
            )
            told = ""
    service = task.service
    latency = "" if service.p95_ms is None else f", {service.mean_ms:.1f} ms mean, {service.p95_ms:.1f} ms p95"
    say("")
    say(f"{task.address}: {service.n:,} requests, {service.n_failed:,} failed{latency}")
    if rows:
        out.print(table("", ("version", "figure", "realised (95 %)", "estimated (95 %)", "asked"), rows))
    for one in task.versions:
        for name, why in one.quality.unknown.items():
            say(f"  version {one.version}: {figure_name(name).lower()} is not known: {why}")


def _figure(name: str, measured: Measured | None) -> str:
    if measured is None:
        return NO_FIGURE
    return f"{figure_text(name, measured.value)} ({interval_text(name, measured.low, measured.high)})"


def _number(value: float | None, unit: str) -> str:
    return NO_FIGURE if value is None else f"{value:.1f}{unit}"
