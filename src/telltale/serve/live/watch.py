"""Once a second: what no request tells by itself. Can the events database be written, and were answers not logged?"""

import threading
from time import monotonic
from typing import Final

import structlog
from sqlalchemy.exc import DatabaseError

from telltale.contract.errors import TelltaleError
from telltale.monitor.prediction_log import PredictionLog
from telltale.serve.live.alarm_board import SEEN_S, AlarmBoard
from telltale.storage.database import Database

# Taking the write lock shows a file that is read-only, gone or locked; only a commit shows a disk that is full.
_COMMIT_EVERY_S: Final = 10.0
_DROPPED_FOR_S: Final = 60.0
_WRITE_NOTHING: Final = "UPDATE alembic_version SET version_num = version_num"
_logger = structlog.get_logger("telltale.serve.live.watch")


class Watch:
    """What the probes of a serving process found last; a thread looks once `start` was called.

    Args:
        events: probed by a transaction a second; every ten seconds, and while it fails, by one that writes
            what stood there before.
        log: asked for what it dropped.
        alarms: raised and resolved by it.
        interval_s: distance between looks.
    """

    def __init__(self, events: Database, log: PredictionLog, alarms: AlarmBoard, *, interval_s: float = 1.0) -> None:
        self.events_fault = ""  # why events cannot be stored, or ""
        self._events = events
        self._log = log
        self._alarms = alarms
        self._interval_s = interval_s
        self._n_dropped = 0
        self._dropped_at_s = float("-inf")
        self._committed_at_s = float("-inf")
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watch", daemon=True)

    @property
    def is_dropping(self) -> bool:
        """Whether an answer of the last minute could not be logged."""
        return self._log.n_dropped > self._n_dropped or monotonic() - self._dropped_at_s < _DROPPED_FOR_S

    def start(self) -> None:
        """Look at once, then once a second."""
        self.look()
        self._thread.start()

    def close(self) -> None:
        """Stop looking; closing twice, or before `start`, is fine."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()

    def look(self) -> None:
        """Probe now."""
        self._alarms.catch_up()
        self._look_at_events()
        self._look_at_log()

    def _run(self) -> None:
        while not self._stop.wait(self._interval_s):
            try:
                self.look()
            except Exception:  # a watch that ends for a fault of its own would tell of nothing any more
                _logger.exception("watch_failed")

    def _look_at_events(self) -> None:
        fault = self._probe()
        if fault:
            self._alarms.raise_(
                "database_unwritable",
                what=f"events cannot be stored: {fault}",
                mend="Make room, or give the server the right to write what is named; it goes on by itself then.",
            )
        else:
            self._alarms.resolve("database_unwritable")
        self.events_fault = fault

    def _probe(self) -> str:
        now_s = monotonic()
        commits = bool(self.events_fault) or now_s - self._committed_at_s >= _COMMIT_EVERY_S
        try:
            with self._events.write() as connection:
                if commits:
                    connection.exec_driver_sql(_WRITE_NOTHING)
        except (TelltaleError, DatabaseError) as error:
            return str(error)
        if commits:
            self._committed_at_s = now_s
        return ""

    def _look_at_log(self) -> None:
        n_dropped = self._log.n_dropped
        if n_dropped > self._n_dropped:
            self._dropped_at_s = monotonic()
            self._n_dropped = n_dropped
            self._alarms.raise_(
                "predictions_dropped",
                what="answers were given that the prediction log could not keep; /health says how many",
                mend="See that events.db can be written quickly enough, or send less; what was dropped stays unlogged.",
            )
        else:
            # By whichever process looks: the one that raised it may be gone. `seen_at` lags behind by `SEEN_S` at most.
            self._alarms.resolve_unseen("predictions_dropped", for_s=_DROPPED_FOR_S + SEEN_S)
