"""A consumer at work: taking, working and settling side by side, until it is told to stop."""

import queue
import threading
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from time import monotonic, sleep
from typing import Final, TypeVar

import msgspec
import structlog

from telltale.contract.errors import TelltaleError, UnavailableError
from telltale.monitor.alarm.delivery import deliver_messages
from telltale.monitor.alarm.messages import Message, Sink
from telltale.monitor.alarms import raise_alarm, resolve_alarm
from telltale.serve.consume.broker import Broker, Delivery, Told
from telltale.serve.consume.steps import Worked
from telltale.storage.database import Database

MOST_ROWS: Final = 10_000  # messages worked on together
_WAIT_S: Final = 0.5  # for a first message, before it is looked whether to stop
_FIRST_PAUSE_S: Final = 0.2
_LONGEST_PAUSE_S: Final = 10.0
_AWAY_S: Final = 5.0  # before an alarm is raised
_TOLD_EVERY_S: Final = 60.0
_ALARMS_EVERY_S: Final = 5.0
_logger = structlog.get_logger("telltale.serve.consume")
T = TypeVar("T")


class Counts(msgspec.Struct, kw_only=True):
    """What a consumer has done so far."""

    taken: int = 0
    stored: int = 0
    already_stored: int = 0
    quarantined: int = 0
    unanswered: int = 0
    scores: int = 0
    alarms: int = 0


