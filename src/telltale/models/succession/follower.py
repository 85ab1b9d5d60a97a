"""An entity followed on its way through the items: every source told of each step, and the gate asked what to fetch."""

from collections.abc import Collection, Mapping, Sequence
from typing import Final, final

import msgspec

from telltale.contract.learners import Foretold
from telltale.models.succession import association, runs, strides
from telltale.models.succession.addresses import address_of
from telltale.models.succession.association import Association, Followed
from telltale.models.succession.gate import NOTHING, Gate
from telltale.models.succession.network import N_CELLS as N_NETWORK_CELLS
from telltale.models.succession.network import Network, NetworkSource
from telltale.models.succession.runs import Runs
from telltale.models.succession.strides import Strides

_RUNS, _STRIDES = 0, runs.N_CELLS
_ASSOCIATION = _STRIDES + strides.N_CELLS
_NETWORK = _ASSOCIATION + association.N_CELLS
N_CELLS: Final = _NETWORK + N_NETWORK_CELLS
SOURCE_OF_CELL: Final = (*[0] * _ASSOCIATION, *[1] * association.N_CELLS, *[2] * N_NETWORK_CELLS)
# Before anything is known a cell comes true three times in ten, on the weight of two and a half: one that fails is shut at once.
FIRST_GOOD, FIRST_TRIED = 0.75, 2.5


class Known(msgspec.Struct, frozen=True, kw_only=True):
    """What a version knows before it follows anybody.

    Args:
        good, tried: the gate's counts per cell, of length `N_CELLS`.
        came_true, in_vain, wanted: the gate's totals.
        followed: of `Runs`.
        successors: of `Association`.
        network: of `NetworkSource`, or None.
        use_addresses, use_association: which sources there are beside.
        capacity: addresses and items remembered.
        lowest, budget: of `Gate`.
    """

    good: Sequence[float]
    tried: Sequence[float]
    came_true: float = 0.0
    in_vain: float = 0.0
    wanted: float = 0.0
    followed: Mapping[int, int] = {}
    successors: Mapping[str, Followed] = {}
    network: Network | None = None
    use_addresses: bool = True
    use_association: bool = True
    capacity: int
    lowest: float
    budget: float


@final
class GatedFollower:
    """A `Follower`. Not shared between threads; its memory is bounded.

    Args:
        known: of the version; never changed.
        top_k: foretellings per step, at most.
        has: what the store holds, or None.
    """

    __slots__ = ("_association", "_gate", "_has", "_network", "_runs", "_strides")

    def __init__(self, known: Known, *, top_k: int, has: Collection[str] | None = None) -> None:
        self._has = has
        self._gate = Gate(
            known.good,
            known.tried,
            sources=SOURCE_OF_CELL,
            lowest=known.lowest,
            budget=known.budget,
            top_k=top_k,
            has=has,
        )
        self._gate.begin(came_true=known.came_true, in_vain=known.in_vain, wanted=known.wanted)
        self._runs = Runs(_RUNS, known.followed, capacity=known.capacity) if known.use_addresses else None
        self._strides = Strides(_STRIDES)
        self._association = (
            Association(_ASSOCIATION, known.successors, capacity=known.capacity) if known.use_association else None
        )
        self._network = NetworkSource(_NETWORK, known.network) if known.network is not None else None

    def step(self, item: str) -> Foretold:
        """The entity came to an item: what is worth fetching now, if it was not there, or only because it was foretold."""
        return self._step(item, anew=False)

    def step_anew(self, item: str) -> Foretold:
        """The same, with what was foretold before and has not come told again."""
        return self._step(item, anew=True)

    @property
    def gate(self) -> Gate:
        """What it rests on."""
        return self._gate

    def learned(self) -> tuple[dict[int, int], dict[str, Followed]]:
        """What it remembers of addresses and of items."""
        return (
            {} if self._runs is None else self._runs.learned(),
            {} if self._association is None else self._association.learned(),
        )

    def _step(self, item: str, *, anew: bool) -> Foretold:
        gate = self._gate
        is_there = self._has is not None and item in self._has
        cell = gate.came(item, is_there=is_there)
        runs_, address = self._runs, None
        if runs_ is not None:
            address = address_of(item)
            if address is not None:
                runs_.step(address)
        if is_there and cell < 0:
            return NOTHING
        if anew:
            gate.forget_outstanding()
        if address is not None and runs_ is not None:
            self._strides.step(address)
            runs_.offer(address, gate, anew=anew)
            self._strides.offer(address, gate)
        # What a run or a stride had fetched would not have been missed: association tells where the next one begins.
        if self._association is not None and not 0 <= cell < _ASSOCIATION:
            self._association.step(item)
            self._association.offer(item, gate)
        if self._network is not None:
            self._network.step(item)
            self._network.offer(gate)
        return gate.foretold()
