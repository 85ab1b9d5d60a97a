"""Rows that are stored, decided: as `events?score=true` does, by the thousand and by one call of the model."""

from collections.abc import Callable, Iterator, Sequence
from hashlib import blake2b
from itertools import groupby
from operator import itemgetter
from time import perf_counter
from typing import Any, Final, NamedTuple

import msgspec
import polars as pl
import structlog

from telltale.contract.answer import Answer, RowValue
from telltale.contract.errors import UnavailableError
from telltale.features.last_rows import last_rows
from telltale.models.score_runtime import ScoreRuntime
from telltale.monitor.prediction_log import Record, ServedVersion
from telltale.monitor.shadow_log import ShadowRecord
from telltale.serve.live.live_task import LiveTask
from telltale.serve.predict.split import rival_decides
from telltale.storage.database import Database
from telltale.storage.instants import from_us
from telltale.telemetry.event_rows import EventRow
from telltale.telemetry.frames import ENTITY, TIME
from telltale.telemetry.newest_windows import newest_windows

_logger = structlog.get_logger("telltale.serve.consume")
_ROWS_AT_ONCE: Final = 140_000  # that stand in memory together, as for a look over a whole fleet
_decode_values = msgspec.json.Decoder(dict[str, Any]).decode


class Answered(NamedTuple):
    """A row with its answer, or what is wrong with it; the values are those of the version's columns."""

    values: Sequence[RowValue]
    answer: Answer | Exception


class Decided(NamedTuple):
    """What is made of some rows by one task.

    Args:
        records: answers, as they are logged.
        lives: for each of them the version that gave it.
        shadows: what the versions that did not decide say.
        faults: of rows that could not be answered, by the version that should have.
    """

    records: list[Record]
    lives: list[LiveTask]
    shadows: list[ShadowRecord]
    faults: list[tuple[LiveTask, Exception]]


def id_maker(app: str, task: str) -> Callable[[EventRow], str]:
    """Names the answer of a task to a stored row: the same however often the row comes.

    A name begins with the time of the row, so that those of rows that come together lie together in the log's index.

    >>> id_maker("helios", "anomaly")(("web", 1_700_000_000_000_000, "", "{}", None))
    '60a24181e4000-168b8717f0b42fef'
    """
    # A copy of a hash that has taken the beginning costs half as much as one that is made anew.
    begun = blake2b(f"{app}/{task}/".encode(), digest_size=8)

    def name(row: EventRow) -> str:
        entity, at_us, key, _, _ = row
        hashed = begun.copy()
        hashed.update(f"{entity}\0{key}".encode())
        return f"{at_us:013x}-{hashed.hexdigest()}"

    return name


def decide_rows(events: Database, live: LiveTask, rows: Sequence[EventRow], *, received_s: float) -> Decided:
    """Answers of the version that decides for each row, and of the one that answers in its shadow.

    Args:
        events: the database, in which the rows are.
        live: the champion, with whatever stands beside it.
        rows: stored ones, sorted.
        received_s: when they came (epoch seconds).
    """
    champion = _Side.of(events, live, rows)
    rival = live.rival
    if rival is None:
        return _decided(rows, [(champion, None, None)] * len(rows), received_s)
    assert isinstance(rival.live, LiveTask)  # a rival is of its champion's kind
    other = _Side.of(events, rival.live, rows)
    decided_by_champion = champion, other, rival.shadow.served
    decided_by_rival = other, champion, rival.champion_shadow.served
    pairs = zip(rows, champion.answered, strict=True)
    sides = [
        decided_by_rival if rival_decides(rival, row[0] or None, one.values) else decided_by_champion
        for row, one in pairs
    ]
    return _decided(rows, sides, received_s)


class _Side(NamedTuple):
    """A version, what it says of each row, and what each took (s)."""

    live: LiveTask
    answered: Sequence[Answered]
    each_s: float

    @staticmethod
    def of(events: Database, live: LiveTask, rows: Sequence[EventRow]) -> "_Side":
        began = perf_counter()
        answered = answer_stored(events, live, rows)
        return _Side(live, answered, (perf_counter() - began) / max(1, len(rows)))