class Consumer:
    """Three threads: one takes messages, one works on them, one settles. Each is one piece of work ahead of the next.

    A broker that is away, or a database that takes nothing, is tried again for as long as it lasts; the alarm
    `source_stale` of the event is raised meanwhile.

    Args:
        broker: of the stream.
        work: the steps.
        state: where alarms are raised.
        app: whose event.
        event: its name.
        alarms_to: what the broker's stream of alarms is called, where those of the kernel are told to it; else "".
        told: called with the counts whenever some messages are done with.
    """

    def __init__(
        self,
        broker: Broker,
        work: Callable[[Sequence[Delivery]], Worked],
        state: Database,
        *,
        app: str,
        event: str,
        alarms_to: str = "",
        told: Callable[[Counts], None] = lambda _counts: None,
    ) -> None:
        self.counts = Counts()
        self._broker = broker
        self._work = work
        self._state = state
        self._app = app
        self._event = event
        self._alarms_to = alarms_to
        self._told = told
        self._stop = threading.Event()
        self._taken: queue.Queue[list[Delivery] | None] = queue.Queue(maxsize=1)
        self._worked: queue.Queue[Worked | None] = queue.Queue(maxsize=1)
        self._again: queue.SimpleQueue[list[Delivery]] = queue.SimpleQueue()
        self._fault: BaseException | None = None
        self._told_s = monotonic()

    def stop(self) -> None:
        """Take nothing more; what was taken is worked on and settled. May be called from a signal handler."""
        self._stop.set()

    def run(self) -> None:
        """Until it is stopped. Raises what cannot mend itself: an address that is wrong, a stream that is not there."""
        threads = [
            threading.Thread(target=self._guarded, args=(step,), name=name, daemon=True)
            for name, step in (("take", self._take), ("settle", self._settle), ("alarms", self._tell_alarms))
        ]
        for thread in threads:
            thread.start()
        self._guarded(self._work_on)
        for thread in threads:
            thread.join()
        self._tell_counts()
        if self._fault is not None:
            raise self._fault

    def _guarded(self, step: Callable[[], None]) -> None:
        """A step that fails for good stops the others."""
        try:
            step()
        except BaseException as error:  # noqa: BLE001 - raised by `run`
            self._fault = self._fault or error
            self._stop.set()

    def _take(self) -> None:
        has_taken = False
        try:
            while not (self._stop.is_set() or self._broker.is_over):
                try:
                    deliveries = self._patiently(self._take_some, stays_s=0.0)
                except UnavailableError:
                    return  # told to stop while there was nothing to be had
                if not has_taken:
                    self._resolve_alarm()  # of one that died while the broker was away
                    has_taken = True
                if deliveries:
                    self._put(self._taken, deliveries)
        finally:
            self._put(self._taken, None)
            self._stop.set()

    def _take_some(self) -> list[Delivery]:
        return self._broker.take(MOST_ROWS, wait_s=_WAIT_S)

    def _work_on(self) -> None:
        try:
            while (deliveries := self._next_taken()) is not None:
                self._put(self._worked, self._patiently(partial(self._work, deliveries)))
        finally:
            self._put(self._worked, None)

    def _next_taken(self) -> list[Delivery] | None:
        while True:
            try:
                return self._again.get_nowait()
            except queue.Empty:
                pass
            try:
                return self._taken.get(timeout=_WAIT_S)
            except queue.Empty:
                if self._fault is not None:
                    return None

    def _settle(self) -> None:
        while (worked := self._worked.get()) is not None:
            settle = partial(self._broker.settle, worked.deliveries, scores=worked.scores, alarms=worked.alarms)
            left = self._patiently(settle)
            if left:
                ids = set(left)
                again = [one._replace(is_again=True) for one in worked.deliveries if one.id in ids]
                self._again.put(again)
            else:
                self._count(worked)

    def _put(self, where: "queue.Queue[T]", item: T) -> None:
        """Wait for room, unless whoever would make it is gone."""
        while True:
            try:
                return where.put(item, timeout=_WAIT_S)
            except queue.Full:
                if self._fault is not None:
                    return None

    def _patiently(self, step: Callable[[], T], *, stays_s: float = _AWAY_S) -> T:
        """What it gives, once it does.

        Raises:
            UnavailableError: it is to stop, and for `stays_s` nothing came of it. What was taken comes again, to us or others.
        """
        pause_s, failing_since_s = _FIRST_PAUSE_S, None
        while True:
            try:
                done = step()
            except UnavailableError as error:
                now_s = monotonic()
                if failing_since_s is None:
                    failing_since_s = now_s
                    _logger.warning("stream_waits", what=error.what, where=error.where, mend=error.mend)
                if now_s - failing_since_s >= _AWAY_S:
                    self._raise_alarm(error)
                if self._stop.wait(pause_s):
                    if now_s - failing_since_s >= stays_s:
                        raise
                    sleep(pause_s)
                pause_s = min(_LONGEST_PAUSE_S, 2 * pause_s)
            else:
                if failing_since_s is not None:
                    _logger.info("stream_goes_on")
                    self._resolve_alarm()
                return done

    def _count(self, worked: Worked) -> None:
        counts = self.counts
        counts.taken += len(worked.deliveries)
        counts.stored += worked.n_stored
        counts.already_stored += worked.n_already
        counts.quarantined += worked.n_set_aside
        counts.unanswered += worked.n_unanswered
        counts.scores += len(worked.scores)
        counts.alarms += len(worked.alarms)
        self._told(counts)
        if monotonic() - self._told_s >= _TOLD_EVERY_S:
            self._tell_counts()

    def _tell_counts(self) -> None:
        self._told_s = monotonic()
        _logger.info("consumed", app=self._app, stream_event=self._event, **msgspec.structs.asdict(self.counts))

    def _raise_alarm(self, error: TelltaleError) -> None:
        what = f"{error.where}: {error.what}"
        try:
            raise_alarm(
                self._state,
                "source_stale",
                app=self._app,
                task=self._event,
                what=what,
                mend=error.mend,
                now=datetime.now(UTC),
            )
        except TelltaleError as fault:  # the log has told of the first fault
            _logger.warning("alarm_not_kept", what=str(fault))

    def _resolve_alarm(self) -> None:
        try:
            resolve_alarm(self._state, "source_stale", app=self._app, task=self._event, now=datetime.now(UTC))
        except TelltaleError as fault:
            _logger.warning("alarm_not_kept", what=str(fault))

    def _tell_alarms(self) -> None:
        """Alarms of the kernel, each raised and each that is over, once for all consumers that tell the broker of them."""
        if not self._alarms_to:
            return
        sink = Sink(name=self._alarms_to, send=self._send)
        owner = f"stream-{id(self)}-{threading.get_ident()}"
        while not self._stop.wait(_ALARMS_EVERY_S):
            try:
                deliver_messages(self._state, [sink], owner=owner, now=datetime.now(UTC))
            except UnavailableError as error:
                _logger.warning("alarms_wait", what=str(error))

    def _send(self, message: Message) -> None:
        self._broker.tell_alarm(Told(f"alarm-{message.id}", msgspec.json.encode(message)))
