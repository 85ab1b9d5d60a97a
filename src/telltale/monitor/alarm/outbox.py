"""The messages that are to be sent: each is noted before it is sent, and sent until it was taken.

A row of `delivery` is one message to one sink, and goes from "waiting", or "held" for a while, to "over"; one about an
alarm that lasts stays "told" until the alarm is over. `next_us` is when it is to be sent, or sent again.
"""

from datetime import datetime, timedelta
from typing import Final

import msgspec

from telltale.monitor.alarm.messages import Change, Sink
from telltale.storage.database import Database
from telltale.storage.instants import from_us, to_us

COOLDOWN: Final = timedelta(minutes=15)
_FORGOTTEN_AFTER: Final = timedelta(days=1)  # a sink that is named no longer is tried no more
_COOLDOWN_US: Final = COOLDOWN // timedelta(microseconds=1)
_NEVER_US: Final = 2**62
# Those that last, and those that came and went since the last look. A sink that is new is not told of what is over.
_UNTOLD: Final = """
    SELECT id, name, app, task FROM alarm
    WHERE (resolved_us IS NULL OR id > coalesce((SELECT max(alarm_id) FROM delivery WHERE sink = :sink), id))
    AND NOT EXISTS (SELECT 1 FROM delivery WHERE alarm_id = alarm.id AND sink = :sink)
    ORDER BY id
"""
# What waits for its sink is as good as told: while a sink is down no queue of ups and downs is to form.
_LAST_TOLD: Final = """
    SELECT max(coalesce(sent_us, CASE WHEN state = 'waiting' THEN :now_us END)) FROM delivery JOIN alarm ON alarm.id = alarm_id
    WHERE sink = :sink AND name = :name AND app = :app AND task = :task
"""
_NOTE: Final = """
    INSERT INTO delivery (alarm_id, sink, change, state, attempt, next_us, fault)
    VALUES (:id, :sink, :change, :state, 0, :next_us, '') ON CONFLICT DO NOTHING
"""
_ENDED: Final = """
    SELECT alarm_id, delivery.state FROM delivery JOIN alarm ON alarm.id = alarm_id
    WHERE delivery.state IN ('held', 'told') AND sink = :sink AND change = 'raised' AND resolved_us IS NOT NULL
"""
_CLOSE: Final = "UPDATE delivery SET state = 'over' WHERE alarm_id = :id AND sink = :sink AND change = 'raised'"
_DUE: Final = """
    SELECT alarm_id, change, attempt FROM delivery
    WHERE state IN ('waiting', 'held', 'told') AND next_us <= :now_us AND sink = :sink ORDER BY alarm_id, change LIMIT :most
"""
_TAKEN: Final = """
    UPDATE delivery SET state = :state, next_us = :next_us, sent_us = coalesce(sent_us, :now_us), attempt = 0, fault = ''
    WHERE alarm_id = :id AND sink = :sink AND change = :change
"""
_REFUSED: Final = """
    UPDATE delivery SET attempt = :attempt, fault = :fault, state = CASE state WHEN 'held' THEN 'waiting' ELSE state END
    WHERE alarm_id = :id AND sink = :sink AND change = :change
"""
_WAIT: Final = """
    UPDATE delivery SET next_us = CASE WHEN next_us < :next_us THEN :next_us ELSE next_us END WHERE state IN ('waiting', 'held', 'told') AND sink = :sink
"""
_GIVE_UP: Final = """
    UPDATE delivery SET state = 'over' WHERE alarm_id = :id AND sink = :sink AND change = :change
"""


class Due(msgspec.Struct, frozen=True, kw_only=True):
    """A message that is to be sent now.

    Args:
        alarm_id: of the alarm.
        change: what is told of it.
        attempt: how often it was refused since it was last taken.
    """

    alarm_id: int
    change: Change
    attempt: int


