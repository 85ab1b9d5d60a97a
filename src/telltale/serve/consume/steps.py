"""What is done with messages, in steps each of which may be done again: store, decide, log, and say what is to be told."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Final, NamedTuple

import msgspec
import structlog

from telltale.contract.answer import ScoreAnswer
from telltale.contract.schema import EventSchema
from telltale.monitor.prediction_log import Record, write_predictions
from telltale.monitor.service_minutes import Served, ServiceMinutes, is_own_fault, write_minutes
from telltale.monitor.shadow_log import write_shadows
from telltale.serve.consume.broker import Delivery, Told
from telltale.serve.consume.rows import MessageReader, SetAside
from telltale.serve.consume.scoring import Decided, decide_rows, id_maker
from telltale.serve.live.live_task import LiveTask, Place
from telltale.storage.database import Database
from telltale.telemetry.event_rows import EventRow, origin_of, write_rows
from telltale.telemetry.event_store import write_quarantine
from telltale.telemetry.times import show_time

_IDS_A_QUERY: Final = 500
_encode = msgspec.json.Encoder().encode
_logger = structlog.get_logger("telltale.serve.consume")


class Worked(NamedTuple):
    """What was done with some messages, and what is to be told of them.

    Args:
        deliveries: the messages.
        scores: an answer for each row and task.
        alarms: those of them whose decision is positive.
        n_stored: rows that were not stored before.
        n_already: rows that were.
        n_set_aside: rows in quarantine.
        n_unanswered: rows that a version could not answer, by task.
    """

    deliveries: Sequence[Delivery]
    scores: list[Told]
    alarms: list[Told]
    n_stored: int
    n_already: int
    n_set_aside: int
    n_unanswered: int


class Steps:
    """The steps for one event of one stream.

    Args:
        events: the database.
        app: whose event.
        schema: the event.
        source: as rows are stored and quarantined under.
        places: of the tasks that decide its rows; one without a version is left out until it has one.
        number: what a message is found by in the stream.
        observe: told of answers that are logged, for metrics.
    """

    def __init__(
        self,
        events: Database,
        app: str,
        schema: EventSchema,
        *,
        source: str,
        places: Sequence[Place],
        number: Callable[[Delivery], str],
        observe: Callable[[Sequence[Record]], None] | None = None,
    ) -> None:
        self._events = events
        self._app = app
        self._schema = schema
        self._source = source
        self._places = places
        self._number = number
        self._observe = observe
        self._reader = MessageReader(schema)

    def work(self, deliveries: Sequence[Delivery]) -> Worked:
        """All steps, for messages of which all are new or all come again. When it returns, all is on disk.

        A row comes again where we, or another consumer, died before its message was acknowledged; where a broker lost its last
        moments; or where its sender sent it twice. It is kept once, and answered again as it was the first time: nobody can
        tell these apart, and an answer that never came is worse than one that comes twice under one name.

        Raises:
            UnavailableError: the database takes nothing; then this may be called again with the same messages.
        """
        now = datetime.now(UTC)
        taken = self._reader.read(deliveries)
        n_new = self._store(taken.rows, taken.set_aside, now)
        scores: list[Told] = []
        alarms: list[Told] = []
        n_unanswered = 0
        for live in self._lives():
            if not taken.rows:
                break
            logged = self._logged(live, taken.rows) if n_new < len(taken.rows) else {}
            decided = decide_rows(self._events, live, taken.rows, received_s=now.timestamp())
            self._log(decided, logged)
            n_unanswered += len(decided.faults)
            for record, by in zip(decided.records, decided.lives, strict=True):
                told = _told(by, _as_logged(record, logged))
                scores.append(told)
                answer = record[5]
                if isinstance(answer, ScoreAnswer) and answer.decision:
                    alarms.append(Told(f"{told.name}!", told.body))
        return Worked(deliveries, scores, alarms, n_new, len(taken.rows) - n_new, len(taken.set_aside), n_unanswered)

    def _lives(self) -> list[LiveTask]:
        return [place.live for place in self._places if isinstance(place.live, LiveTask)]

    def _store(self, rows: Sequence[EventRow], set_aside: Sequence[SetAside], now: datetime) -> int:
        """Rows and quarantine, in one transaction; how many rows are new."""
        new = [one for one in set_aside if not (one.delivery.is_again and self._is_kept(one))]
        if not rows and not new:
            return 0
        app, event = self._app, self._schema.name
        with self._events.write() as connection:
            for one in new:
                origin = origin_of(app, event, source=self._source_of(one), now=now)
                write_quarantine(connection, origin, [one.row])
            return write_rows(connection, origin_of(app, event, source=self._source, now=now), rows)

    def _source_of(self, one: SetAside) -> str:
        """Where the message of a row set aside is found again."""
        return f"{self._source} {self._number(one.delivery)}"

    def _is_kept(self, one: SetAside) -> bool:
        """Whether a row is in quarantine since its message came the first time."""
        return bool(self._events.fetch(_KEPT, (self._app, self._schema.name, self._source_of(one), one.row.line)))

    def _logged(self, live: LiveTask, rows: Sequence[EventRow]) -> dict[str, tuple[Any, ...]]:
        """Those of the rows' answers that are in the log, by their ids."""
        ids = list(map(id_maker(live.served.app, live.served.task), rows))
        found: dict[str, tuple[Any, ...]] = {}
        for first in range(0, len(ids), _IDS_A_QUERY):
            part = ids[first : first + _IDS_A_QUERY]
            for name, *rest in self._events.fetch(_LOGGED.format(marks=", ".join("?" * len(part))), part):
                found[name] = tuple(rest)
        return found

    def _log(self, decided: Decided, logged: dict[str, tuple[Any, ...]]) -> None:
        """Answers that are not in the log yet, what shadows say, and the counts of both, in one transaction."""
        records = [record for record in decided.records if record[1] not in logged]
        shadows = [record for record in decided.shadows if record[1] not in logged]
        minutes = ServiceMinutes()
        _count(minutes, ((record[0], record[7]) for record in records), Served(n_answered=1))
        _count(minutes, ((record[0], record[4]) for record in shadows), Served(n_shadowed=1))
        for live, error in decided.faults:
            if is_own_fault(error):
                served = live.served
                at_s = datetime.now(UTC).timestamp()
                minutes.add(served.app, served.task, served.version, at_s=at_s, each=Served(n_failed=1))
        if decided.faults:
            live, error = decided.faults[0]
            where = {"app": live.served.app, "task": live.served.task, "version": live.served.version}
            _logger.warning("rows_unanswered", **where, n_rows=len(decided.faults), what=str(error))
        if not records and not decided.faults:
            return
        with self._events.write() as connection:
            write_minutes(connection, minutes.take())
            write_predictions(connection, records)
            if shadows:
                write_shadows(connection, shadows)
        if self._observe is not None:
            self._observe(records)


