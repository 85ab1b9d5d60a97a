"""The prediction log: every served answer, written behind the answers."""

import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from itertools import chain
from types import TracebackType
from typing import Any, Final, Self, TypeVar

import msgspec
import structlog
from sqlalchemy import Connection
from sqlalchemy.exc import OperationalError

from telltale.contract.answer import Answer, RowValue, ScoreAnswer, VerifyAnswer
from telltale.contract.errors import UnavailableError
from telltale.contract.query import Query
from telltale.monitor.service_minutes import Served, ServiceMinutes, write_minutes
from telltale.storage.database import Database

_COLUMNS: Final = (
    "id", "app", "task", "entity", "at_us", "values", "score", "decision", "threshold", "version", "role", "context",
    "latency_us", "received_us", "answer",
)  # fmt: skip
_TRANSACTION_ROWS: Final = 5_000
_STATEMENT_ROWS: Final = 64  # a power of two
# Between statements, for the event loop: on one core a flush without rests is ten milliseconds at half the pace for all.
_REST_S: Final = 0.0005
_encode = msgspec.json.Encoder().encode
_logger = structlog.get_logger("telltale.monitor.prediction_log")
T = TypeVar("T")


class ServedVersion(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """Who answered: the part of a logged prediction that is the same for all answers of a loaded version."""

    app: str
    task: str
    version: int
    role: str
    columns: tuple[str, ...]


# Served version, prediction id, values or what was asked, event time (s), entity, answer, latency (s), received (s).
# A bare tuple, because it is made once per request: a struct with names costs three times as much.
Record = tuple[ServedVersion, str, Sequence[RowValue] | Query, float, str | None, Answer, float, float]


class PredictionLog:
    """Predictions waiting to be written, and the thread that writes them.

    `append` costs a few tenths of a microsecond: no lock, no thread hop, no row. A crash (power, SIGKILL) loses at most
    the predictions answered in the last `interval_s` and those of the transaction then being written; `close` loses
    none. Memory is bounded: beyond `capacity` waiting records new ones are dropped, counted in `n_dropped` and told
    in the log. A locked database or a full disk is tried again at every interval; other failures drop the
    transaction's records, counted and told likewise.

    Args:
        events: the database with the table `prediction`.
        interval_s: distance between flushes.
        capacity: records that may wait, about 1 KB each.
        observe: called with each flush's records, in the writer thread, before they are written.
        minutes: the counts of each minute, to which records are added and which are written with them.

    `with PredictionLog(...) as log:` closes it at the end.
    """

    def __init__(
        self,
        events: Database,
        *,
        interval_s: float = 0.25,
        capacity: int = 100_000,
        observe: Callable[[Sequence[Record]], None] | None = None,
        minutes: ServiceMinutes | None = None,
    ) -> None:
        self.n_dropped = 0
        self.n_written = 0
        self._events = events
        self._interval_s = interval_s
        self._capacity = capacity
        self._observe = observe
        self._minutes = minutes or ServiceMinutes()
        # A deque, not a list that is swapped: an append that has already looked the list up would land in the old one.
        self._waiting: deque[Record] = deque()
        self._batch: list[Record] = []  # taken and observed, not on disk yet
        self._n_dropped_told = 0
        self._is_failing = False
        self._turn = threading.Lock()  # between the thread and callers of flush(), never taken by append()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="prediction-log", daemon=True)
        self._thread.start()

    def append(self, record: Record) -> None:
        """Keep a record for the next flush."""
        if len(self._waiting) >= self._capacity:
            self.n_dropped += 1
            self._count([record], Served(n_answered=1, n_unlogged=1))
            return
        self._waiting.append(record)

    @property
    def n_waiting(self) -> int:
        """Records not on disk yet."""
        return len(self._waiting) + len(self._batch)

    @property
    def capacity(self) -> int:
        """Records that may wait."""
        return self._capacity

    @property
    def is_behind(self) -> bool:
        """Whether waiting a little would let it catch up; not while it cannot write at all, which may last for hours."""
        return self.n_waiting > self._capacity // 2 and not self._is_failing

    def flush(self) -> None:
        """Write what waits now. Failures are told in the log, never raised: the answers were given."""
        with self._turn:
            self._tell_of_dropped()
            n_left = self.n_waiting  # what comes meanwhile is the next flush's
            while n_left > 0:
                if not self._batch:
                    self._batch = [self._waiting.popleft() for _ in range(min(n_left, _TRANSACTION_ROWS))]
                    self._count(self._batch, Served(n_answered=1))
                    if self._observe is not None:
                        self._observe(self._batch)
                if not self._write(self._batch):
                    break
                n_left -= len(self._batch)
                self._batch = []
            if self._minutes.is_waiting and not self._batch:
                self._write(())  # requests that failed, of which there is nothing to log

    def close(self) -> None:
        """Write what waits, then stop; closing twice is fine."""
        self._stop.set()
        self._thread.join()
        self.flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _run(self) -> None:
        while not self._stop.wait(self._interval_s):
            self.flush()

    def _count(self, records: Sequence[Record], each: Served) -> None:
        for (served, minute), n in Counter((record[0], record[7] // 60) for record in records).items():
            self._minutes.add(served.app, served.task, served.version, at_s=minute * 60, each=each, n=n)

    def _tell_of_dropped(self) -> None:
        n_dropped = self.n_dropped
        if n_dropped > self._n_dropped_told:
            _logger.warning("predictions_dropped", n_rows=n_dropped - self._n_dropped_told, capacity=self._capacity)
            self._n_dropped_told = n_dropped

    def _write(self, batch: Sequence[Record]) -> bool:
        """Whether the batch is done with: written, or given up."""
        began = time.perf_counter()
        counts = self._minutes.take()
        try:
            with self._events.write() as connection:
                write_minutes(connection, counts)
                # Nobody is served by a rest while the process stops, or where it would let the log fall behind.
                is_pressed = self._stop.is_set() or len(self._waiting) > _TRANSACTION_ROWS
                write_predictions(connection, batch, rest_s=0.0 if is_pressed else _REST_S)
        except (UnavailableError, OperationalError) as error:
            self._minutes.give_back(counts)
            if not self._is_failing:
                _logger.warning("predictions_wait", n_rows=self.n_waiting, error=str(error), mend="tried again shortly")
            self._is_failing = True
            return False
        except Exception:  # a fault of one row must not cost the others, nor stop the log
            self._minutes.give_back(counts)
            if len(batch) > 1:
                middle = len(batch) // 2
                return self._write(batch[:middle]) and self._write(batch[middle:])
            self.n_dropped += len(batch)
            self._count(batch, Served(n_unlogged=1))
            _logger.exception("predictions_lost", n_rows=len(batch))
            return True
        self._is_failing = False
        self.n_written += len(batch)
        _logger.debug("predictions_written", n_rows=len(batch), seconds=round(time.perf_counter() - began, 4))
        return True


def write_predictions(connection: Connection, records: Sequence[Record], *, rest_s: float = 0.0) -> None:
    """Insert records, many to a statement.

    A row per statement would let go of the interpreter lock and ask for it again per row; beside a busy event loop each
    asking waits up to 5 ms, and the log would fall behind the requests.

    Args:
        connection: in a transaction.
        records: of predictions.
        rest_s: after each full statement, for the threads that answer.
    """
    for part in statement_parts(records):
        connection.exec_driver_sql(_insert(len(part)), tuple(chain.from_iterable(map(_row, part))))
        if rest_s and len(part) == _STATEMENT_ROWS:
            time.sleep(rest_s)


def statement_parts(records: Sequence[T]) -> Iterator[Sequence[T]]:
    """Of a few sizes: the driver keeps 128 prepared statements, and with one for every size they were 25 MB."""
    start, n_rows = 0, _STATEMENT_ROWS
    while start < len(records):
        while n_rows > len(records) - start:
            n_rows //= 2
        yield records[start : start + n_rows]
        start += n_rows


@cache
def _insert(n_rows: int) -> str:
    names = ", ".join(f'"{name}"' for name in _COLUMNS)
    rows = ", ".join([f"({', '.join('?' * len(_COLUMNS))})"] * n_rows)
    # Ids are unique: a conflict is a row that an interrupted attempt has already written.
    return f"INSERT INTO prediction ({names}) VALUES {rows} ON CONFLICT (id) DO NOTHING"  # noqa: S608 - names are ours


def answer_values(answer: Answer) -> tuple[float | None, bool | None, float | None, str | None]:
    """Score, decision, threshold and document of an answer, as tables of answers keep it."""
    if type(answer) is ScoreAnswer:
        return answer.score, answer.decision, answer.threshold, None
    if type(answer) is VerifyAnswer:
        return answer.score, answer.decision, answer.threshold, _encode(answer).decode()
    # What other kinds answer has other fields each: it is kept as it is.
    return None, None, None, _encode(answer).decode()


def _row(record: Record) -> tuple[str | float | None, ...]:
    served, prediction_id, asked, time_s, entity, answer, latency_s, received_s = record
    score, decision, threshold, document = answer_values(answer)
    return (
        prediction_id,
        served.app,
        served.task,
        entity,
        round(time_s * 1e6),
        _encode(asked if isinstance(asked, msgspec.Struct) else _named(served.columns)(*asked)).decode(),
        score,
        decision,
        threshold,
        served.version,
        served.role,
        getattr(answer, "context", None),
        round(latency_s * 1e6),
        round(received_s * 1e6),
        document,
    )


@cache
def _named(columns: tuple[str, ...]) -> type[msgspec.Struct]:
    """Values under their columns' names: encoded in a third of the time that a dictionary takes."""
    keys = {f"c{place}": name for place, name in enumerate(columns)}
    return msgspec.defstruct("Values", [(key, Any) for key in keys], rename=keys, gc=False)
