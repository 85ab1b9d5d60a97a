"""How many requests each version answered and failed in each minute; counted in memory, written with the prediction log.

What a version decides and what it answers in another's shadow are counted apart: a shadow that fails is no client's loss.
"""

import threading
from itertools import chain
from typing import Final

import msgspec
from sqlalchemy import Connection

from telltale.contract.errors import TelltaleError

NO_VERSION: Final = 0  # of requests that found no version serving
_MINUTE_S: Final = 60
_MINUTE_US: Final = 60_000_000
_Key = tuple[str, str, int, int]  # app, task, version, minute
_KEY_NAMES: Final = ("app", "task", "version", "minute_us")


class Served(msgspec.Struct, kw_only=True):
    """Counts of a version in a minute.

    Args:
        n_answered: requests that it decided.
        n_failed: requests that it would have decided, and the server failed to; not those that the client got wrong.
        n_unlogged: of `n_answered`, those that the prediction log has no row of.
        n_shadowed: requests that another version decided, and that it answered too.
        n_shadow_failed: the same that it failed to answer.
    """

    n_answered: int = 0
    n_failed: int = 0
    n_unlogged: int = 0
    n_shadowed: int = 0
    n_shadow_failed: int = 0


Counts = dict[_Key, Served]
_COUNT_NAMES: Final = Served.__struct_fields__


def is_own_fault(error: Exception) -> bool:
    """Whether an error is the server's fault, and not that of who asked.

    >>> from telltale.contract.errors import SchemaError
    >>> is_own_fault(ZeroDivisionError()), is_own_fault(SchemaError("a column is missing", where="body"))
    (True, False)
    """
    return not isinstance(error, TelltaleError) or error.status >= 500


class ServiceMinutes:
    """Counts that wait to be written. Any thread may add to them; none that a request waits on does where all is well."""

    def __init__(self) -> None:
        self._waiting: Counts = {}
        self._turn = threading.Lock()

    @property
    def is_waiting(self) -> bool:
        """Whether there is something to write."""
        return bool(self._waiting)

    def add(self, app: str, task: str, version: int, *, at_s: float, each: Served, n: int = 1) -> None:
        """Count `n` requests received at a time (epoch seconds), each of which counts as told."""
        key = (app, task, version, int(at_s // _MINUTE_S) * _MINUTE_US)
        with self._turn:
            _add(self._waiting.setdefault(key, Served()), each, n=n)

    def take(self) -> Counts:
        """What waits; it does so no longer."""
        with self._turn:
            taken, self._waiting = self._waiting, {}
        return taken

    def give_back(self, counts: Counts) -> None:
        """What was taken and could not be written."""
        with self._turn:
            for key, served in counts.items():
                _add(self._waiting.setdefault(key, Served()), served)


def write_minutes(connection: Connection, counts: Counts) -> None:
    """Add counts to those of the same minutes, which other processes count too; one statement.

    Args:
        connection: in a transaction.
        counts: of a few minutes; more than a thousand are written by several statements.
    """
    rows = [(*key, *msgspec.structs.astuple(served)) for key, served in counts.items()]
    for start in range(0, len(rows), 1_000):
        part = rows[start : start + 1_000]
        marks = ", ".join([f"({', '.join('?' * (len(_KEY_NAMES) + len(_COUNT_NAMES)))})"] * len(part))
        connection.exec_driver_sql(_UPSERT.format(marks=marks), tuple(chain.from_iterable(part)))


_UPSERT: Final = (
    f"INSERT INTO service_minute ({', '.join((*_KEY_NAMES, *_COUNT_NAMES))}) VALUES {{marks}} "  # noqa: S608 - names are ours
    f"ON CONFLICT ({', '.join(_KEY_NAMES)}) DO UPDATE SET "
    + ", ".join(f"{name} = service_minute.{name} + excluded.{name}" for name in _COUNT_NAMES)
)


def _add(to: Served, more: Served, *, n: int = 1) -> None:
    for name in _COUNT_NAMES:
        setattr(to, name, getattr(to, name) + n * getattr(more, name))
