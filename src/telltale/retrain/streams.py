"""A worker's duty: what versions that adapt know of each entity is kept, so that a server that starts need not follow all rows."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

import structlog

from telltale.contract.app import Task
from telltale.contract.errors import TelltaleError
from telltale.models.estimators import estimator_named
from telltale.models.runtimes import load_runtime
from telltale.models.stream_runtime import StreamRuntime
from telltale.registry.followed_streams import MOST_ROWS, FollowedStreams
from telltale.registry.learned import Whose
from telltale.registry.stream_states import KeptState, drop_stream_states, keep_stream_states
from telltale.registry.versions import Version
from telltale.retrain.duties import Desk
from telltale.telemetry.arrivals import id_before

EVERY_S: Final = 60.0
# An entity's state is written where so many rows came since: what a server follows by itself in some milliseconds.
_LEAST_ROWS: Final = 200
_CHUNK: Final = 100  # states of one transaction: some megabytes
# `+` keeps the planner to the order of ids.
_ARRIVED: Final = """SELECT entity, count(*), max(id) FROM event
WHERE id > ? AND +app = ? AND +event = ? GROUP BY entity"""

_logger = structlog.get_logger("telltale.retrain.streams")


@dataclass
class _Place:
    """How far events were seen, and how many of each entity are not in its kept state."""

    streams: FollowedStreams
    upto_id: int
    waiting: Counter[str] = field(default_factory=Counter)


def follow_streams(desk: Desk, now: datetime) -> None:  # noqa: ARG001 - a duty is told the time
    """Follow the stored rows of every entity, for champions and what stands beside them."""
    places: dict[Whose, _Place] = desk.memory.setdefault("streams", {})
    there = set[Whose]()
    for task, version in _versions(desk):
        whose = (version.app, version.task, version.number)
        there.add(whose)
        try:
            if whose not in places:
                places[whose] = _place(desk, task, version, whose)
            _follow(desk, places[whose], whose, task.event)
        except TelltaleError as error:
            _logger.warning("streams_not_followed", version=version.reference, why=str(error), mend=error.mend)
    for whose in places.keys() - there:
        del places[whose]
    if desk.memory.get("streams kept") != there:
        drop_stream_states(desk.folder.events, but=there)
        desk.memory["streams kept"] = there


def _follow(desk: Desk, place: _Place, whose: Whose, event: str) -> None:
    events = desk.folder.events
    for entity, n_rows, newest_id in events.fetch(_ARRIVED, (place.upto_id, whose[0], event)):
        place.waiting[entity] += n_rows
        place.upto_id = max(place.upto_id, newest_id)
    ready = [entity for entity, n in place.waiting.items() if n >= _LEAST_ROWS]
    for start in range(0, len(ready), _CHUNK):
        states: dict[str, KeptState] = {}
        for entity in ready[start : start + _CHUNK]:
            found = place.streams.up_to_now(entity, limit=MOST_ROWS)
            if found is not None:
                states[entity] = KeptState(at_us=found.at_us, packed=found.state.pack())
        keep_stream_states(events, whose, states)
        for entity in ready[start : start + _CHUNK]:
            del place.waiting[entity]


def _versions(desk: Desk) -> Iterator[tuple[Task, Version]]:
    """Those that adapt, of champions and what stands beside them."""
    for app in desk.apps.values():
        for task in app.tasks:
            if task.kind != "score":
                continue
            standing = desk.registry.standing(app.name, task.name)
            for version in (standing.champion, standing.rival):
                if version is not None and estimator_named(version.estimator).traits.adapts:
                    yield task, version


def _place(desk: Desk, task: Task, version: Version, whose: Whose) -> _Place:
    runtime = load_runtime(version.path, expected=version.files, where=version.reference)
    assert isinstance(runtime, StreamRuntime), f"{version.reference} adapts"
    events = desk.folder.events
    streams = FollowedStreams(events, whose, task.event, runtime)
    return _Place(streams, id_before(events, version.created_at))