class Undelivered(msgspec.Struct, frozen=True, kw_only=True):
    """A message that its sink has not taken yet: how often it was tried, why not, and when it is tried again."""

    alarm_id: int
    sink: str
    change: Change
    attempt: int
    fault: str
    next_at: datetime


def note_changes(state: Database, sink: str, *, now: datetime) -> None:
    """Note what the sink is to be told of alarms that were raised or are over.

    One of a name, app and task that it was told of within `COOLDOWN` waits until that has passed, and is not told of
    where it is over by then.
    """
    whose, now_us = {"sink": sink}, to_us(now)
    with state.read() as connection:
        is_due = connection.exec_driver_sql(_UNTOLD, whose).first() or connection.exec_driver_sql(_ENDED, whose).first()
    if not is_due:
        return
    with state.write() as connection:
        for alarm_id, *key in connection.exec_driver_sql(_UNTOLD, whose).all():
            named = dict(zip(("name", "app", "task"), key, strict=True))
            told_us = connection.exec_driver_sql(_LAST_TOLD, {**whose, **named, "now_us": now_us}).scalar()
            next_us = now_us if told_us is None else max(now_us, told_us + _COOLDOWN_US)
            was = "held" if next_us > now_us else "waiting"
            note = {**whose, "id": alarm_id, "change": "raised", "state": was, "next_us": next_us}
            connection.exec_driver_sql(_NOTE, note)
        for alarm_id, was in connection.exec_driver_sql(_ENDED, whose).all():
            connection.exec_driver_sql(_CLOSE, {**whose, "id": alarm_id})
            if was == "told":
                note = {**whose, "id": alarm_id, "change": "resolved", "state": "waiting", "next_us": now_us}
                connection.exec_driver_sql(_NOTE, note)


def due_messages(state: Database, sink: str, *, most: int, now: datetime) -> list[Due]:
    """What the sink is to be told now, the oldest alarm first."""
    with state.read() as connection:
        found = connection.exec_driver_sql(_DUE, {"sink": sink, "now_us": to_us(now), "most": most}).all()
    return [Due(alarm_id=alarm_id, change=change, attempt=attempt) for alarm_id, change, attempt in found]


def note_taken(state: Database, sink: Sink, due: Due, *, now: datetime) -> None:
    """Note that the sink took it; where it repeats, it is due again later."""
    again_us = _NEVER_US if sink.repeat_s is None else to_us(now + timedelta(seconds=sink.repeat_s))
    with state.write() as connection:
        connection.exec_driver_sql(
            _TAKEN,
            {
                "id": due.alarm_id,
                "sink": sink.name,
                "change": due.change,
                "state": "told" if due.change == "raised" else "over",
                "next_us": again_us,
                "now_us": to_us(now),
            },
        )


def note_refused(state: Database, sink: str, due: Due, *, fault: str, again_at: datetime | None) -> None:
    """Note that the sink did not take it. All it is to be told waits until `again_at`; None to give this one up."""
    which = {"id": due.alarm_id, "sink": sink, "change": due.change}
    with state.write() as connection:
        connection.exec_driver_sql(_REFUSED, {**which, "attempt": due.attempt + 1, "fault": fault})
        if again_at is None:
            connection.exec_driver_sql(_GIVE_UP, which)
        else:
            connection.exec_driver_sql(_WAIT, {"sink": sink, "next_us": to_us(again_at)})


def undelivered(state: Database, *, now: datetime) -> list[Undelivered]:
    """What sinks have refused and have not taken since, the oldest alarm first; not what nobody has tried for a day."""
    query = """
        SELECT alarm_id, sink, change, attempt, fault, next_us FROM delivery
        WHERE state IN ('waiting', 'told') AND attempt > 0 AND next_us > ? ORDER BY alarm_id, sink, change
    """
    return [
        Undelivered(alarm_id=alarm_id, sink=sink, change=change, attempt=attempt, fault=fault, next_at=from_us(next_us))
        for alarm_id, sink, change, attempt, fault, next_us in state.fetch(query, (to_us(now - _FORGOTTEN_AFTER),))
    ]