_KEPT: Final = "SELECT 1 FROM quarantine WHERE app = ? AND event = ? AND source = ? AND line = ?"
_LOGGED: Final = (
    "SELECT id, version, role, score, decision, threshold, context, answer FROM prediction WHERE id IN ({marks})"
)


def _count(minutes: ServiceMinutes, items: Iterable[tuple[Any, float]], each: Served) -> None:
    for (served, at_s), n in Counter(items).items():
        minutes.add(served.app, served.task, served.version, at_s=at_s, each=each, n=n)


def _as_logged(record: Record, logged: dict[str, tuple[Any, ...]]) -> Record:
    """An answer as it was logged the first time: a version that came to serve since would say something else."""
    found = logged.get(record[1])
    if found is None:
        return record
    served, name, values, time_s, entity, answer, latency_s, received_s = record
    version, role, score, decision, threshold, context, document = found
    if isinstance(answer, ScoreAnswer):
        if (version, role, score) == (served.version, served.role, answer.score):
            return record  # with its reasons, which the log does not keep
        answer = ScoreAnswer(score=score, decision=bool(decision), threshold=threshold, context=context)
    else:
        answer = msgspec.json.decode(document, type=type(answer))
    served = msgspec.structs.replace(served, version=version, role=role)
    return served, name, values, time_s, entity, answer, latency_s, received_s


def _told(live: LiveTask, record: Record) -> Told:
    """The answer as `predict` would send it, with the time of its row."""
    served, name, _, time_s, entity, answer, _, _ = record
    body = _encode(live.shape(served, name, time_s, entity, answer))
    return Told(name, b'{"time":"%b",%b' % (_shown(time_s), body[1:]))


@lru_cache(maxsize=8_192)
def _shown(time_s: float) -> bytes:
    """Rows that come together are mostly of the same moments."""
    return show_time(datetime.fromtimestamp(time_s, UTC)).encode()
