"""The version that does not decide, at work: it answers the same requests behind the answers."""

import threading
from collections import Counter, deque
from collections.abc import Callable, Sequence
from time import monotonic, perf_counter
from typing import Any, Final

import msgspec
import structlog
from sqlalchemy.exc import OperationalError

from telltale.contract.answer import Answer, CheckedRow, Input, QueryRuntime, RowRuntime
from telltale.contract.errors import UnavailableError
from telltale.contract.query import Query
from telltale.monitor.prediction_log import ServedVersion
from telltale.monitor.service_minutes import Served, ServiceMinutes
from telltale.monitor.shadow_log import ShadowRecord, write_shadows
from telltale.serve.live.columns_at import ColumnsAt, row_at, window_at
from telltale.serve.priority import step_back
from telltale.storage.database import Database

_PIECE: Final = 16  # answered at once: a tenth of a millisecond in which nobody else has the interpreter
_REST: Final = 2.0  # after a piece, times what it took: a third of a core at most
_LEAST_REST_S: Final = 0.001
_IDLE_S: Final = 0.05
_STATEMENT_REST_S: Final = 0.0005
_CLOSE_S: Final = 0.6  # for what waits at the end, and as much again to write it
_logger = structlog.get_logger("telltale.serve.live.shadow_scorer")


