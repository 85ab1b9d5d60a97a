"""Being known to be alive while a job lasts."""

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime

from sqlalchemy.exc import OperationalError

from telltale.contract.errors import UnavailableError
from telltale.retrain.job_turns import HOLD_S, hold_job
from telltale.storage.database import Database


def this_worker() -> str:
    """Who holds, unique to the thread."""
    return f"{socket.gethostname()}:{os.getpid()}:{threading.get_ident()}"


@contextmanager
def holding(state: Database, job_id: str, *, owner: str) -> Iterator[None]:
    """Prolong the hold on a job until the block ends, from a thread: training takes as long as it takes."""
    stop = threading.Event()

    def prolong() -> None:
        while not stop.wait(HOLD_S / 6):
            # A locked database passes; six such waits in a row would have to fail.
            with suppress(UnavailableError, OperationalError):
                hold_job(state, job_id, owner=owner, now=datetime.now(UTC))

    thread = threading.Thread(target=prolong, name="job-hold", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
