"""What is known of whoever is verified: enrolled by hand, and added to by what was accepted and then confirmed."""

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from typing import Final

import msgspec
from sqlalchemy import Connection

from telltale.contract.errors import ConflictError, NotEnoughDataError, NotFoundError, SchemaError, UsageError
from telltale.contract.kinds import Verification
from telltale.contract.query import VerifyQuery
from telltale.contract.sequence import TimedSequence
from telltale.models.verification.replays import is_replay
from telltale.models.verification.sequence import timed_sequence
from telltale.monitor.feedback import Feedback, check_feedback, write_feedback
from telltale.registry.profiles import Profile, add_samples, find_profile
from telltale.serve.edge import Edge
from telltale.serve.live.live_task import Place
from telltale.serve.predict.sample_bodies import SampleReader

_MOST_ROWS: Final = 200
_LOGGED: Final = 'SELECT entity, "values", decision FROM prediction WHERE id = ? AND app = ? AND task = ?'


def enrol(edge: Edge, place: Place, rows: Sequence[object], *, actor: str, reason: str) -> Profile:
    """Add rows of one entity to its profile; one that is in it already is passed over, so that asking again adds nothing.

    Raises:
        UsageError, SchemaError, NotEnoughDataError: a row cannot be enrolled; then none is.
    """
    asked = _asked(edge, place)
    reader = SampleReader(edge.apps[place.app].event(edge.apps[place.app].task(place.task).event), asked)
    queries = [reader.read(msgspec.json.encode(row)) for row in rows]
    entities = {query.entity for query in queries}
    if len(entities) != 1 or len(queries) > _MOST_ROWS:
        raise SchemaError(
            f"{len(queries)} rows of {len(entities)} entities",
            where="rows",
            mend=f"Enrol at least one row and at most {_MOST_ROWS}, all of one entity.",
        )
    entity = entities.pop()
    return _add(edge, place, entity, [_sequence(query, asked) for query in queries], actor=actor, reason=reason)


def confirm(edge: Edge, place: Place, prediction_id: str, *, actor: str) -> Profile:
    """Add the row of an accepted prediction to the profile, and keep the label 1, in one transaction.

    Raises:
        NotFoundError: there is no such prediction of the task.
        ConflictError: it was not accepted, or is in the profile already.
    """
    asked = _asked(edge, place)
    rows = edge.folder.events.fetch(_LOGGED, (prediction_id, place.app, place.task))
    if not rows:
        edge.log.flush()  # answered a moment ago
        rows = edge.folder.events.fetch(_LOGGED, (prediction_id, place.app, place.task))
    where = f"{place.app}/{place.task}"
    if not rows:
        raise NotFoundError(
            f"there is no prediction {prediction_id!r}", where=where, mend="Give the prediction_id of an answer."
        )
    entity, values, decision = rows[0]
    if not decision:
        raise ConflictError(
            f"prediction {prediction_id} was not accepted",
            where=where,
            mend="Only what was accepted can be confirmed; enrol the row instead, if it is known to be theirs.",
        )
    sequence = _sequence(msgspec.json.decode(values, type=VerifyQuery), asked)
    now = datetime.now(UTC)
    label = check_feedback(edge.folder.events, Feedback(label=1, prediction_id=prediction_id), actor=actor, now=now)
    reason = f"confirmed {prediction_id}"
    known = find_profile(edge.folder.events, place.app, place.task, entity)
    if known is not None and is_replay(sequence, known.sequences()):
        raise ConflictError(
            f"prediction {prediction_id} is in the profile already", where=where, mend="Nothing is to do."
        )
    return _add(
        edge,
        place,
        entity,
        [sequence],
        actor=actor,
        reason=reason,
        beside=lambda connection: write_feedback(connection, [label]),
    )


def _asked(edge: Edge, place: Place) -> Verification:
    asked = edge.apps[place.app].task(place.task).verification
    if asked is None:
        raise UsageError(
            f"{place.app}/{place.task} does not verify", where="task", mend='Name a task of kind "verify".'
        )
    return asked


def _sequence(query: VerifyQuery, asked: Verification) -> TimedSequence:
    if len(query.kinds) < asked.least_acts:
        raise NotEnoughDataError(
            f"{len(query.kinds)} in {asked.kinds}", where="row", mend=f"Give at least {asked.least_acts}."
        )
    return timed_sequence(query.kinds, query.began_ms, query.ended_ms)


def _add(
    edge: Edge,
    place: Place,
    entity: str,
    sequences: Iterable[TimedSequence],
    *,
    actor: str,
    reason: str,
    beside: Callable[[Connection], None] | None = None,
) -> Profile:
    events, now = edge.folder.events, datetime.now(UTC)
    known = find_profile(events, place.app, place.task, entity)
    enrolled = () if known is None else known.sequences()
    new = [sequence for sequence in sequences if not is_replay(sequence, enrolled)]
    if known is not None and not new:
        return known
    return add_samples(events, place.app, place.task, entity, new, actor=actor, reason=reason, now=now, beside=beside)
