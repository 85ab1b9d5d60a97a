"""Standard input as a stream without end: a line a message, answers to standard output."""

import os
import select
from collections.abc import Sequence
from time import monotonic
from typing import Final

from telltale.serve.consume.broker import Delivery, Told

_LINGER_S: Final = 0.1  # after a line came, for more of them
_CHUNK: Final = 1_048_576
_LONGEST_LINE: Final = 16_000_000


class Lines:
    """The lines of a pipe, and where answers are written, one a line.

    Nobody can be told that a line is done with. Whoever writes lines again after a crash loses nothing: rows are stored once,
    and their answers are written again.

    Args:
        source: a file descriptor to read.
        answers: one to write to; None to write nothing.
    """

    def __init__(self, source: int, answers: int | None = None) -> None:
        self._source = source
        self._answers = answers
        self._rest = bytearray()
        self._n_lines = 0
        self._is_at_end = False
        self._lines: list[Delivery] = []

    @property
    def is_over(self) -> bool:
        """Whether the other end was closed, and every line was taken."""
        return self._is_at_end and not self._lines

    def take(self, most: int, *, wait_s: float) -> list[Delivery]:
        """Lines that came; a last one without an end counts once nothing more can come."""
        end_s = monotonic() + wait_s
        while not self._is_at_end and len(self._lines) < most:
            left_s = end_s - monotonic()
            if not select.select([self._source], [], [], max(0.0, min(left_s, _LINGER_S) if self._lines else left_s))[
                0
            ]:
                break
            self._read()
        taken, self._lines = self._lines[:most], self._lines[most:]
        return taken

    def settle(self, deliveries: Sequence[Delivery], *, scores: Sequence[Told], alarms: Sequence[Told]) -> list[bytes]:  # noqa: ARG002 - alarms are among the scores
        """Write the answers."""
        if self._answers is not None and scores:
            left = memoryview(b"".join([b"%b\n" % one.body for one in scores]))
            while left:
                left = left[os.write(self._answers, left) :]
        return []

    def tell_alarm(self, told: Told) -> None:
        """Alarms have other ways to people."""

    def number(self, delivery: Delivery) -> str:
        """The line's number."""
        return delivery.id.decode()

    def close(self) -> None:
        """Both ends belong to whoever opened them."""

    def _read(self) -> None:
        data = os.read(self._source, _CHUNK)
        self._is_at_end = not data
        self._rest += data or (b"\n" if self._rest else b"")
        if len(self._rest) > _LONGEST_LINE and b"\n" not in data:
            self._rest += b"\n"  # to be set aside as what it is; the memory for it has an end
        *lines, rest = self._rest.split(b"\n")
        self._rest = rest
        for line in lines:
            self._n_lines += 1
            if not line.isspace() and line:
                self._lines.append(Delivery(b"%d" % self._n_lines, bytes(line)))
