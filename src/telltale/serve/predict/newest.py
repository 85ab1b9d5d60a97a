"""Every entity's newest window decided at once: for a look over a whole fleet."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

import msgspec

from telltale.contract.answer import ScoreAnswer
from telltale.contract.errors import UsageError
from telltale.features.last_rows import last_rows
from telltale.models.score_runtime import ScoreRuntime
from telltale.monitor.prediction_log import ServedVersion
from telltale.serve.live.live_task import LiveTask, Place
from telltale.serve.predict.answering import count_failure
from telltale.serve.predict.split import rival_decides
from telltale.storage.database import Database
from telltale.telemetry.frames import ENTITY, TIME
from telltale.telemetry.newest_windows import entities_with_rows

# Rows that stand in memory together. With what is made of them 0.7 kB each, 2 kB for a model that reads sequences: 100 and
# 290 MB. Half as many at once take a tenth longer.
_ROWS_AT_ONCE: Final = 140_000
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class NewestAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What the newest rows of an entity score.

    Args:
        entity: whose.
        at: event time of the newest row.
        n_rows: rows of the window.
        answer: of that row.
        served: the version that decided.
    """

    entity: str
    at: datetime
    n_rows: int
    answer: ScoreAnswer
    served: ServedVersion


class TooFewRows(msgspec.Struct, frozen=True, kw_only=True):
    """An entity that nothing is said of yet: how many rows of its own can be read, and how many more a window needs."""

    entity: str
    n_rows: int
    n_more: int


class Newest(msgspec.Struct, frozen=True, kw_only=True):
    """Every entity that was looked at, either way; in order of their names."""

    answers: tuple[NewestAnswer, ...]
    too_few: tuple[TooFewRows, ...]


def answer_newest(place: Place, events: Database, *, since: datetime | None = None) -> Newest:
    """Decide the newest window of every entity; see `RouteContext.newest`.

    Memory is that of the windows of some thousands of entities, whatever their number, and of the answers.

    Raises:
        UsageError: the task does not score.
        UnavailableError: no version serves.
    """
    live = place.required()
    if not isinstance(live, LiveTask) or not isinstance(live.runtime, ScoreRuntime):
        raise UsageError(
            f"{place.task} does not score rows", where=f"{place.app}/{place.task}", mend='Name a task of kind "score".'
        )
    whose = entities_with_rows(events, place.app, live.event.name, since=since)
    answers: list[NewestAnswer] = []
    too_few: list[TooFewRows] = []
    for decider, mine in _deciders(live, whose):
        n_at_once = max(1, _ROWS_AT_ONCE // decider.windows.n_rows)
        for first in range(0, len(mine), n_at_once):
            found, short = _decide(decider, mine[first : first + n_at_once])
            answers += found
            too_few += short
    # A version beside the champion decides for entities anywhere between the champion's.
    return Newest(
        answers=tuple(sorted(answers, key=lambda one: one.entity)),
        too_few=tuple(sorted(too_few, key=lambda one: one.entity)),
    )


def _deciders(live: LiveTask, entities: Sequence[str]) -> Iterator[tuple[LiveTask, Sequence[str]]]:
    """The champion and the version beside it, each with the entities that it decides for."""
    rival = live.rival
    if rival is None or not rival.percent:
        yield live, entities
        return
    of_rival = [rival_decides(rival, entity, ()) for entity in entities]
    assert isinstance(rival.live, LiveTask)  # a rival is of its champion's kind
    yield live, [entity for entity, is_so in zip(entities, of_rival, strict=True) if not is_so]
    yield rival.live, [entity for entity, is_so in zip(entities, of_rival, strict=True) if is_so]


def _decide(live: LiveTask, entities: Sequence[str]) -> tuple[list[NewestAnswer], list[TooFewRows]]:
    runtime = live.runtime
    assert isinstance(runtime, ScoreRuntime)  # a rival is of its champion's kind
    frame, short = live.windows.newest_of(entities, live.event)
    try:
        answers = runtime.answer_last(frame)
    except Exception as error:
        count_failure(live, error, live.clock())
        raise
    last, first = last_rows(frame)
    entities_told: list[str] = frame[ENTITY].gather(last).to_list()
    # Python's own sum makes a moment in a quarter of the time that Polars takes for it.
    moments = [_EPOCH + timedelta(microseconds=us) for us in frame[TIME].gather(last).dt.epoch("us").to_list()]
    counts: list[int] = (last - first + 1).tolist()
    found = [
        NewestAnswer(entity=entity, at=at, n_rows=n, answer=answer, served=live.served)
        for entity, at, n, answer in zip(entities_told, moments, counts, answers, strict=True)
    ]
    needed = live.windows.n_rows
    return found, [TooFewRows(entity=entity, n_rows=n, n_more=needed - n) for entity, n in short.items()]
