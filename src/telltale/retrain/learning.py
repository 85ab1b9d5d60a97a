"""A worker's duty: versions that go on learning do so from what was stored since, one writer, step by step.

What is learned is a fold over stored events in the order in which they came: steps of a version rest on each other, each
is kept whole (`telltale.registry.learned`), and where they were removed they are made again from the events that are left.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from time import monotonic
from typing import Any, Final

import structlog

from telltale.contract.answer import LearningRuntime
from telltale.contract.app import App, Task
from telltale.contract.errors import TelltaleError
from telltale.contract.kinds import LEARNING_KINDS
from telltale.contract.schema import EventSchema
from telltale.models.bundle import read_manifest
from telltale.models.packed_parts import pack_parts, unpack_parts
from telltale.models.runtimes import load_runtime
from telltale.registry.learned import Learned, Whose, add_learned, learned_body, newest_learned
from telltale.registry.versions import Version
from telltale.retrain.duties import Desk
from telltale.telemetry.arrivals import arrivals, id_before

EVERY_S: Final = 1.0
_ROWS: Final = 5_000  # of a step; with more waiting the next step follows at once
# A step of a version that has changed a lot is large: it is made so many times less often than it takes.
_REST: Final = 10.0
_MOST_STEPS: Final = 20  # of a version at a time: the others want their turn

_logger = structlog.get_logger("telltale.retrain.learning")


@dataclass
class _Place:
    """Where the learning of a version stands: a step, the runtime after it once it is loaded, and how far events were seen."""

    step: Learned | None
    runtime: LearningRuntime | None
    columns: tuple[str, ...]
    upto_id: int
    rests_until_s: float = 0.0  # of `monotonic`


def learn(desk: Desk, now: datetime) -> None:
    """Learn from what came since; a version that cannot is told of once, and holds nobody up."""
    places: dict[Whose, _Place] = desk.memory.setdefault("learning", {})
    told: set[Whose] = desk.memory.setdefault("learning stopped", set())
    at_work = set[Whose]()
    for app, task, version in _versions(desk):
        whose = (version.app, version.task, version.number)
        at_work.add(whose)
        try:
            _learn(desk, places, app.event(task.event), version, now=now)
        except TelltaleError as error:
            if whose not in told:
                _logger.warning("learning_stopped", version=version.reference, why=str(error), mend=error.mend)
            told.add(whose)
            places.pop(whose, None)
        else:
            told.discard(whose)
    for whose in places.keys() - at_work:
        del places[whose]


def _learn(desk: Desk, places: dict[Whose, _Place], schema: EventSchema, version: Version, *, now: datetime) -> None:
    events, whose = desk.folder.events, (version.app, version.task, version.number)
    for _ in range(_MOST_STEPS):
        newest = newest_learned(events, whose)
        place = places.get(whose)
        if place is None or place.step != newest:  # another worker, or a person, moved it
            place = places[whose] = _found(desk, version, newest)
        if monotonic() < place.rests_until_s:
            return
        began_s = monotonic()
        frame, upto_id = arrivals(events, version.app, schema, place.columns, after_id=place.upto_id, limit=_ROWS)
        if frame.is_empty():
            place.upto_id = upto_id
            return
        if place.runtime is None:
            place.runtime = _load(desk, version, newest)
        learned = place.runtime.learn(frame)
        n_rows = frame.height + (0 if newest is None else newest.n_rows)
        body = pack_parts(learned.learned())
        step = add_learned(events, whose, newest, body, n_rows=n_rows, upto_id=upto_id, now=now)
        if step is None:
            continue  # another worker was quicker: go on from there
        _logger.debug("learned", version=version.reference, n_rows=frame.height, step=step.number)
        rests_until_s = monotonic() + _REST * (monotonic() - began_s) if frame.height < _ROWS else 0.0
        places[whose] = _Place(step, learned, place.columns, upto_id, rests_until_s)
        if frame.height < _ROWS:
            return


def _found(desk: Desk, version: Version, step: Learned | None) -> _Place:
    columns = read_manifest(version.path, where=version.reference).row_columns
    if step is not None:
        return _Place(step, None, columns, step.upto_id)
    # What came after the rows that it was fitted on: those that it was judged on, and what came while it was trained. A
    # version of other rows than stored ones learns from what comes once it is there.
    fitted = version.facts.get("fitted_upto_id")
    upto_id = fitted if isinstance(fitted, int) else id_before(desk.folder.events, version.created_at)
    return _Place(None, None, columns, upto_id)


def _versions(desk: Desk) -> Iterator[tuple[App, Task, Version]]:
    """Champions, and what stands beside them, of tasks that go on learning."""
    for app in desk.apps.values():
        for task in app.tasks:
            if task.kind not in LEARNING_KINDS:
                continue
            standing = desk.registry.standing(app.name, task.name)
            for version in (standing.champion, standing.rival):
                if version is not None:
                    yield app, task, version


def _load(desk: Desk, version: Version, step: Learned | None) -> LearningRuntime:
    runtime: Any = load_runtime(version.path, expected=version.files, where=version.reference)
    whose = (version.app, version.task, version.number)
    body = None if step is None else learned_body(desk.folder.events, whose, step.number)
    found: LearningRuntime = (
        runtime if body is None else runtime.with_learned(unpack_parts(body, where=version.reference))
    )
    return found
