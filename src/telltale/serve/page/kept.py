"""What takes long to read, kept for a while and read beside the pages: nobody waits long, and many looks cost one."""

import threading
from collections.abc import Callable
from time import monotonic
from typing import Final, TypeVar

import structlog

_LEAST_S: Final = 30.0
_REST: Final = (
    20  # kept so many times as long as it took to read: however much is stored, there is time for other things
)
_WAIT_S: Final = 1.0
_logger = structlog.get_logger("telltale.serve.page.kept")
T = TypeVar("T")


class Kept:
    """Values by name; of each the newest that was read, and one thread at most that reads it anew."""

    def __init__(self) -> None:
        self._known: dict[object, tuple[float, object]] = {}  # when it is too old, and what it is
        self._coming: dict[object, threading.Event] = {}
        self._turn = threading.Lock()

    def get(self, name: object, read: Callable[[], T]) -> T | None:
        """What is known under a name; where that is too old, what is read within a second, else the old again.

        Args:
            name: the same for what is the same.
            read: in a thread of its own; what it raises is logged.

        Returns:
            None where nothing is known yet.
        """
        with self._turn:
            until_s, value = self._known.get(name, (0.0, None))
            if monotonic() < until_s:
                return value  # type: ignore[return-value]  # of one name it is always what `read` gives
            coming = self._coming.get(name)
            if coming is None:
                coming = self._coming[name] = threading.Event()
                threading.Thread(target=self._read, args=(name, read, coming), name="page-reads", daemon=True).start()
        coming.wait(_WAIT_S)
        with self._turn:
            return self._known.get(name, (0.0, None))[1]  # type: ignore[return-value]  # likewise

    def _read(self, name: object, read: Callable[[], object], coming: threading.Event) -> None:
        began_s = monotonic()
        try:
            value = read()
            ended_s = monotonic()
            with self._turn:
                self._known[name] = (ended_s + max(_LEAST_S, _REST * (ended_s - began_s)), value)
        except Exception:  # the page is shown without it
            _logger.exception("not_read", name=str(name))
        finally:
            with self._turn:
                del self._coming[name]
            coming.set()
