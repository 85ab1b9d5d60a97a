"""Sequential runs: an entity that comes to one address after another, and whether that went on the last time.

Runs are found however many are interleaved: what is kept is where each would go on, not where the entity was last. How far to
look ahead is left to the gate: its cells tell how long the run is, how far ahead, and whether the block before was followed
by this one when the entity was there the last two times. A run that ended here before ends here again, more often than not.
"""

from collections.abc import Mapping
from typing import Final, final

from telltale.models.succession.gate import MOST_AHEAD, Gate
from telltale.models.succession.generations import Generations

_OPEN_RUNS: Final = 4_096
_UNKNOWN: Final = 4  # beside the four of two bits: followed the last time, followed the time before


def _bucket(n: int) -> int:
    """0, 1, 2, then up to 4, 8, 16 and beyond."""
    return n if n <= 2 else min(6, (n - 1).bit_length() + 1)


_BUCKETS: Final = tuple(_bucket(n) for n in range(MOST_AHEAD + 1))
_N_BUCKETS: Final = 7
N_CELLS: Final = (_UNKNOWN + 1) * _N_BUCKETS * _N_BUCKETS


@final
class Runs:
    """Runs of addresses that go up by one.

    Args:
        first_cell: where its cells begin.
        followed: what training saw: two bits per address, was the next one followed the last time (1), and before (2).
        capacity: addresses it remembers.
    """

    __slots__ = ("_cell", "_end", "_followed", "_length", "_newer", "_older", "_was")

    def __init__(self, first_cell: int, followed: Mapping[int, int], *, capacity: int) -> None:
        self._cell = first_cell
        self._followed: Generations[int, int] = Generations(capacity, followed)
        self._newer: dict[
            int, tuple[int, int]
        ] = {}  # by the address that would go on: length, and how far was foretold
        self._older: dict[int, tuple[int, int]] = {}
        self._length = self._end = 0
        self._was: int | None = None

    def step(self, address: int) -> None:
        """The entity came to an address."""
        followed = self._followed
        run = self._newer.pop(address, None) or self._older.pop(address, None)
        if run is None:
            self._length, self._end = 0, address
        else:
            self._length, self._end = run[0] + 1, max(run[1], address)
            before = followed.get(address - 1)
            if before is not None:
                followed.put(address - 1, before | 1)
        self._was = followed.get(address)
        followed.put(address, 0 if self._was is None else (self._was << 1) & 3)
        self._keep(address)

    def offer(self, address: int, gate: Gate, *, anew: bool) -> None:
        """Hand what goes on from here to the gate: from where it was foretold to before, or `anew` from here."""
        run = _BUCKETS[min(self._length, MOST_AHEAD)]
        end = address if anew else self._end
        get, first, most = self._followed.get, self._cell, address + gate.reach
        gate.begin_walk()
        while end < most:
            was = self._was if end == address else get(end)
            cell = ((_UNKNOWN if was is None else was) * _N_BUCKETS + run) * _N_BUCKETS + _BUCKETS[end + 1 - address]
            if not gate.offer(str(end + 1), first + cell):
                break
            end += 1
        if end != self._end:
            self._end = end
            self._keep(address)

    def learned(self) -> dict[int, int]:
        """What it remembers of addresses."""
        return self._followed.newest()

    def _keep(self, address: int) -> None:
        self._newer[address + 1] = (self._length, self._end)
        if len(self._newer) > _OPEN_RUNS:
            self._older, self._newer = self._newer, {}
