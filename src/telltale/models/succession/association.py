"""Association: what came after an item the last times that it came, of those that come neither always nor once.

Only items that neither the store nor a run would have had are told to it: frequent ones are there in any case, and stand
between the others; of a run only the beginning is, so that where one begins tells where the next one does. Of each the one that follows is kept, with how often that came true of late, from 0 to 3; one that did not loses it, and
at 0 another takes the place. From an item the chain is followed for a few items.

References:
    Yang et al., "MITHRIL: mining sporadic associations for cache prefetching", SoCC 2017, for mid-frequency items alone.
    Joseph & Grunwald, "Prefetching using Markov predictors", ISCA 1997, for successors kept with confidence.
"""

from collections.abc import Mapping
from typing import Final, final

from telltale.models.succession.gate import Gate
from telltale.models.succession.generations import Generations

Followed = tuple[str, int]  # by what, and how sure: 0 to 3
MOST_SURE: Final = 3
_DEPTH: Final = 4
N_CELLS: Final = (MOST_SURE + 1) * _DEPTH * 2


@final
class Association:
    """What follows what.

    Args:
        first_cell: where its cells begin.
        successors: what training saw.
        capacity: items it remembers.
    """

    __slots__ = ("_cell", "_last", "_successors", "_was_right")

    def __init__(self, first_cell: int, successors: Mapping[str, Followed], *, capacity: int) -> None:
        self._cell = first_cell
        self._successors: Generations[str, Followed] = Generations(capacity, successors)
        self._last: str | None = None
        self._was_right = 0

    def step(self, item: str) -> None:
        """The entity came to an item that was not there, or was because of this."""
        last, self._last = self._last, item
        if last is None or last == item:
            return
        known = self._successors.get(last)
        if known is None or (known[1] == 0 and known[0] != item):
            self._was_right = 0
            self._successors.put(last, (item, 0))
        elif known[0] == item:
            self._was_right = 1
            if known[1] < MOST_SURE:
                self._successors.put(last, (item, known[1] + 1))
        else:
            self._was_right = 0
            self._successors.put(last, (known[0], known[1] - 1))

    def offer(self, item: str, gate: Gate) -> None:
        """Hand what follows to the gate, and what follows that."""
        get, first = self._successors.get, self._cell + self._was_right * (MOST_SURE + 1) * _DEPTH
        gate.begin_walk()
        for depth in range(_DEPTH):
            known = get(item)
            if known is None or not gate.offer(known[0], first + known[1] * _DEPTH + depth):
                return
            item = known[0]

    def learned(self) -> dict[str, Followed]:
        """What it remembers of items."""
        return self._successors.newest()