def _decided(
    rows: Sequence[EventRow],
    sides: Sequence[tuple[_Side, _Side | None, ServedVersion | None]],
    received_s: float,
) -> Decided:
    """Who decides each row, who answers it in that one's shadow, and as whom."""
    made = Decided([], [], [], [])
    served = sides[0][0].live.served
    name_of = id_maker(served.app, served.task)
    for place, (row, (decider, other, shadow)) in enumerate(zip(rows, sides, strict=True)):
        live, (values, answer) = decider.live, decider.answered[place]
        if isinstance(answer, Exception):
            made.faults.append((live, answer))
            continue
        served = live.served
        name = name_of(row)
        made.records.append((served, name, values, row[1] / 1e6, row[0] or None, answer, decider.each_s, received_s))
        made.lives.append(live)
        if other is not None and shadow is not None:
            also = other.answered[place].answer
            if isinstance(also, Exception):
                made.faults.append((other.live, also))
            else:
                made.shadows.append((shadow, name, also, other.each_s, received_s))
    return made


def answer_stored(events: Database, live: LiveTask, rows: Sequence[EventRow]) -> list[Answered]:
    """What a version says of each of some stored rows, with the rows before it as its history.

    Args:
        events: the database.
        live: the version.
        rows: sorted by entity and time.
    """
    found: dict[tuple[str, int], Answered] = {}
    # Rows of one moment that a key tells apart cannot be told apart in a frame of windows.
    if isinstance(live.runtime, ScoreRuntime) and not live.event.key and len(rows) > 1:
        for part in _parts(live, rows):
            try:
                found.update(_answer_frame(events, live, live.runtime, part))
            except UnavailableError:
                raise
            except Exception as error:  # noqa: BLE001 - one row's fault is found out below; the others go on
                served = live.served
                _logger.warning("asked_one_by_one", app=served.app, task=served.task, n_rows=len(part), what=str(error))
    return [found.get(row[:2]) or _answer_alone(live, row) for row in rows]


def _parts(live: LiveTask, rows: Sequence[EventRow]) -> Iterator[dict[str, list[int]]]:
    """The times of the rows of each entity, so many entities together as have few enough rows in their windows."""
    part: dict[str, list[int]] = {}
    n_rows = 0
    for entity, own in groupby(rows, key=itemgetter(0)):
        times = [row[1] for row in own]
        n_read = live.runtime.history_of(entity) + len(times)
        if part and n_rows + n_read > _ROWS_AT_ONCE:
            yield part
            part, n_rows = {}, 0
        part[entity] = times
        n_rows += n_read
    yield part


def _answer_frame(
    events: Database, live: LiveTask, runtime: ScoreRuntime, whose: dict[str, list[int]]
) -> Iterator[tuple[tuple[str, int], Answered]]:
    """The answers to rows that are among the newest of their entities, which of a stream they nearly always are."""

    def n_rows(entity: str) -> int:
        return runtime.history_of(entity) + len(whose[entity])

    columns = runtime.columns
    frame = newest_windows(events, live.served.app, live.event, list(whose), columns=columns, n_rows=n_rows)
    lacking = [name for name in columns if name not in live.nullable and frame[name].null_count()]
    if lacking:  # rows of a time when something else was measured are passed over
        frame = frame.filter(pl.all_horizontal(pl.col(lacking).is_not_null()))
    last, first = last_rows(frame)
    entities: list[str] = frame[ENTITY].gather(last).to_list()
    at_us: list[int] = frame[TIME].dt.epoch("us").to_list()
    places: list[int] = []
    for entity, start, end in zip(entities, first.tolist(), last.tolist(), strict=True):
        wanted, history = set(whose[entity]), runtime.history_of(entity)
        # Where fewer rows came than were asked for, none is missing at the beginning.
        is_whole = not lacking and end + 1 - start < n_rows(entity)
        begin = start if is_whole else start + history
        places += [place for place in range(begin, end + 1) if at_us[place] in wanted]
    if not places:
        return
    answers = runtime.answer_last(frame) if places == last.tolist() else runtime.answer_at(frame, places)
    told = frame[places]
    for entity, at, values, answer in zip(
        told[ENTITY].to_list(),
        [at_us[place] for place in places],
        told.select(columns).iter_rows(),
        answers,
        strict=True,
    ):
        yield (entity, at), Answered(values, answer)


def _answer_alone(live: LiveTask, row: EventRow) -> Answered:
    """By itself, with the window that ends with it."""
    entity, at_us, key, text, _ = row
    values: dict[str, Any] = _decode_values(text)
    own = [values.get(name) for name in live.runtime.columns]
    served = live.served
    try:
        item = live.windows.until(entity, from_us(at_us), key, where=f"{served.app}/{served.task}@{served.version}")
        return Answered(own, live.runtime.answer([item])[0])
    except UnavailableError:
        raise
    except Exception as error:  # noqa: BLE001 - counted and told; the other rows go on
        return Answered(own, error)