class Shadow(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """A version that answers what another decides.

    Args:
        served: who answers, in the role "shadow" whatever else it does.
        runtime: the model.
        columns_at: where its columns stand among those that requests are read in.
    """

    served: ServedVersion
    runtime: RowRuntime | QueryRuntime
    columns_at: ColumnsAt


# Who is to answer, the id of the prediction, what was asked as it was read, time of receipt (epoch seconds).
Offered = tuple[Shadow, str, CheckedRow | Input | Query, float]


class ShadowScorer:
    """Requests that wait for a second answer, and the thread that gives it.

    `offer` costs what an append does. Memory is bounded: beyond `capacity` requests that wait new ones are dropped,
    counted in `n_dropped` and told in the log. A version that raises is counted; no answer ever waits for one.

    Args:
        events: the database with the table `shadow`.
        minutes: where answers and failures are counted.
        count: told of answers, for the metrics.
        flush_s: distance between writes.
        capacity: requests that may wait, and answers that may wait for the disk.
    """

    def __init__(
        self,
        events: Database,
        minutes: ServiceMinutes,
        *,
        count: Callable[[ServedVersion, int], None],
        flush_s: float = 0.25,
        capacity: int = 10_000,
    ) -> None:
        self.n_dropped = 0
        self.n_answered = 0
        self._events = events
        self._minutes = minutes
        self._count = count
        self._flush_s = flush_s
        self._capacity = capacity
        self._waiting: deque[Offered] = deque()
        self._answered: list[ShadowRecord] = []
        self._failing: set[ServedVersion] = set()
        self._n_dropped_told = 0
        self._turn = threading.Lock()  # between the thread and callers of flush(), never taken by offer()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="shadows", daemon=True)

    @property
    def n_waiting(self) -> int:
        """Requests not answered a second time yet."""
        return len(self._waiting)

    def offer(self, offered: Offered) -> None:
        """Have a request answered by another version too."""
        if len(self._waiting) >= self._capacity:
            self.n_dropped += 1
            return
        self._waiting.append(offered)

    def start(self) -> None:
        """Begin to work, if that is not so yet: a process that has nothing in the shadow has no thread for it."""
        if not self._thread.is_alive() and not self._stop.is_set():
            self._thread.start()

    def flush(self) -> None:
        """Answer and write what waits now."""
        with self._turn:
            n_left = len(self._waiting)  # what comes meanwhile is the next one's
            while n_left > 0:
                n_left -= self._answer_piece()
            self._write(rest_s=0.0)

    def close(self) -> None:
        """Stop; what waits is answered where that takes no longer than a moment, else dropped. Twice is fine."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(2 * _CLOSE_S)

    def _run(self) -> None:
        step_back()
        written_s = monotonic()
        while not self._stop.is_set():
            began = perf_counter()
            with self._turn:
                n = self._answer_piece()
            self._stop.wait(max(_LEAST_REST_S, _REST * (perf_counter() - began)) if n else _IDLE_S)
            if monotonic() - written_s >= self._flush_s:
                with self._turn:
                    self._write(rest_s=_STATEMENT_REST_S)
                written_s = monotonic()
        end_s = monotonic() + _CLOSE_S
        with self._turn:
            while self._waiting and monotonic() < end_s:
                self._answer_piece()
            self.n_dropped += len(self._waiting)
            self._waiting.clear()
            self._write(rest_s=0.0)

    def _answer_piece(self) -> int:
        """Answer the requests that have waited longest; how many."""
        taken = [self._waiting.popleft() for _ in range(min(_PIECE, len(self._waiting)))]
        groups: dict[tuple[Shadow, type], list[Offered]] = {}
        for offered in taken:
            groups.setdefault((offered[0], type(offered[2])), []).append(offered)
        for (shadow, _), group in groups.items():
            began = perf_counter()
            answers = _answers(shadow.runtime, [_own(asked, shadow.columns_at) for _, _, asked, _ in group])
            each_s = (perf_counter() - began) / len(group)
            for (_, prediction_id, _, received_s), answer in zip(group, answers, strict=True):
                if isinstance(answer, Exception):
                    self._failed(shadow.served, answer, received_s)
                else:
                    self._answered.append((shadow.served, prediction_id, answer, each_s, received_s))
        return len(taken)

    def _failed(self, served: ServedVersion, error: Exception, received_s: float) -> None:
        if served not in self._failing:  # once: the counts say how often
            self._failing.add(served)
            where = {"app": served.app, "task": served.task, "version": served.version}
            _logger.warning("shadow_failed", **where, exc_info=error)
        each = Served(n_shadow_failed=1)
        self._minutes.add(served.app, served.task, served.version, at_s=received_s, each=each)

    def _write(self, *, rest_s: float) -> None:
        if self.n_dropped > self._n_dropped_told:
            n_dropped, self._n_dropped_told = self.n_dropped - self._n_dropped_told, self.n_dropped
            _logger.warning("shadows_dropped", n_rows=n_dropped, capacity=self._capacity)
        records = self._answered
        if not records:
            return
        try:
            with self._events.write() as connection:
                write_shadows(connection, records, rest_s=rest_s)
        except (UnavailableError, OperationalError) as error:
            _logger.debug("shadows_wait", n_rows=len(records), error=str(error))
            n_over = max(0, len(records) - self._capacity)
            self.n_dropped += n_over
            del records[:n_over]
            return
        except Exception:  # the thread must go on; to find the one row that is at fault is not worth the while
            self.n_dropped += len(records)
            _logger.exception("shadows_lost", n_rows=len(records))
            self._answered = []
            return
        self._answered = []
        self.n_answered += len(records)
        for (served, minute), n in Counter((record[0], record[4] // 60) for record in records).items():
            each = Served(n_shadowed=1)
            self._minutes.add(served.app, served.task, served.version, at_s=minute * 60, each=each, n=n)
            self._count(served, n)


def _own(asked: CheckedRow | Input | Query, at: ColumnsAt) -> CheckedRow | Input | Query:
    """What was asked, in a version's own columns."""
    if isinstance(asked, Input):
        return window_at(asked, at)
    if isinstance(asked, tuple):
        # Reasons are for people, and nobody reads those of a shadow.
        return (*row_at(asked, at)[:3], False)
    return asked


def _answers(
    runtime: RowRuntime | QueryRuntime, asked: Sequence[CheckedRow | Input | Query]
) -> Sequence[Answer | Exception]:
    """Each with its answer, or with what was raised; what cannot be answered together is asked one by one."""
    try:
        return _ask(runtime, asked)
    except Exception as error:  # noqa: BLE001 - counted; nobody waits for it
        if len(asked) == 1:
            return [error]
        return [_answers(runtime, [one])[0] for one in asked]


def _ask(runtime: Any, asked: Sequence[CheckedRow | Input | Query]) -> Sequence[Answer]:
    """All are of one type, and of the runtime's kind."""
    first = asked[0]
    ask = (
        runtime.answer_rows if isinstance(first, tuple) else runtime.answer if isinstance(first, Input) else runtime.ask
    )
    answers: Sequence[Answer] = ask(asked)
    return answers
