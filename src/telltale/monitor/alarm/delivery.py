"""Sending: by one process at a time, until the sink has taken it or nobody would want to know."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from time import monotonic
from typing import Final

import structlog

from telltale.contract.errors import TelltaleError
from telltale.monitor.alarm.messages import Message, Sink
from telltale.monitor.alarm.outbox import Due, due_messages, note_changes, note_refused, note_taken
from telltale.monitor.alarms import Alarm, find_alarms
from telltale.storage.database import Database
from telltale.storage.leases import hold_lease

_LEASE: Final = "alarm messages"
_LEASE_S: Final = 60.0
_LONGEST_LOOK_S: Final = 20.0  # well within the lease; other duties wait for this one
_MOST_A_LOOK: Final = 100
_FIRST_WAIT_S: Final = 5.0
_LONGEST_WAIT_S: Final = 900.0
_GIVEN_UP_AFTER: Final = timedelta(days=1)

_logger = structlog.get_logger("telltale.monitor.alarm.delivery")


def deliver_messages(state: Database, sinks: Iterable[Sink], *, owner: str, now: datetime) -> int:
    """Send what is due; how many were taken.

    A message is noted as sent after it was: a crash between sends it again, under the same id. A sink that refuses one
    is left alone for a while, longer each time. What it has not taken a day after the alarm was over is given up, and the
    log says so.

    Args:
        state: the state database.
        sinks: who is told.
        owner: unique to the process, or to the thread.
        now: aware.
    """
    n_taken = 0
    give_way_at = monotonic() + _LONGEST_LOOK_S
    for sink in sinks:
        note_changes(state, sink.name, now=now)
        due = due_messages(state, sink.name, most=_MOST_A_LOOK, now=now)
        if not due:
            continue
        if not hold_lease(state, _LEASE, owner=owner, ttl_s=_LEASE_S, now=now):
            return n_taken
        alarms = find_alarms(state, {one.alarm_id for one in due})
        for one in due:
            if monotonic() > give_way_at:
                return n_taken
            if not _send(state, sink, one, alarms[one.alarm_id], now=now):
                break
            n_taken += 1
    return n_taken


def _send(state: Database, sink: Sink, due: Due, alarm: Alarm, *, now: datetime) -> bool:
    message = Message(id=f"{due.alarm_id}-{due.change}", change=due.change, sent_at=now, alarm=alarm)
    try:
        sink.send(message)
    except TelltaleError as error:
        _refused(state, sink, due, alarm, fault=str(error), now=now)
        return False
    note_taken(state, sink, due, now=now)
    return True


def _refused(state: Database, sink: Sink, due: Due, alarm: Alarm, *, fault: str, now: datetime) -> None:
    # An alarm that lasts is news for as long as it does.
    is_given_up = alarm.resolved_at is not None and now - alarm.resolved_at > _GIVEN_UP_AFTER
    wait_s = min(_LONGEST_WAIT_S, _FIRST_WAIT_S * 2.0 ** min(due.attempt, 20))
    again_at = None if is_given_up else now + timedelta(seconds=wait_s)
    note_refused(state, sink.name, due, fault=fault, again_at=again_at)
    _logger.warning(
        "alarm_not_delivered",
        sink=sink.name,
        alarm=alarm.name,
        app=alarm.app,
        task=alarm.task,
        change=due.change,
        why=fault,
        mend="It was given up." if is_given_up else f"It is tried again in {wait_s:g} s.",
    )
