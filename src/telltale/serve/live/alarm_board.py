"""Alarms as a serving process raises them: without ever failing, and without writing what is known already."""

import sqlite3
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from time import monotonic
from typing import Final

import structlog
from sqlalchemy.exc import DatabaseError

from telltale.contract.errors import TelltaleError
from telltale.monitor.alarms import AlarmName, raise_alarm, resolve_alarm, resolve_unseen
from telltale.storage.database import Database

# An alarm that lasts is written again this often, so that `seen_at` tells whether somebody still sees it.
SEEN_S: Final = 10.0
_Key = tuple[AlarmName, str, str]
_logger = structlog.get_logger("telltale.serve.live.alarm_board")


class AlarmBoard:
    """Raises and resolves alarms; one that cannot be written stands in the log alone, and nothing stops serving.

    Any thread may use it, none that a request waits on should: a locked database is waited for.

    Args:
        state: the state database.
    """

    def __init__(self, state: Database) -> None:
        self._state = state
        self._raised: dict[_Key, tuple[str, float]] = {}  # what was told, and when it is due to be written again
        self._unresolved: set[_Key] = set()
        self._turn = threading.Lock()

    def raise_(self, name: AlarmName, *, app: str = "", task: str = "", what: str, mend: str) -> None:
        """Raise an alarm, or say that it lasts."""
        key = (name, app, task)
        with self._turn:
            self._unresolved.discard(key)
            told, due_s = self._raised.get(key, ("", 0.0))
            if told != what:
                _logger.error("alarm_raised", alarm=name, app=app, task=task, what=what, mend=mend)
            elif monotonic() < due_s:
                return
            now = datetime.now(UTC)
            written = self._try(
                lambda: raise_alarm(self._state, name, app=app, task=task, what=what, mend=mend, now=now)
            )
            # Not written: with the next call, which is a second or a few away.
            self._raised[key] = (what, monotonic() + SEEN_S if written is not None else 0.0)

    def resolve(self, name: AlarmName, *, app: str = "", task: str = "") -> None:
        """End an alarm, whoever raised it; where there is none, nothing is done."""
        with self._turn:
            self._resolve((name, app, task))

    def resolve_unseen(self, name: AlarmName, *, for_s: float) -> None:
        """End the alarms of a name that no process has seen for so long."""
        now = datetime.now(UTC)
        with self._turn:
            ended = self._try(lambda: resolve_unseen(self._state, name, before=now - timedelta(seconds=for_s), now=now))
            if ended:
                for key in [key for key in self._raised if key[0] == name]:
                    del self._raised[key]
                _logger.info("alarm_resolved", alarm=name)

    def catch_up(self) -> None:
        """Try again to end what could not be ended when it was over."""
        with self._turn:
            for key in list(self._unresolved):
                self._resolve(key)

    def _resolve(self, key: _Key) -> None:
        name, app, task = key
        ended = self._try(lambda: resolve_alarm(self._state, name, app=app, task=task, now=datetime.now(UTC)))
        if self._raised.pop(key, None) is not None or ended:
            _logger.info("alarm_resolved", alarm=name, app=app, task=task)
        if ended is None:
            self._unresolved.add(key)
        else:
            self._unresolved.discard(key)

    def _try(self, write: Callable[[], bool]) -> bool | None:
        """What `write` says; None where it could not be written."""
        try:
            return write()
        except (TelltaleError, DatabaseError, sqlite3.Error) as error:
            _logger.warning("alarm_not_written", error=str(error), mend="It is tried again; the log has the alarm.")
            return None
