"""Strides: an entity that goes on by the same step most of the time, up or down.

The step is what most of the last eight were, if more than half were alike, so that a few accesses in between do not end it;
steps of one upwards are left to the runs.

References:
    Al Maruf & Chowdhury, "Effectively prefetching remote memory with Leap", USENIX ATC 2020, for the majority of steps.
"""

from collections import deque
from typing import Final, final

from telltale.models.succession.gate import Gate

_WINDOW: Final = 8
_MAJORITY: Final = _WINDOW // 2 + 1
_MOST_AHEAD: Final = 8
N_CELLS: Final = (_WINDOW - _MAJORITY + 1) * _MOST_AHEAD


@final
class Strides:
    """The step that most of the last ones were.

    Args:
        first_cell: where its cells begin.
    """

    __slots__ = ("_cell", "_last", "_steps")

    def __init__(self, first_cell: int) -> None:
        self._cell = first_cell
        self._last: int | None = None
        self._steps: deque[int] = deque(maxlen=_WINDOW)

    def step(self, address: int) -> None:
        """The entity came to an address."""
        if self._last is not None and address != self._last:
            self._steps.append(address - self._last)
        self._last = address

    def offer(self, address: int, gate: Gate) -> None:
        """Hand the next ones to the gate."""
        steps = self._steps
        if not steps:
            return
        stride = steps[-1]
        if stride == 1 or (n_alike := steps.count(stride)) < _MAJORITY:
            return
        gate.begin_walk()
        first = self._cell + (n_alike - _MAJORITY) * _MOST_AHEAD
        for ahead in range(_MOST_AHEAD):
            next_one = address + stride * (ahead + 1)
            if next_one < 0 or not gate.offer(str(next_one), first + ahead):
                return
