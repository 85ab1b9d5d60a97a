"""Many small writes, one transaction: a row is acknowledged only once it is on disk."""

import os
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from types import TracebackType
from typing import Generic, TypeVar

from sqlalchemy import Connection
from sqlalchemy.exc import OperationalError

from telltale.contract.errors import TooLargeError, UnavailableError
from telltale.storage.database import Database

T = TypeVar("T")


class GroupCommit(Generic[T]):
    """A queue in front of a table, written by one thread, one transaction per group.

    What `submit` was given is written in the order of the calls, each call's items in one transaction. Use it where
    many callers each bring a few rows; a caller with a million rows opens a transaction of its own.

    Args:
        database: where to write.
        write: puts items through a connection; called in the writer thread, inside the transaction.
        max_delay_s: how long the first item of a group waits for company.
        max_rows: a group is closed at this many items; one larger submission still goes in whole.
        capacity: items that may wait; beyond it `submit` refuses, so that memory stays bounded.

    `with GroupCommit(...) as commits:` closes it at the end.
    """

    def __init__(
        self,
        database: Database,
        write: Callable[[Connection, list[T]], None],
        *,
        max_delay_s: float = 0.01,
        max_rows: int = 5000,
        capacity: int = 50_000,
    ) -> None:
        self._database = database
        self._write = write
        self._max_delay_s = max_delay_s
        self._max_rows = max_rows
        self._capacity = capacity
        self._waiting: deque[tuple[list[T], Future[None]]] = deque()
        self._n_waiting = 0  # items queued, not yet taken by the writer
        self._n_open = 0  # items queued or being written
        self._n_submitted = 0  # submissions, counted; written in this order
        self._n_taken = 0
        self._n_settled = 0
        self._hurry_to = 0  # submissions up to this one do not wait for company
        self._changed = threading.Condition()
        self._closed = False
        self._process = os.getpid()
        self._thread = threading.Thread(target=self._run, name="group-commit", daemon=True)
        self._thread.start()

    def submit(self, items: Sequence[T]) -> "Future[None]":
        """Queue items; the future resolves when they are on disk, or fails with what went wrong.

        Raises:
            UnavailableError: too much is waiting, or this is closed, or belongs to the parent of this process.
            TooLargeError: more items than could ever wait at once.
        """
        if os.getpid() != self._process:
            # Before the lock: the writer thread may have held it at the moment of the fork.
            raise UnavailableError(
                "this queue belongs to the parent process",
                where="group commit",
                mend="Open the folder again after the fork.",
            )
        taken = list(items)
        if len(taken) > self._capacity:
            raise TooLargeError(
                f"{len(taken)} rows at once, and at most {self._capacity} may wait",
                where="group commit",
                mend="Send them in smaller parts.",
            )
        future: Future[None] = Future()
        with self._changed:
            if self._closed:
                raise UnavailableError("the queue is closed", where="group commit", mend="The process is stopping.")
            if self._n_open + len(taken) > self._capacity:
                raise UnavailableError(
                    f"{self._n_open} rows wait to be written, and at most {self._capacity} may",
                    where="group commit",
                    mend="Try again in a moment.",
                )
            self._waiting.append((taken, future))
            self._n_waiting += len(taken)
            self._n_open += len(taken)
            self._n_submitted += 1
            self._changed.notify_all()
        return future

    def flush(self) -> None:
        """Wait until everything submitted so far is written or failed; failures are told by the futures."""
        with self._changed:
            target = self._hurry_to = self._n_submitted
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._n_settled >= target)

    def close(self) -> None:
        """Write what waits, then stop. Submitting afterwards is refused; closing twice is fine."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self._thread.join()

    def __enter__(self) -> "GroupCommit[T]":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _run(self) -> None:
        while group := self._next_group():
            self._write_group([entry for entry in group if entry[1].set_running_or_notify_cancel()])
            with self._changed:
                self._n_open -= sum(len(items) for items, _ in group)
                self._n_settled += len(group)
                self._changed.notify_all()

    def _next_group(self) -> list[tuple[list[T], "Future[None]"]]:
        """The next submissions to write together; none when closed and drained."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._closed)
            give_up_at = time.monotonic() + self._max_delay_s
            while not (self._closed or self._n_taken < self._hurry_to or self._n_waiting >= self._max_rows):
                remaining_s = give_up_at - time.monotonic()
                if remaining_s <= 0:
                    break
                self._changed.wait(remaining_s)
            group: list[tuple[list[T], Future[None]]] = []
            n_rows = 0
            while self._waiting and (not group or n_rows + len(self._waiting[0][0]) <= self._max_rows):
                entry = self._waiting.popleft()
                n_rows += len(entry[0])
                group.append(entry)
            self._n_waiting -= n_rows
            self._n_taken += len(group)
            return group

    def _write_group(self, group: list[tuple[list[T], "Future[None]"]]) -> None:
        if not group:
            return
        try:
            with self._database.write() as connection:
                self._write(connection, [item for items, _ in group for item in items])
        except Exception as error:  # noqa: BLE001 - handed to whoever waits on the futures
            if len(group) > 1 and not isinstance(error, UnavailableError | OperationalError):
                # One caller's bad rows are not the other callers' fault. A locked database or a full disk is nobody's,
                # and trying once per caller would take minutes.
                for entry in group:
                    self._write_group([entry])
                return
            for _, future in group:
                future.set_exception(error)
        else:
            for _, future in group:
                future.set_result(None)
