"""What matters of a report, in sentences, the most urgent first."""

from typing import Literal

import msgspec

from telltale.contract.verdict import Measured, Target
from telltale.evaluate.wording import figure_name, figure_text, interval_text, limit_text
from telltale.monitor.report.document import Report, TaskReport

Weight = Literal["bad", "open", "good"]


class Matter(msgspec.Struct, frozen=True, kw_only=True):
    """One sentence. `bad` asks for somebody, `open` is worth a look, `good` is how it should be."""

    weight: Weight
    what: str


def what_matters(report: Report) -> list[Matter]:
    """Targets that are missed, alarms, versions taken back, drift; or that there was none of it."""
    found = [matter for task in report.details.tasks for matter in _of_task(task)]
    alarms = {alarm.id: alarm for task in report.details.tasks for alarm in task.alarms}
    alarms |= {alarm.id: alarm for alarm in report.details.alarms}
    lasting = [
        f"{alarm.name} ({alarm.app}/{alarm.task})" if alarm.app else alarm.name
        for alarm in alarms.values()
        if alarm.resolved_at is None or alarm.resolved_at >= report.time_range.until
    ]
    if lasting:
        verb = "lasts" if len(lasting) == 1 else "last"
        found.append(
            Matter(weight="bad", what=f"{_counted(len(lasting), 'alarm')} still {verb}: {', '.join(lasting)}.")
        )
    over = len(alarms) - len(lasting)
    if over:
        found.append(Matter(weight="open", what=f"{_counted(over, 'alarm')} came and went."))
    if not found:
        n = sum(task.service.n for task in report.details.tasks)
        what = "No alarm, no missed target, no drift." if n else "Nothing was asked in this time."
        found.append(Matter(weight="good" if n else "open", what=what))
    return sorted(found, key=lambda matter: ("bad", "open", "good").index(matter.weight))


def missed(target: Target, measured: Measured) -> bool:
    """Whether a figure misses its target with its whole interval."""
    return measured.high < target.limit if target.op == ">=" else measured.low > target.limit


def _of_task(task: TaskReport) -> list[Matter]:
    found = []
    for one in task.versions:
        if one.version != task.champion:
            continue
        for target in task.targets:
            measured = one.quality.realised.get(target.metric)
            if measured is not None and missed(target, measured):
                found.append(
                    Matter(
                        weight="bad",
                        what=f"{task.address}: {figure_name(target.metric).lower()} of version {one.version} is "
                        f"{figure_text(target.metric, measured.value)} "
                        f"({interval_text(target.metric, measured.low, measured.high)}), "
                        f"asked is {limit_text(target.metric, target.op, target.limit)}.",
                    )
                )
    if task.service.error_rate:
        what = f"{task.address}: {_counted(task.service.n_failed, 'request')} of {task.service.n:,} failed."
        found.append(Matter(weight="open", what=what))
    back = [move for move in task.timeline if move.action == "rollback" and move.role_to == "champion"]
    if back:
        to, reason = back[-1], back[-1].reason.rstrip(".")
        what = f"{task.address}: taken back to version {to.number} on {to.at:%d %B, %H:%M}: {reason}."
        found.append(Matter(weight="open", what=what))
    if task.drift and task.drift[-1].drifted:
        names = ", ".join(task.drift[-1].moved) or "all columns a little"
        found.append(Matter(weight="open", what=f"{task.address}: the newest look found drift of {names}."))
    return found


def _counted(n: int, thing: str) -> str:
    return f"{n:,} {thing}{'' if n == 1 else 's'}"
