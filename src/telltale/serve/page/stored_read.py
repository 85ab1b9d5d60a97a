"""What is stored of every event, what was set aside, and what was said of answers."""

from datetime import datetime
from typing import Final

import msgspec

from telltale.storage.database import Database
from telltale.storage.instants import from_us

_REASONS: Final = 200
_EVENTS: Final = "SELECT app, event, count(*), max(received_us), max(at_us) FROM event GROUP BY app, event"
_ASIDE: Final = "SELECT app, event, count(*), max(at_us) FROM quarantine GROUP BY app, event"
_WHY: Final = """
    SELECT reason, count(*), max(at_us) FROM (
        SELECT reason, at_us FROM quarantine WHERE app = ? AND event = ? ORDER BY at_us DESC LIMIT 2000
    ) AS newest GROUP BY reason ORDER BY count(*) DESC LIMIT ?
"""
_SAID: Final = """
    SELECT at_us, label, prediction_id, entity, actor FROM (
        SELECT id, app, task, at_us, label, prediction_id, entity, actor FROM feedback ORDER BY id DESC LIMIT 2000
    ) AS newest WHERE app = ? AND task = ? ORDER BY id DESC LIMIT ?
"""


class StoredEvents(msgspec.Struct, frozen=True, kw_only=True):
    """What is stored of an event: rows, those set aside, when the newest of both came, and the newest event time."""

    n: int = 0
    newest_at: datetime | None = None
    received_at: datetime | None = None
    n_aside: int = 0
    aside_at: datetime | None = None


def read_stored(events: Database) -> dict[tuple[str, str], StoredEvents]:
    """Of every event that has rows, or rows that were set aside."""
    found: dict[tuple[str, str], StoredEvents] = {}
    for app, event, n, received_us, at_us in events.fetch(_EVENTS):
        found[app, event] = StoredEvents(n=int(n), newest_at=from_us(at_us), received_at=from_us(received_us))
    for app, event, n, at_us in events.fetch(_ASIDE):
        stored = found.get((app, event), StoredEvents())
        found[app, event] = msgspec.structs.replace(stored, n_aside=int(n), aside_at=from_us(at_us))
    return found


def aside_reasons(events: Database, app: str, event: str) -> list[tuple[str, int, datetime]]:
    """Why rows were set aside: of the newest 2,000 each reason, how often, and when last."""
    return [(why, int(n), from_us(at_us)) for why, n, at_us in events.fetch(_WHY, (app, event, _REASONS))]


class Said(msgspec.Struct, frozen=True, kw_only=True):
    """A label that was given, of one prediction or of a span."""

    at: datetime
    label: int
    prediction_id: str | None
    entity: str | None
    actor: str


def newest_feedback(events: Database, app: str, task: str, *, limit: int) -> list[Said]:
    """The labels of a task among the newest 2,000 of all, newest first."""
    return [
        Said(at=from_us(at_us), label=int(label), prediction_id=prediction_id, entity=entity, actor=actor)
        for at_us, label, prediction_id, entity, actor in events.fetch(_SAID, (app, task, limit))
    ]
