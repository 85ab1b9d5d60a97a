"""The rules, and a look at all of them."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal

import structlog

from telltale.contract.app import App
from telltale.contract.errors import UnavailableError, UsageError
from telltale.monitor.alarm.outcome_rules import failed_retraining, low_quality
from telltale.monitor.alarm.scene import Finding, Scene
from telltale.monitor.alarm.service_rules import high_error_rate, high_latency
from telltale.monitor.alarm.stream_rule import failed_collector
from telltale.monitor.alarms import Alarm, AlarmName, active_alarms, raise_alarm, resolve_alarm
from telltale.monitor.drift.rule import LIMITS as DRIFT_LIMITS
from telltale.registry.registry import Registry
from telltale.storage.folder import Folder

_logger = structlog.get_logger("telltale.monitor.alarm.rules")


@dataclass(frozen=True, kw_only=True)
class Rule:
    """When an alarm is raised and when it is over.

    Args:
        name: of the alarm.
        of: whether it looks at each task, or at each event.
        look: what is wrong, or None.
        limits: by name; a task's `alarm_limits` come before them.
        clear_after_s: how long nothing must have been wrong until the alarm is over: what goes up and down about its
            limit is one alarm.
    """

    name: AlarmName
    look: Callable[[Scene, Mapping[str, float]], Finding | None]
    of: Literal["task", "event"] = "task"
    limits: Mapping[str, float]
    clear_after_s: float = 60.0


# Read a few minutes of the log: looked at several times a minute.
SERVICE_RULES: Final = (
    Rule(name="latency_high", look=high_latency, limits={"latency_mean_ms": 100.0, "latency_p99_ms": 100.0}),
    Rule(name="error_rate_high", look=high_error_rate, limits={"error_rate": 0.05}),
    Rule(name="retraining_failed", look=failed_retraining, limits={}, clear_after_s=0.0),
)
# Read days: looked at every few minutes.
SLOW_RULES: Final = (
    Rule(name="quality_low", look=low_quality, limits={"quality_days": 7.0}, clear_after_s=900.0),
    Rule(
        name="collector_failed",
        of="event",
        look=failed_collector,
        limits={"silence_gaps": 10.0, "silence_s": 900.0},
        clear_after_s=0.0,
    ),
)
RULES: Final = SERVICE_RULES + SLOW_RULES


def check_rules(
    folder: Folder, registry: Registry, apps: Mapping[str, App], *, now: datetime, rules: Iterable[Rule] = RULES
) -> None:
    """Look at every task and event; raise what is wrong, and end what has been right for long enough.

    Args:
        folder: the home.
        registry: of the home.
        apps: whose tasks and events.
        now: aware.
        rules: which.

    Raises:
        UnavailableError: a database cannot be used now.
    """
    lasting = {(alarm.name, alarm.app, alarm.task): alarm for alarm in active_alarms(folder.state)}
    for rule in rules:
        for app in apps.values():
            for name in _looked_at(rule, app):
                scene = Scene(folder=folder, registry=registry, app=app, name=name, now=now)
                try:
                    found = rule.look(scene, limits_of(rule, app, name))
                except UnavailableError:
                    raise
                except Exception:  # one task's fault must not hide another's; its alarm stays as it is
                    _logger.exception("rule_failed", rule=rule.name, app=app.name, task=name)
                    continue
                _tell(rule, scene, found, lasting.get((rule.name, app.name, name)))


def limits_of(rule: Rule, app: App, name: str) -> Mapping[str, float]:
    """The rule's limits for a task, or for an event: then as the tasks that read it say.

    Raises:
        UsageError: the task names a limit that no rule has.
    """
    tasks = [task for task in app.tasks if name == (task.name if rule.of == "task" else task.event)]
    known = {limit for each in RULES for limit in each.limits} | DRIFT_LIMITS.keys()
    own: dict[str, float] = {}
    for task in tasks:
        for limit, value in task.alarm_limits.items():
            if limit not in known:
                raise UsageError.not_one_of(limit, known, where=f"{app.name}/{task.name}: alarm_limits")
            if limit in rule.limits:
                own[limit] = value
    return {**rule.limits, **own}


def _looked_at(rule: Rule, app: App) -> list[str]:
    return [one.name for one in (app.tasks if rule.of == "task" else app.events)]


def _tell(rule: Rule, scene: Scene, found: Finding | None, lasts: Alarm | None) -> None:
    state, app, task = scene.folder.state, scene.app.name, scene.name
    if found is not None:
        raise_alarm(state, rule.name, app=app, task=task, what=found.what, mend=found.mend, now=scene.now)
    elif lasts is not None and scene.now - lasts.seen_at >= timedelta(seconds=rule.clear_after_s):
        resolve_alarm(state, rule.name, app=app, task=task, now=scene.now)
