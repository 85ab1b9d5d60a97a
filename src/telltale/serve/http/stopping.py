"""The end of a serving process: what is in hand is answered, within a bound, and everything is written.

At SIGTERM Granian 2.8.7 stops listening, ends connections that wait for a next request, lets the requests that are in
hand or half received finish (their answers carry `connection: close`), and calls `__rsgi_del__` when the last is done.
It has no bound of its own but the kill of the whole process, which would lose what is not written yet; so there is one
here.
"""

import os
import signal
import threading
from asyncio import AbstractEventLoop
from collections.abc import Callable
from typing import Final

import structlog

# Together less than the ten seconds after which servers, `docker stop` among them, kill what still runs.
REQUESTS_S: Final = 6.0
WRITING_S: Final = 8.0
_logger = structlog.get_logger("telltale.serve.http.stopping")


class Stopping:
    """Whether this process was asked to stop, and what follows.

    Args:
        close: writes everything; called by `closed`, or `WRITING_S` after where requests still hold the process.
    """

    def __init__(self, close: Callable[[], None]) -> None:
        self.is_asked = False
        # Called `REQUESTS_S` after: what is not wholly received by then is refused, batches end with a line that says so.
        self.end_bodies: Callable[[], None] = lambda: None
        self._close = close
        self._is_closed = threading.Event()
        self._turn = threading.Lock()
        self._loop: AbstractEventLoop | None = None

    def listen(self, loop: AbstractEventLoop) -> None:
        """Hear SIGTERM and SIGINT beside the server, which hears them by the loop; in the main thread only."""
        if threading.current_thread() is not threading.main_thread():
            return
        self._loop = loop
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self.ask())
            signal.siginterrupt(number, False)  # as the loop had set it

    def ask(self) -> None:
        """Stop being ready; called once a signal came."""
        if self.is_asked:
            return
        self.is_asked = True
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._begin, self._loop)

    def closed(self) -> None:
        """Write everything, once."""
        with self._turn:
            if not self._is_closed.is_set():
                self._close()
                self._is_closed.set()

    def _begin(self, loop: AbstractEventLoop) -> None:
        _logger.info("stopping", requests_s=REQUESTS_S)
        loop.call_later(REQUESTS_S, self.end_bodies)
        threading.Thread(target=self._end, name="stopping", daemon=True).start()

    def _end(self) -> None:
        if self._is_closed.wait(WRITING_S):
            return
        _logger.warning("stopped_with_requests_open", after_s=WRITING_S, mend="Their clients get no whole answer.")
        self.closed()
        os._exit(0)
