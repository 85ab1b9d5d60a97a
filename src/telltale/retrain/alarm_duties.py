"""Duties of alarms: the rules are looked at, and what they and others raised is told."""

from datetime import datetime

from telltale.monitor.alarm.delivery import deliver_messages
from telltale.monitor.alarm.rules import SERVICE_RULES, SLOW_RULES, check_rules
from telltale.monitor.presence import note_presence
from telltale.retrain.duties import Desk
from telltale.retrain.job_hold import this_worker


def watch_service(desk: Desk, now: datetime) -> None:
    """Raise and end the alarms that a few minutes of the log tell of."""
    check_rules(desk.folder, desk.registry, desk.apps, now=now, rules=SERVICE_RULES)


def watch_days(desk: Desk, now: datetime) -> None:
    """Raise and end the alarms that days tell of: quality, and streams that fell silent."""
    check_rules(desk.folder, desk.registry, desk.apps, now=now, rules=SLOW_RULES)


def deliver_alarms(desk: Desk, now: datetime) -> None:
    """Tell of alarms that were raised and of those that are over."""
    deliver_messages(desk.folder.state, desk.alarm_sinks, owner=this_worker(), now=now)


def show_presence(desk: Desk, now: datetime) -> None:
    """Give a sign of life: without a worker nobody looks at rules, and nobody tells."""
    note_presence(desk.folder.state, this_worker(), now=now)
